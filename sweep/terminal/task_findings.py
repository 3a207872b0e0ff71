"""What a check of tasks of one's own found: a line for each task, then its findings, rows, labels and examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sweep.terminal.wording import how_many
from trainables.data.appraisal import Appraisal
from trainables.data.findings import Finding, Problem
from trainables.data.sight import Kind, Sight
from trainables.ledger.plain import plain
from trainables.tasks.formats.base import Head
from trainables.tasks.task import Split

_BAR = 24
_MOST_LABELS = 12
_ABSENT = "none"
_INSIDE = (0, 0, 0, 2)
_STYLES = {Kind.SPECIAL: "dim", Kind.TEXT: "", Kind.ANSWER: "bold green", Kind.GAP: "dim"}
_COUNTED = {Head.TAGGING: "words", Head.CHOICE: "rows, by the choice that is right"}


def verdicts(found: Sequence[Appraisal]) -> Table:
    """A line for each task: its role and format, and whether it is sound."""
    table = _table()
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in found:
        kind = type(each.task.format).__name__.removesuffix("Format").lower()
        table.add_row(Text(plain(each.task.name), style="bold"), each.task.role, kind, verdict(each))
    return table


def verdict(found: Appraisal) -> Text:
    """Whether a task is sound, and how many remarks there are."""
    problems, remarks = len(merged(found.problems)), len(merged(found.remarks))
    beside = f", {how_many(remarks, 'remark')}" if remarks else ""
    if problems:
        return Text.assemble((how_many(problems, "problem"), "bold red"), beside)
    return Text.assemble(("sound", "green"), beside)


def findings_of(found: Appraisal, sights: Sequence[Sight], place: str) -> Group:
    """All that was found of one task, and some of its examples, which are from `place`."""
    parts: list[RenderableType] = [Text(plain(found.task.name), style="bold")]
    if found.findings:
        parts.append(Padding(_findings(found), _INSIDE))
    if found.examples:
        parts += _headed("rows", _rows(found))
    if any(found.labels.values()):
        counted = _COUNTED.get(found.task.format.head, "rows")
        parts += _headed(f"labels of the training {counted}", _labels(found))
    if sights:
        shown = (_sight(each, number) for number, each in enumerate(sights, start=1))
        parts += _headed(f"as the model sees them: {place}", Group(*shown))
    return Group(*parts)


def merged(findings: Sequence[Finding]) -> list[tuple[Finding, str]]:
    """Findings that say the same once, each with all places where they are: `dev de, es; test de`."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for each in findings:
        groups.setdefault((type(each), each.check, each.text), []).append(each)
    return [(of[0], _places(of)) for of in groups.values()]


def _places(findings: Sequence[Finding]) -> str:
    by_split: dict[Split | None, list[str]] = {}
    for each in findings:
        by_split.setdefault(each.split, []).append(each.language)
    return "; ".join(f"{split or ''} {', '.join(dict.fromkeys(codes))}".strip() for split, codes in by_split.items())


def _findings(found: Appraisal) -> Table:
    table = _table()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold", ratio=1)
    table.expand = True
    for each, place in (*merged(found.problems), *merged(found.remarks)):
        kind = Text("problem", style="red") if isinstance(each, Problem) else Text("remark", style="yellow")
        table.add_row(kind, each.check, place, Text(plain(each.text)))
    return table


def _rows(found: Appraisal) -> Table:
    """Languages down, those with the same numbers together, splits across; below, the sums."""
    table = _table(show_header=True)
    splits = [split for split in Split if found.task.languages_of(split)]
    table.add_column(overflow="fold", max_width=60)
    for split in splits:
        table.add_column(split, justify="right", no_wrap=True, header_style="dim")
    alike: dict[tuple[str, ...], list[str]] = {}
    for code in dict.fromkeys(code for split in splits for code in found.task.languages_of(split)):
        alike.setdefault(tuple(_cell(found, split, code) for split in splits), []).append(code)
    for cells, codes in alike.items():
        styled = (Text(cell, style="red" if cell == _ABSENT else "") for cell in cells)
        table.add_row(f"{', '.join(codes)}{' (each)' if len(codes) > 1 else ''}", *styled)
    if sum(map(len, alike.values())) > 1:
        sums = (sum(len(held) for (of, _), held in found.examples.items() if of is split) for split in splits)
        table.add_row("all", *(f"{rows:,}" for rows in sums), style="bold")
    return table


def _cell(found: Appraisal, split: Split, code: str) -> str:
    if code not in found.task.languages_of(split):
        return ""
    examples = found.examples.get((split, code))
    return _ABSENT if examples is None else f"{len(examples):,}"


def _labels(found: Appraisal) -> Table:
    """Labels in their order, with how often training shows them; of many the most frequent ones."""
    table = _table()
    table.add_column(overflow="fold", max_width=40)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    total, most = sum(found.labels.values()), max(found.labels.values())
    often = sorted(found.labels, key=lambda name: -found.labels[name])
    kept = set(often if len(often) <= _MOST_LABELS else often[: _MOST_LABELS - 1])
    for name, times in found.labels.items():
        if name in kept:
            bar = "█" * round(_BAR * times / most) or ("▏" if times else "")
            table.add_row(Text(plain(name)), f"{times:,}", f"{times / total:.1%}", Text(bar, style="cyan"))
    if others := [found.labels[name] for name in often if name not in kept]:
        table.add_row(Text(f"{len(others):,} others", style="dim"), f"{sum(others):,}", f"{sum(others) / total:.1%}")
    return table


def _sight(sight: Sight, number: int) -> RenderableType:
    part = f"  (part {sight.part})" if sight.part else ""
    table = _table()
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for each in sight.inputs:
        tokens = Text(" ").join(Text(token.text, style=_STYLES[token.kind]) for token in each.tokens)
        table.add_row(Text(each.name), tokens)
    if sight.what:
        table.add_row(Text(sight.what), Text(" ".join(sight.wanted), style=_STYLES[Kind.ANSWER]))
    return Group(Text(f"{number}  {sight.id}{part}", style="dim"), Padding(table, (0, 0, 0, 3)))


def _headed(heading: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Padding(Text(heading, style="underline"), _INSIDE)
    yield Padding(body, (0, 0, 0, 4))


def _table(*, show_header: bool = False) -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=show_header)
