"""Stack: what the folder of an encoder says of the adapters in it, and their files.

`adapters.json`, sealed and written last, lists them in the order of the stages that trained them. One has a file
of its own, `adapters-1.safetensors` and so on, or lies among the weights of the encoder: bottlenecks that a later
stage has trained together with everything else. Where the folder has no weights but those of adapters, they belong to
the pretrained encoder that is named.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from trainables.ledger.digests import digest
from trainables.ledger.recipe import Method, MethodKind
from trainables.ledger.seal import sealed, unsealed
from trainables.model.adapters import Adapters, bottlenecks_of
from trainables.model.names import ADAPTERS_FILE, EncoderUnavailableError

_FORMATS = range(1, 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """The adapters of one stage.

    Attributes:
        method: their kind and size.
        file: name of their file; empty where they lie among the weights of the encoder.
        digest: SHA-256 of the file; empty without one.
        languages: of the text that trained them, where that was MLM alone; such adapters are those of a language.
    """

    method: Method
    file: str = ""
    digest: str = ""
    languages: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack:
    """What `adapters.json` says.

    Attributes:
        base: name of the pretrained encoder.
        revision: of it.
        entries: adapters, those of the first stage first.
    """

    base: str = ""
    revision: str = ""
    entries: tuple[Entry, ...] = ()

    @property
    def within(self) -> tuple[Entry, ...]:
        """Those that lie among the weights of the encoder."""
        return tuple(entry for entry in self.entries if not entry.file)

    @property
    def apart(self) -> tuple[Entry, ...]:
        """Those that have a file."""
        return tuple(entry for entry in self.entries if entry.file)

    def write(self, folder: Path) -> None:
        """Write `adapters.json` into a folder."""
        text = sealed({"format": _FORMATS[-1], **dataclasses.asdict(self)}, indent=1)
        (folder / ADAPTERS_FILE).write_text(text, encoding="utf-8")


def read_stack(folder: Path) -> Stack:
    """The adapters of a folder, none where it says nothing of any.

    Raises EncoderUnavailableError for what is not as it was written.
    """
    path = folder / ADAPTERS_FILE
    if not path.is_file():
        return Stack()
    try:
        fields = unsealed(path.read_text(encoding="utf-8"), _FORMATS, sealed_since=1)
        entries = tuple(_entry(**entry) for entry in fields["entries"])
        return Stack(base=fields["base"], revision=fields["revision"], entries=entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{ADAPTERS_FILE}: {error}") from error


def write_within(model: nn.Module, folder: Path) -> None:
    """Say which bottlenecks lie among the weights of an encoder; nothing for one without any."""
    entries = tuple(Entry(method=adapters.method) for adapters in bottlenecks_of(model))
    if entries:
        Stack(entries=entries).write(folder)


def write_adapters(adapters: Adapters, folder: Path, below: Stack, languages: tuple[str, ...]) -> Stack:
    """Write the file of the adapters that come after those `below`; returns all of them, to be written last."""
    file = f"adapters-{len(below.entries) + 1}.safetensors"
    save_file(adapters.weights(), folder / file, metadata={"format": "pt"})
    (folder / file).chmod(0o644)  # safetensors makes files that their owner alone may read
    made = Entry(method=adapters.method, file=file, digest=digest(folder / file), languages=languages)
    return dataclasses.replace(below, entries=(*below.entries, made))


def read_adapters(folder: Path, entry: Entry) -> dict[str, Tensor]:
    """The weights of adapters that have a file, in its memory map; raises EncoderUnavailableError."""
    path = folder / entry.file
    try:
        if digest(path) != entry.digest:
            raise _damaged(folder, f"{entry.file} is not what was written (its digest differs)")
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, f"{entry.file}: {error}") from error


def _entry(*, method: dict[str, object], file: str, digest: str, languages: list[str]) -> Entry:
    kind, size = MethodKind(str(method["kind"])), int(str(method["size"]))
    if Path(file).name != file:
        raise ValueError(f"{file!r} is no name of a file in this folder")
    return Entry(method=Method(kind=kind, size=size), file=file, digest=digest, languages=tuple(languages))


def _damaged(folder: Path, why: str) -> EncoderUnavailableError:
    return EncoderUnavailableError(f"the encoder in {str(folder)!r} is damaged: {why}")
