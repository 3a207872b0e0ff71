"""The judge: from what a reader made of something damaged to what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.chaos.outcomes import Outcome

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reader made of a store.

    Attributes:
        result: all that it found, as text; None where it found nothing.
        words: what it said, on the terminal and in the log.
        aside: files that it has put aside.
    """

    result: str | None
    words: str = ""
    aside: tuple[str, ...] = ()


def judge_damage(expected: str, read: Reading, names: Sequence[str], again: Reading | None) -> Outcome:
    """What a damaged file has led to.

    `names` are words one of which a message must have, `again` is what the reader found after everything was done that
    the messages say; None where nothing was to be done.
    """
    if TRACEBACK in read.words:
        return Outcome.TRACEBACK
    if read.result == expected:
        if read.aside:
            return Outcome.REPAIRED
        return Outcome.NOTICED if _is_named(read.words, names) else Outcome.HARMLESS
    if not read.aside and not _is_named(read.words, names):
        return Outcome.SILENT
    if again is None or again.result != expected:
        return Outcome.BROKEN
    return Outcome.NOTICED


def judge_stop(expected: str, left: str | None, again: Reading) -> Outcome:
    """What a process that was stopped has led to.

    `left` is the first thing that is wrong with what it left, if any; `again` is what the same command then found.
    """
    if left:
        return Outcome.SILENT
    if TRACEBACK in again.words:
        return Outcome.TRACEBACK
    return Outcome.CONTINUED if again.result == expected else Outcome.LOST


def _is_named(words: str, names: Sequence[str]) -> bool:
    flat = "".join(words.split())  # a terminal breaks lines where it likes
    return any("".join(name.split()) in flat for name in names)
