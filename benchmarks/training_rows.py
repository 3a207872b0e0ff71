"""Rows of the training benchmark: real ones from a mirror, in XLM-R's vocabulary, at published batch sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainables.data.cache import TokenCache, Tokens
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.sentence import encode_texts


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A task of the grid, its effective batch and longest input; `like` names the task whose rows stand in for it."""

    batch: int
    max_length: int
    like: str = ""


SETTINGS = {
    "qqp": Setting(batch=24, max_length=256),
    "xnli": Setting(batch=32, max_length=256),
    "squad": Setting(batch=8, max_length=384),
    "pawsx": Setting(batch=32, max_length=256),
    "cosmosqa": Setting(batch=4, max_length=256),
    "udpos": Setting(batch=32, max_length=256),
    "anli": Setting(batch=24, max_length=256),
    "hellaswag": Setting(batch=24, max_length=256),
    "ccg": Setting(batch=24, max_length=256, like="udpos"),
    "csqa": Setting(batch=4, max_length=256),
    "panx": Setting(batch=32, max_length=256),
    "xquad": Setting(batch=16, max_length=384),
    "tydiqa": Setting(batch=16, max_length=384),
    "mlm": Setting(batch=8, max_length=256),
}
DEFAULT = ("qqp", "xnli", "squad", "pawsx", "cosmosqa", "udpos")
"""Those whose figures are to be reached (architecture: figures)."""


def rows(name: str, data: str, steps: int, folder: Path | None) -> Encoded:
    """Enough rows of a task for so many steps, kept in a token cache so that every process reads the same ones."""
    setting = SETTINGS[name]
    limit = setting.batch * steps
    key = {"benchmark": name, "data": data, "limit": limit}
    return TokenCache(folder).get(key, lambda: _made(name, data, limit)).encoded


def _made(name: str, data: str, limit: int) -> Tokens:
    # the loaders are not needed where the tokens are at hand, as on a GPU machine
    from trainables.data.hub import load, open_data
    from trainables.data.mlm import load_mlm
    from trainables.model.tokenizer import load_tokenizer
    from trainables.spec import MlmSettings
    from trainables.tasks.registry import task
    from trainables.tasks.task import Split

    setting, tokenizer, source = SETTINGS[name], load_tokenizer("bundled"), open_data(data)
    if name == "mlm":
        mlm = MlmSettings(languages=("en", "de", "ru", "ar", "zh", "hi", "sw", "fi"), sentences=limit)
        return Tokens(encoded=encode_texts(load_mlm(mlm, source).examples, tokenizer, setting.max_length))
    known = task(setting.like or name)
    loaded = load(known, Split.TRAIN, "en", source, limit=limit)
    return Tokens(encoded=known.format.encode(loaded.examples, tokenizer, setting.max_length, training=True))
