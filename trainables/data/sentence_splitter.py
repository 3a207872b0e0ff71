"""Sentences of running text in many scripts, by rules (protocol.md 3.9: one sentence is one example)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainables.tasks.languages import WITHOUT_SPACES

MIN_WORDS = 3
MIN_CHARACTERS = 6
THAI_PHRASE = 60
"""Thai has no full stop; phrases are joined until they are this many characters long."""

_CLOSING = "\"'”’»)\\]」』）"
_WITH_SPACE = re.compile(rf"(?<=[.!?…؟۔।॥။])([{_CLOSING}]*)\s+")
_WITHOUT_SPACE = re.compile(rf"(?<=[。！？])(?![{_CLOSING}])")
_INITIAL_OR_NUMBER = re.compile(r"(?:^|[\s(.])(?:\w|\d+)\.$")


def sentences(text: str, language: str) -> Iterator[str]:
    """Sentences of a text, line by line; too short ones (headings, left-over markup) are left out."""
    for line in text.splitlines():
        for sentence in _split(line.strip(), language):
            if _long_enough(sentence, language):
                yield sentence


def _split(line: str, language: str) -> Iterator[str]:
    if language == "th":
        yield from _thai_phrases(line)
        return
    begin = 0
    for gap in _WITH_SPACE.finditer(line):
        before, after = line[begin : gap.start()], line[gap.end() : gap.end() + 1]
        if not after or after.islower() or _INITIAL_OR_NUMBER.search(before):
            continue
        yield from _split_without_space(line[begin : gap.end()].strip())
        begin = gap.end()
    yield from _split_without_space(line[begin:].strip())


def _split_without_space(text: str) -> Iterator[str]:
    yield from filter(None, (part.strip() for part in _WITHOUT_SPACE.split(text)))


def _thai_phrases(line: str) -> Iterator[str]:
    phrase = ""
    for part in line.split():
        phrase = f"{phrase} {part}".strip()
        if len(phrase) >= THAI_PHRASE:
            yield phrase
            phrase = ""
    if phrase:
        yield phrase


def _long_enough(sentence: str, language: str) -> bool:
    if language in WITHOUT_SPACES:
        return len(sentence) >= MIN_CHARACTERS
    return len(sentence.split()) >= MIN_WORDS
