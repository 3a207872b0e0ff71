"""What the searches of a sweep have found: for every node its trials, the winner, the gain, what mattered.

Read from the `search.json` that a sweep leaves in its store; Optuna is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.cells import AnalysisError

SEARCH_FILE = "search.json"


def read_searches(folder: Path) -> list[dict[str, Any]]:
    """The studies of a store; none where nothing was searched. Raises AnalysisError for a file that is something else.

    Each has `node` (id of the run as planned), `name`, `phase`, `tasks`, `mlm`, `winner` (run id, empty while there is
    none), `gain` over the configured setting, `importances` and `trials` (`number`, `params`, `run_id`, `state`,
    `value`, `reason`).
    """
    path = folder / SEARCH_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [dict(study) for study in found if study["trials"] is not None]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnalysisError(f"{path} is not what a search leaves: {error}") from error


def searches_of(run_ids: Collection[str], studies: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The studies of a sweep with these runs: those whose winner, or configured run while there is none, is among them.

    A store may hold several sweeps; its studies are those of the last one.
    """
    return [study for study in studies if (study["winner"] or _configured(study)) in run_ids]


def searches_section(studies: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a summary of all searches, then the trials of each."""
    if not studies:
        return ""
    head = (
        "Chosen by the English dev figure of a run's own task alone. The gain is that of the winner over the configured"
        " setting, trial 0, on the same dev rows that chose it, so it flatters."
    )
    parts = [head, "\n".join(_summary(studies))]
    parts += [f"### {study['name']}\n\n" + "\n".join(_trials(study)) for study in studies]
    return "\n\n".join(parts)


def _summary(studies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| run | trials | pruned | failed | winner | setting | dev | gain | what mattered |"
    yield "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- |"
    for study in studies:
        trials = study["trials"]
        winner = next((trial for trial in trials if trial["run_id"] == study["winner"]), None)
        pruned, failed = (sum(trial["state"] == state for trial in trials) for state in ("pruned", "failed"))
        mattered = ", ".join(f"{name} {share:.0%}" for name, share in study["importances"].items())
        found = (
            ["–", "–", "–"]
            if winner is None
            else [f"{winner['number']}", _setting(winner["params"]), f"{winner['value']:.1f}"]
        )
        gain = "–" if study["gain"] is None else f"{study['gain']:+.1f}"
        cells = [study["name"], f"{len(trials)}", f"{pruned}", f"{failed}", *found, gain, mattered or "–"]
        yield f"| {' | '.join(cells)} |"


def _trials(study: Mapping[str, Any]) -> Iterator[str]:
    names = list(dict.fromkeys(name for trial in study["trials"] for name in trial["params"]))
    yield f"| trial | {' | '.join(names)} | dev | run |"
    yield f"| ---: | {' | '.join('---:' for _ in names)} | ---: | --- |"
    for trial in study["trials"]:
        values = [f"{trial['params'][name]:.3g}" if name in trial["params"] else "–" for name in names]
        dev = f"{trial['value']:.1f}" if trial["value"] is not None else trial["state"]
        mark = " **winner**" if trial["run_id"] == study["winner"] else ""
        why = f": {trial['reason']}" if trial["reason"] else ""
        yield f"| {trial['number']} | {' | '.join(values)} | {dev} | `{trial['run_id']}`{mark}{why} |"


def _configured(study: Mapping[str, Any]) -> str:
    """Id of trial 0; empty while no trial is drawn."""
    return next((str(trial["run_id"]) for trial in study["trials"]), "")


def _setting(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in params.items())
