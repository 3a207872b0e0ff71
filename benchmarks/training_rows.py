"""Rows of the training benchmark: real ones from a mirror, in XLM-R's vocabulary, at published batch sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from search_spaces.published import INTERMEDIATE, MLM, TARGET
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.registry import task


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A task of the grid at its published batch; `like` names the task whose rows stand in for it."""

    batch: int
    max_length: int
    like: str = ""


def _settings() -> dict[str, Setting]:
    batches = {name: row.batch_size for name, row in {**INTERMEDIATE, **TARGET}.items() if name != "mlqa"}
    return {
        name: Setting(batch=batch, max_length=task(name).max_length, like="udpos" if name == "ccg" else "")
        for name, batch in {**batches, "mlm": MLM.batch_size}.items()
    }


SETTINGS = _settings()
MOST_ROWS = 20_000
"""Rows that are kept of each task."""
DEFAULT = ("qqp", "xnli", "squad", "pawsx", "cosmosqa", "udpos")
"""Those whose figures are to be reached (architecture: figures)."""


def rows(name: str, data: str, num_rows: int, folder: Path) -> Encoded:
    """The first rows of a task, read from `folder/<task>.safetensors`, which is made where it does not exist.

    Raises ValueError when the file holds fewer rows than are asked for.
    """
    file = folder / f"{name}.safetensors"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_file(_as_arrays(_made(name, data)), file)
    encoded = _as_encoded(load_file(file))
    if encoded.num_rows < num_rows:
        raise ValueError(f"{file} holds {encoded.num_rows} rows, {num_rows} are asked for; fewer steps will do")
    return _first(encoded, num_rows)


def _first(encoded: Encoded, num_rows: int) -> Encoded:
    places = np.arange(num_rows)
    some = {
        "sequences": encoded.sequences.take(np.arange(num_rows * encoded.group)),
        "owners": encoded.owners[:num_rows],
    }
    if len(encoded.tags):
        some |= {"word_positions": encoded.word_positions.take(places), "tags": encoded.tags.take(places)}
    labels, spans = encoded.labels[:num_rows], encoded.spans[:num_rows]
    return Encoded(examples=[], group=encoded.group, labels=labels, spans=spans, **some)


def _as_arrays(encoded: Encoded) -> dict[str, np.ndarray]:
    found = {"group": np.array([encoded.group]), "labels": encoded.labels, "spans": encoded.spans}
    for name in ("sequences", "word_positions", "tags"):
        ragged: Ragged = getattr(encoded, name)
        found |= {f"{name}.values": ragged.used, f"{name}.offsets": ragged.offsets - ragged.offsets[0]}
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def _as_encoded(arrays: dict[str, np.ndarray]) -> Encoded:
    group = int(arrays["group"][0])
    ragged = {
        name: Ragged(arrays[f"{name}.values"], arrays[f"{name}.offsets"])
        for name in ("sequences", "word_positions", "tags")
    }
    num_rows = len(ragged["sequences"]) // group
    return Encoded(
        examples=[], owners=np.arange(num_rows, dtype=np.int32), group=group, labels=arrays["labels"],
        spans=arrays["spans"], **ragged,
    )  # fmt: skip


def _made(name: str, data: str) -> Encoded:
    # the loaders are not needed where the tokens are at hand, as on a GPU machine
    from trainables.data.hub import load, open_data
    from trainables.data.mlm import load_mlm
    from trainables.ledger.spec import MlmSettings
    from trainables.model.tokenizer import load_tokenizer
    from trainables.tasks.formats.sentence import encode_texts
    from trainables.tasks.task import Split

    setting, tokenizer, source = SETTINGS[name], load_tokenizer("bundled"), open_data(data)
    if name == "mlm":
        mlm = MlmSettings(languages=("en", "de", "ru", "ar", "zh", "hi", "sw", "fi"), sentences=MOST_ROWS)
        return encode_texts(load_mlm(mlm, source).examples, tokenizer, setting.max_length)
    known = task(setting.like or name)
    loaded = load(known, Split.TRAIN, "en", source, limit=MOST_ROWS)
    return known.format.encode(loaded.examples, tokenizer, setting.max_length, training=True)
