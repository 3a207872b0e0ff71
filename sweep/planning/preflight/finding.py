"""Finding: what one check found on one node, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    """As the sweep needs it."""
    WARNING = "warning"
    """The sweep runs, but slower, or in danger."""
    PROBLEM = "problem"
    """Runs will fail, or results will not be what they should be."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found.

    Attributes:
        level: how much it matters.
        check: what was looked at, a word or two.
        node: where; empty for the sweep as a whole.
        text: what was found.
        remedy: what to do; empty where nothing need be.
    """

    level: Level
    check: str
    node: str = ""
    text: str
    remedy: str = ""


def good(check: str, node: str, text: str) -> Finding:
    """Something as it should be."""
    return Finding(level=Level.GOOD, check=check, node=node, text=text)


def warning(check: str, node: str, text: str, remedy: str) -> Finding:
    """Something that the sweep can live with."""
    return Finding(level=Level.WARNING, check=check, node=node, text=text, remedy=remedy)


def problem(check: str, node: str, text: str, remedy: str) -> Finding:
    """Something that must be mended first."""
    return Finding(level=Level.PROBLEM, check=check, node=node, text=text, remedy=remedy)
