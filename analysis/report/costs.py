"""The section on costs: by phase, by stage, and every run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from analysis.report.content import Block, Code, Folded, Grid, Head, Line, Paragraph, Section, Value
from analysis.scores.load import Run
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase

_BY_PHASE = (
    Head(title="phase"), Head(title="runs", numeric=True), Head(title="seconds", numeric=True),
    Head(title="steps", numeric=True), Head(title="tokens", numeric=True),
    Head(title="highest peak memory", numeric=True),
)  # fmt: skip
_RUNS = (
    Head(title="run"), Head(title="id"), Head(title="starts from"), Head(title="seed", numeric=True),
    Head(title="seconds", numeric=True), Head(title="steps", numeric=True), Head(title="planned", numeric=True),
    Head(title="best step", numeric=True), Head(title="peak memory", numeric=True), Head(title="finished"),
    Head(title="device"),
)  # fmt: skip


def costs_section(runs: Sequence[Run]) -> Section:
    """Seconds, steps, tokens and memory."""
    lines, total = [], 0.0
    for phase in Phase:
        records = [run.record for run in runs if run.record.spec.phase is phase]
        if records:
            seconds = sum(_seconds(record) for record in records)
            total += seconds
            lines.append(Line(cells=(
                Value(said=phase.value), _count(len(records)), _count(seconds), _count(sum(r.steps for r in records)),
                _count(sum(r.tokens for r in records)), _gib(max(r.peak_bytes for r in records)),
            )))  # fmt: skip
    blocks: tuple[Block, ...] = ()
    if lines:
        blocks = (
            Grid(heads=_BY_PHASE, lines=tuple(lines)),
            Paragraph(said=f"Seconds by stage: {_stages(runs)}. In total {total / 3600:.1f} hours of runs."),
            Folded(said=f"All {len(runs)} runs", blocks=(_runs(runs),)),
        )
    return Section(id="costs", title="Costs", blocks=blocks)


def _stages(runs: Sequence[Run]) -> str:
    stages: dict[str, float] = defaultdict(float)
    for run in runs:
        for stage, spent in run.record.seconds.items():
            stages[stage] += spent
    return ", ".join(f"{stage} {spent:,.0f}" for stage, spent in sorted(stages.items(), key=lambda item: -item[1]))


def _runs(runs: Sequence[Run]) -> Grid:
    """The longest first."""
    records = sorted((run.record for run in runs), key=lambda record: (-_seconds(record), record.run_id))
    return Grid(heads=_RUNS, lines=tuple(Line(cells=_run(record)) for record in records))


def _run(record: Record) -> tuple[Value, ...]:
    spec = record.spec
    return (
        Value(said=record.name), Value(said=(Code(record.run_id),)),
        Value(said=(Code(spec.parent),) if spec.parent else ""), Value(said=f"{spec.seed}", number=spec.seed),
        _count(_seconds(record)), _count(record.steps), _count(record.planned_steps), _count(record.best_step),
        _gib(record.peak_bytes), Value(said=record.finished_at), Value(said=record.device),
    )  # fmt: skip


def _seconds(record: Record) -> float:
    return sum(record.seconds.values())


def _count(number: float) -> Value:
    return Value(said=f"{number:,.0f}", number=number)


def _gib(peak: int) -> Value:
    return Value(said=f"{peak / 2**30:.2f} GiB", number=peak) if peak else Value(said="")
