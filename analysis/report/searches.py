"""The section of the report on the searches of a sweep. Optuna is not needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from analysis.report.content import Block, Code, Folded, Grid, Head, Line, Paragraph, Section, Strong, Value
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult, Trial

_HEAD = (
    "Chosen by the English dev figure of a run's own task alone. The gain is that of the winner over the configured"
    " setting, trial 0, on the same dev rows that chose it, so it flatters."
)
_NONE = Value(said="–", empty=True)


def searches_of(run_ids: Collection[str], studies: Sequence[StudyResult]) -> list[StudyResult]:
    """The studies of a sweep with these runs: those whose winner, or configured run while there is none, is among them.

    A store may hold several sweeps; its studies are those of the last one.
    """
    return [study for study in studies if (study.winner or study.configured) in run_ids]


def searches_section(studies: Sequence[StudyResult]) -> Section:
    """A summary of all searches, then the trials of each."""
    trials = tuple(Folded(said=study.name, blocks=(_trials(study),)) for study in studies)
    blocks: tuple[Block, ...] = (Paragraph(said=_HEAD), _summary(studies), *trials) if studies else ()
    return Section(id="searches", title="Searches", blocks=blocks)


def _summary(studies: Sequence[StudyResult]) -> Grid:
    heads = (
        Head(title="run"), Head(title="trials", numeric=True), Head(title="pruned", numeric=True),
        Head(title="failed", numeric=True), Head(title="winner", numeric=True), Head(title="setting"),
        Head(title="dev", numeric=True), Head(title="gain", numeric=True), Head(title="what mattered"),
    )  # fmt: skip
    lines = []
    for study in studies:
        best = study.best
        pruned, failed = (sum(trial.state is state for trial in study.trials) for state in (State.PRUNED, State.FAILED))
        mattered = ", ".join(f"{name} {share:.0%}" for name, share in study.importances.items())
        found = (_NONE,) * 3
        if best is not None and best.value is not None:
            setting, dev = Value(said=_setting(best.params)), Value(said=f"{best.value:.1f}", number=best.value)
            found = (_count(best.number), setting, dev)
        gain = _NONE if study.gain is None else Value(said=f"{study.gain:+.1f}", number=study.gain)
        counts = (_count(len(study.trials)), _count(pruned), _count(failed))
        last = Value(said=mattered) if mattered else _NONE
        lines.append(Line(cells=(Value(said=study.name), *counts, *found, gain, last)))
    return Grid(heads=heads, lines=tuple(lines))


def _trials(study: StudyResult) -> Grid:
    names = list(dict.fromkeys(name for trial in study.trials for name in trial.params))
    heads = [Head(title=title, numeric=True) for title in ("trial", *names, "dev")]
    lines = tuple(
        Line(cells=(
            _count(trial.number), *(_param(trial.params, name) for name in names), _dev(trial), _run(trial, study)
        ))
        for trial in study.trials
    )  # fmt: skip
    return Grid(heads=(*heads, Head(title="run")), lines=lines)


def _count(number: int) -> Value:
    return Value(said=f"{number}", number=number)


def _param(params: Mapping[str, float], name: str) -> Value:
    return Value(said=f"{params[name]:.3g}", number=params[name]) if name in params else _NONE


def _dev(trial: Trial) -> Value:
    if trial.value is None:
        return Value(said=trial.state.value, empty=True)
    return Value(said=f"{trial.value:.1f}", number=trial.value)


def _run(trial: Trial, study: StudyResult) -> Value:
    mark = (" ", Strong("winner")) if trial.run_id == study.winner else ()
    return Value(said=(Code(trial.run_id), *mark, *((f": {trial.reason}",) if trial.reason else ())))


def _setting(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in params.items())
