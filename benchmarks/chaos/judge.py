"""The judge: from what a reader made of something damaged to what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.chaos.outcomes import Outcome

TRACEBACK = "Traceback (most recent call last)"
FULL = ("No space left", "disk is full", "File too large")


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


def judge_damage(
    expected: str, read: Reading, names: Sequence[str], again: Reading, expected_after: str | None = None
) -> Outcome:
    """What a damaged file has led to.

    `names` are words one of which a message must have. `again` is what the reader found after everything was done that
    the messages say; `expected_after` what it finds after the same where nothing is damaged, if that is not `expected`.
    """
    if TRACEBACK in read.words or TRACEBACK in again.words:
        return Outcome.TRACEBACK
    named = _is_named(read.words, names)
    if read.result == expected:
        return Outcome.REPAIRED if read.aside else Outcome.NOTICED if named else Outcome.HARMLESS
    if not named and not read.aside:
        return Outcome.SILENT
    return Outcome.NOTICED if again.result == (expected_after or expected) else Outcome.BROKEN


def judge_stop(expected: str, left: str | None, again: Reading) -> Outcome:
    """What a process that was stopped has led to.

    `left` is the first thing that is wrong with what it left, if any; `again` is what the same command then found.
    """
    if left:
        return Outcome.SILENT
    if TRACEBACK in again.words:
        return Outcome.TRACEBACK
    return Outcome.CONTINUED if again.result == expected else Outcome.LOST


def judge_full(expected: str, first: Reading, left: str | None, again: Reading) -> Outcome:
    """What a full disk has led to: `first` while it was full, `again` when there was room."""
    if TRACEBACK in first.words:
        return Outcome.TRACEBACK
    if first.result != expected and not _is_named(first.words, FULL):
        return Outcome.SILENT
    return judge_stop(expected, left, again)


def judge_input(code: int, words: str) -> Outcome:
    """What a command line has led to that should not be: done as if it were nothing, or refused with a word."""
    if TRACEBACK in words or "Fatal Python error" in words:
        return Outcome.TRACEBACK
    if code not in (0, 2):
        return Outcome.BROKEN
    if code and not words.strip():
        return Outcome.SILENT
    return Outcome.NOTICED if code else Outcome.HARMLESS


def _is_named(words: str, names: Sequence[str]) -> bool:
    flat = "".join(words.split())  # a terminal breaks lines where it likes
    return any("".join(name.split()) in flat for name in names)
