"""Findings of a doctor as lines: what is wrong with its remedy, and in short what is right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from rich.text import Text

from sweep.planning.preflight.finding import Finding, Level
from trainables.ledger.plain import plain

_STYLES = {Level.GOOD: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}
_FEW = 4
"""Nodes that are named."""


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """Lines in the order of the checks; equal findings of several nodes are one."""
    groups: defaultdict[tuple[str, Level, str, str], list[Finding]] = defaultdict(list)
    for each in findings:
        text = "" if each.level is Level.GOOD and each.node else each.text
        groups[each.check, each.level, text, each.remedy].append(each)
    for (check, level, _, remedy), alike in groups.items():
        texts = list(dict.fromkeys(each.text for each in alike))
        said = texts[0] + (f" (the first of {len(texts)} alike)" if len(texts) > 1 else "")
        yield Text(f"{level:<8} {check}{_where(alike)}: {plain(said, 1000)}", style=_STYLES[level])
        if remedy:
            yield Text(f"         -> {plain(remedy, 1000)}")


def summary(findings: Sequence[Finding], num_nodes: int) -> Text:
    """How many of what."""
    counts = Counter(each.level for each in findings)
    machines = f"{num_nodes} nodes" if num_nodes != 1 else "this machine alone"
    told = [
        f"{counts[level]} {level}{'s' * (counts[level] > 1)}" for level in (Level.PROBLEM, Level.WARNING)
        if counts[level]
    ]  # fmt: skip
    worst = Level.PROBLEM if counts[Level.PROBLEM] else Level.WARNING if counts[Level.WARNING] else Level.GOOD
    return Text(f"looked at {machines}: {', '.join(told) or 'all is as the sweep needs it'}", style=_STYLES[worst])


def _where(alike: Sequence[Finding]) -> str:
    nodes = [plain(each.node) for each in alike if each.node]
    if not nodes:
        return ""
    more = f" and {len(nodes) - _FEW} more" if len(nodes) > _FEW else ""
    return f" on {', '.join(nodes[:_FEW])}{more}"
