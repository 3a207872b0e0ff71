"""Album: every picture of a sweep that there is something to draw for, in the order in which a report shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pandas import DataFrame

from analysis.figures.cost import cost_against_gain, intermediate_seconds
from analysis.figures.dev_curves import intermediate_curves, target_curves
from analysis.figures.forgetting import retrieval_by_layer
from analysis.figures.groups import group_forest
from analysis.figures.heat_map import transfer_map
from analysis.figures.language_bars import language_bars
from analysis.figures.mlm import with_and_without_mlm
from analysis.figures.picture import Picture
from analysis.figures.search_curves import search_curves
from analysis.selection.averages import TaskScore
from analysis.selection.results import Results
from analysis.selection.sweep import Sweep
from analysis.statistics.estimate import Estimate, Verdicts
from analysis.tables.table2 import unit
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.studies import StudyResult

Estimates = Mapping[tuple[Row, str], Estimate]
"""(row, language or group) -> its score or gain."""
Groups = Mapping[str, Sequence[str]]
"""Group of languages -> their codes."""


def album(
    sweep: Sweep,
    verdicts: Verdicts | None = None,
    *,
    languages: Mapping[str, Estimates] | None = None,
    groups: Mapping[str, tuple[Groups, Estimates]] | None = None,
    studies: Sequence[StudyResult] = (),
    layers: DataFrame | None = None,
) -> list[Picture]:
    """The pictures of a sweep.

    Args:
        sweep: as gathered from its store.
        verdicts: of its table.
        languages: target -> scores by language.
        groups: what the groups are (`family`, `script`) -> the groups, and the gains of every row by group.
        studies: searches of this sweep.
        layers: scores of retrieval by hidden layer, as `retrieval_by_layer` takes them.
    """
    results = sweep.results
    chosen = {target: selection.variant for target, selection in sweep.selections.items()}
    others = [row for row in results.variants if row.intermediate != BASELINE]
    found = [transfer_map(results, verdicts, chosen)]
    found += [
        group_forest(f"gain-by-{things}", things, gains, others, kinds)
        for things, (kinds, gains) in (groups or {}).items()
    ]
    found.append(with_and_without_mlm(results, verdicts))
    for target, scores in (languages or {}).items():
        rows = [row for row in (results.baseline, chosen.get(target)) if row is not None]
        found.append(language_bars(target, scores, rows, _measure(target)))
    found.append(cost_against_gain(results, intermediate_seconds(sweep.runs), verdicts))
    found.append(retrieval_by_layer(layers) if layers is not None else None)
    found += [intermediate_curves(sweep.runs), target_curves(sweep.runs, chosen), search_curves(studies)]
    return [picture for picture in found if picture is not None]


def measured_languages(results: Results) -> tuple[str, ...]:
    """Languages that the sweep has dev scores in, for the groups of `language_facts`."""
    scores = (results.dev(row, target) for row in results.variants for target in results.targets)
    return tuple(sorted({code for score in scores if isinstance(score, TaskScore) for code in score.languages}))


def _measure(target: str) -> str:
    """What a score of one language is, in words."""
    metrics = unit(target).split("/")
    return metrics[0] if len(metrics) == 1 else f"mean of {' and '.join(metrics)}"
