"""Kinds of text: what messages have in common that differ in figures, names and places alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_PATH = re.compile(r"(?<!\w)/[^\s,;()]+")
_RUN_ID = re.compile(r"\b[0-9a-f]{12}\b")
_NUMBER = re.compile(r"[-+]?\d[\d,_.]*(?:[eE][-+]?\d+)?%?")
_LIST = re.compile(r"(?:◇(?:, | and |/))+◇")


def kind(text: str, words: Iterable[str] = ()) -> str:
    """The text without its quotations, paths, run ids, numbers and the given words; lists of any length are one."""
    shape = text
    for pattern in (_QUOTED, _PATH, _RUN_ID, _NUMBER):
        shape = pattern.sub("◇", shape)
    if known := sorted(words, key=lambda word: (-len(word), word)):
        shape = re.sub(rf"(?<![\w-])(?:{'|'.join(map(re.escape, known))})(?![\w-])", "◇", shape)
    return _LIST.sub("◇", shape)
