"""The section on settings: what every run trained with, from its spec."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from analysis.report.content import Block, Facts, Grid, Head, Line, Paragraph, Section, Value
from analysis.scores.headings import heading, row_order, row_title
from analysis.scores.load import Run
from trainables.ledger.cells import Row
from trainables.ledger.spec import Phase, RunSpec

_TITLES = {
    "optimisation.learning_rate": "learning rate", "optimisation.epochs": "epochs",
    "optimisation.batch_sizes": "batch", "optimisation.warmup_fraction": "warm-up",
    "optimisation.max_length": "max length", "optimisation.weight_decay": "weight decay",
    "optimisation.clip_norm": "clip norm", "optimisation.precision": "precision", "optimisation.dev_rows": "dev rows",
    "optimisation.max_eval_interval": "eval interval", "optimisation.evaluations": "evaluations",
    "optimisation.patience": "patience", "optimisation.mixing_cap": "mixing cap", "mlm.languages": "MLM languages",
    "mlm.sentences": "MLM sentences", "mlm.alpha": "MLM alpha", "mlm.mask_probability": "MLM mask probability",
    "mlm.length": "MLM length", "retrieval.layer": "layer", "retrieval.max_length": "max length (retrieval)",
    "data.train_rows": "cap on training rows", "data.eval_rows": "cap on evaluation rows",
    "data.languages": "languages",
}  # fmt: skip
"""Setting of a spec -> heading, in the order of the columns. Others stand under their own names."""
_NOT_SHOWN = ("data.fingerprint", "data.source")


def settings_section(runs: Sequence[Run]) -> Section:
    """One line for all runs that share their tasks and settings; what is the same everywhere is said once."""
    groups: dict[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]], list[Run]] = defaultdict(list)
    for run in runs:
        spec = run.record.spec
        groups[spec.phase.value, spec.tasks, tuple(_settings(spec).items())].append(run)
    if not groups:
        return Section(id="settings", title="Settings", blocks=())
    every = [dict(settings) for _, _, settings in groups]
    names = sorted({name for own in every for name in own}, key=_place)
    values = {name: {own[name] for own in every if name in own} for name in names}
    shared = {name: min(found) for name, found in values.items() if len(every) > 1 and len(found) == 1}
    shown = [name for name in names if name not in shared]
    heads = (
        Head(title="trained on"), Head(title="phase"), Head(title="rows of the table"), Head(title="seeds"),
        *(Head(title=_TITLES.get(name, name), numeric=_is_number(every, name)) for name in shown),
    )  # fmt: skip
    order = {phase.value: place for place, phase in enumerate(Phase)}
    lines = [
        Line(cells=(
            Value(said=", ".join(heading(name) for name in tasks)), Value(said=phase), Value(said=_rows(group)),
            Value(said=", ".join(map(str, sorted({run.record.spec.seed for run in group})))),
            *(_value(dict(settings).get(name, "")) for name in shown),
        ))
        for (phase, tasks, settings), group in sorted(groups.items(), key=lambda item: (order[item[0][0]], item[0]))
    ]  # fmt: skip
    blocks: list[Block] = [Grid(heads=heads, lines=tuple(lines))]
    if shared:
        blocks = [
            Paragraph(said="The same in all runs that have it:"),
            Facts(facts=tuple((_TITLES.get(name, name), value) for name, value in shared.items())),
            *blocks,
        ]
    return Section(id="settings", title="Settings", blocks=tuple(blocks))


def _settings(spec: RunSpec) -> dict[str, str]:
    """Dotted name -> text, of the parts that say how a run computes."""
    found: dict[str, str] = {}
    for part, fields in spec.to_dict().items():
        if isinstance(fields, Mapping) and part != "encoder":
            for name, value in fields.items():
                if f"{part}.{name}" not in _NOT_SHOWN:
                    found[f"{part}.{name}"] = _said(value)
    return found


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        sizes = {f"{size}" for size in value.values()}
        return next(iter(sizes)) if len(sizes) == 1 else ", ".join(f"{name} {size}" for name, size in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "all"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def _value(said: str) -> Value:
    try:
        return Value(said=said, number=float(said.replace(",", "")))
    except ValueError:
        return Value(said=said)


def _is_number(every: Sequence[Mapping[str, str]], name: str) -> bool:
    return all(_value(own[name]).number is not None for own in every if name in own)


def _place(name: str) -> tuple[int, str]:
    known = list(_TITLES)
    return (known.index(name) if name in known else len(known)), name


def _rows(group: Sequence[Run]) -> str:
    rows = sorted({run.variant for run in group}, key=row_order)
    return _short([row_title(row) for row in rows], rows)


def _short(titles: Sequence[str], rows: Sequence[Row]) -> str:
    return ", ".join(titles) if len(rows) <= 3 else f"{titles[0]} and {len(titles) - 1} others"
