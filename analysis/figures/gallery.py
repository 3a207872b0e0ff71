"""All pictures of a sweep, in the order of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pandas import DataFrame

from analysis.figures.bars import by_language
from analysis.figures.cost import cost_gain
from analysis.figures.curves import dev_curves, search_curves
from analysis.figures.forest import forest
from analysis.figures.forgetting import forgetting
from analysis.figures.mlm import with_mlm
from analysis.figures.picture import Picture
from analysis.figures.transfer import transfer
from analysis.selection.sweep import Sweep
from analysis.statistics.estimate import Estimate, Verdicts
from trainables.ledger.cells import Row
from trainables.ledger.spec import Phase
from trainables.ledger.studies import StudyResult

Gains = Mapping[tuple[Row, str], Estimate]
"""(row, group of languages) -> difference to the baseline."""


def pictures(
    sweep: Sweep,
    *,
    studies: Sequence[StudyResult] = (),
    verdicts: Verdicts | None = None,
    languages: Mapping[str, Mapping[tuple[Row, str], Estimate]] | None = None,
    family_gains: tuple[Gains, Mapping[str, Sequence[str]]] | None = None,
    script_gains: tuple[Gains, Mapping[str, Sequence[str]]] | None = None,
    layers: DataFrame | None = None,
) -> list[Picture]:
    """Every picture that there is something to draw for.

    Args:
        sweep: its runs and results.
        studies: its searches.
        verdicts: on the changes of Table 2.
        languages: target -> scores by row and language.
        family_gains: gains by family, and the languages of each.
        script_gains: gains by script, and the languages of each.
        layers: retrieval scores at every hidden state (`forgetting`).
    """
    results = sweep.results
    found: list[Picture | None] = [transfer(results, verdicts)]
    for target, scores in (languages or {}).items():
        rows = [results.baseline, sweep.selections[target].variant]
        found.append(by_language(target, scores, [row for row in rows if row is not None]))
    if family_gains:
        found.append(forest("families", "Gain by language family", *family_gains))
    if script_gains:
        found.append(forest("scripts", "Gain by script", *script_gains))
    found += [with_mlm(results, verdicts), cost_gain(sweep.runs, results, verdicts)]
    if layers is not None:
        found.append(forgetting(layers))
    found += [search_curves(studies), *(dev_curves(sweep.runs, phase) for phase in (Phase.INTERMEDIATE, Phase.TARGET))]
    return [each for each in found if each is not None]
