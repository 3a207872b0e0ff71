"""The section of the report on the searches of a sweep. Optuna is not needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from analysis.showing.markup import Markdown, code, in_markdown, pipe_table
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult

LONGEST_REASON = 1000


def searches_of(run_ids: Collection[str], studies: Sequence[StudyResult]) -> list[StudyResult]:
    """The studies of a sweep with these runs: those whose winner, or configured run while there is none, is among them.

    A store may hold several sweeps; its studies are those of the last one.
    """
    return [study for study in studies if (study.winner or study.configured) in run_ids]


def searches_section(studies: Sequence[StudyResult]) -> str:
    """Markdown: a summary of all searches, then the trials of each."""
    if not studies:
        return ""
    head = (
        "Chosen by the English dev figure of a run's own task alone. The gain is that of the winner over the configured"
        " setting, trial 0, on the same dev rows that chose it, so it flatters."
    )
    parts = [head, _summary(studies)]
    parts += [f"### {in_markdown(study.name)}\n\n{_trials(study)}" for study in studies]
    return "\n\n".join(parts)


def _summary(studies: Sequence[StudyResult]) -> str:
    header = ["run", "trials", "pruned", "failed", "winner", "setting", "dev", "gain", "what mattered"]
    rows = []
    for study in studies:
        best = study.best
        pruned, failed = (sum(trial.state is state for trial in study.trials) for state in (State.PRUNED, State.FAILED))
        mattered = ", ".join(f"{name} {share:.0%}" for name, share in study.importances.items())
        found = ["–", "–", "–"] if best is None else [f"{best.number}", _setting(best.params), f"{best.value:.1f}"]
        gain = "–" if study.gain is None else f"{study.gain:+.1f}"
        rows.append([study.name, f"{len(study.trials)}", f"{pruned}", f"{failed}", *found, gain, mattered or "–"])
    return pipe_table(header, rows, ["---", *["---:"] * 4, "---", "---:", "---:", "---"]).rstrip("\n")


def _trials(study: StudyResult) -> str:
    names = list(dict.fromkeys(name for trial in study.trials for name in trial.params))
    rows = []
    for trial in study.trials:
        values = [f"{trial.params[name]:.3g}" if name in trial.params else "–" for name in names]
        dev = f"{trial.value:.1f}" if trial.value is not None else trial.state.value
        mark = " **winner**" if trial.run_id == study.winner else ""
        why = f": {in_markdown(trial.reason, LONGEST_REASON)}" if trial.reason else ""
        rows.append([f"{trial.number}", *values, dev, Markdown(f"{code(trial.run_id)}{mark}{why}")])
    header = ["trial", *names, "dev", "run"]
    return pipe_table(header, rows, [*["---:"] * (len(names) + 2), "---"]).rstrip("\n")


def _setting(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in params.items())
