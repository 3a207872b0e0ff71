"""The hyperparameters as the tables of `docs/configuration.md`; a test holds the page to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from search_spaces import published
from trainables.ledger.bounds import Bounds
from trainables.ledger.hyperparameters import Hyperparameter, PhaseName, of_section
from trainables.tasks import registry

_PHASES: tuple[PhaseName, ...] = ("intermediate", "target")


def training_table() -> str:
    """Markdown: the fields of `intermediate` and `target`."""
    found = dict.fromkeys(own for phase in _PHASES for own in of_section(phase))
    return _table(row for own in found for row in _training_rows(own))


def mlm_table() -> str:
    """Markdown: the numbers of `mlm`."""
    return _table(_row(own, own.name, own.meaning, _written(own.published)) for own in of_section("mlm"))


def _training_rows(own: Hyperparameter) -> list[str]:
    only = f" ({own.sections[0]} only)" if len(own.sections) == 1 else ""
    rows = [_row(own, own.name, own.meaning + only, _published(own, own.name))]
    if own.apart_with_mlm:
        name = own.field(mlm=True)
        meaning = f"the same for runs with MLM, of which `{own.name}` says nothing (intermediate only)"
        rows.append(_row(own, name, meaning, _published(own, name)))
    return rows


def _published(own: Hyperparameter, field: str) -> str:
    if own.published is not None:
        return _written(own.published)
    found = {phase: sorted(values) for phase in own.sections if (values := _by_task(phase, field))}
    texts = {phase: " to ".join(dict.fromkeys((_written(v[0]), _written(v[-1])))) for phase, v in found.items()}
    by_task = ", by task" if any(len(values) > 1 for values in found.values()) else ""
    if len(texts) > 1 and len(set(texts.values())) > 1:
        return ", ".join(f"{text} {phase}" for phase, text in texts.items()) + by_task
    return f"{next(iter(texts.values()), 'by task')}{by_task}"


def _by_task(phase: str, field: str) -> set[Any]:
    """What the tasks of a phase have in Tables 3 and 4, or in the registry."""
    if field == "max_length":
        tasks = registry.intermediates() if phase == "intermediate" else registry.targets()
        return {task.max_length for task in tasks if task.trains}
    rows: Sequence[object] = list((published.INTERMEDIATE if phase == "intermediate" else published.TARGET).values())
    return {getattr(row, field) for row in rows if hasattr(row, field)}


def _row(own: Hyperparameter, field: str, meaning: str, value: str) -> str:
    allowed = str(own.allowed) if isinstance(own.allowed, Bounds) else " or ".join(map(_written, own.allowed))
    range_ = ("logarithmic" if own.logarithmic else "yes") if own.searchable else ""
    return f"| `{field}` | {meaning} | {allowed} | {value} | {range_} |"


def _table(rows: Iterable[str]) -> str:
    head = "| field | meaning | allowed | published | can be searched |\n| --- | --- | --- | --- | --- |"
    return "\n".join((head, *rows))


def _written(value: Any) -> str:
    if isinstance(value, StrEnum):
        return f"`{value}`"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
