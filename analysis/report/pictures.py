"""The pictures of a report: which are drawn of a sweep, and how they stand on its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from pandas import DataFrame

from analysis.figures.cost import cost_against_gain, intermediate_seconds
from analysis.figures.dev_curves import intermediate_curves, target_curves
from analysis.figures.donors import donor_map
from analysis.figures.forgetting import retrieval_by_layer
from analysis.figures.groups import group_forest
from analysis.figures.heat_map import transfer_map
from analysis.figures.language_bars import language_bars
from analysis.figures.mlm import with_and_without_mlm
from analysis.figures.picture import Picture
from analysis.figures.search_curves import search_curves
from analysis.figures.write import inline
from analysis.report.content import Block, Figure, Folded
from analysis.report.material import LanguageScores
from analysis.report.worked_out import Judged
from analysis.selection.averages import TaskScore
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep
from analysis.statistics.breakdown import group_gains
from analysis.tables.table2 import unit
from trainables.ledger.cells import Row
from trainables.ledger.studies import StudyResult
from trainables.tasks.language_facts import by_family, by_script

Group = tuple[str, tuple[Picture, ...]]
"""What pictures have in common, and they; without words they stand on the page unfolded."""


def pictures_of(
    sweep: Sweep,
    selections: Mapping[str, Selection],
    found: Judged,
    studies: Sequence[StudyResult],
    layers: DataFrame,
) -> tuple[Group, ...]:
    """Every picture for which there is something to draw, in the order of the page. No test score is drawn."""
    results = sweep.results
    chosen = {target: selection.variant for target, selection in selections.items()}
    main = (
        transfer_map(results, found.verdicts, chosen),
        *_by_group(sweep, found),
        with_and_without_mlm(results, found.verdicts),
        cost_against_gain(results, intermediate_seconds(sweep.runs), found.verdicts),
        retrieval_by_layer(layers),
    )
    languages = (
        language_bars(
            target, _unseen(sweep, target, scores), _rows(results.baseline, chosen.get(target)), _measure(target)
        )
        for target, scores in found.languages.items()
    )
    donors = (donor_map(each) for each in found.transfers)
    curves = (intermediate_curves(sweep.runs), target_curves(sweep.runs, chosen), search_curves(studies))
    groups = (
        ("", main), ("Scores by language: the baseline and what was selected", languages),
        ("Donor and recipient languages", donors), ("Curves", curves),
    )  # fmt: skip
    every = ((said, tuple(filter(None, drawn))) for said, drawn in groups)
    return tuple((said, drawn) for said, drawn in every if drawn)


def all_of(groups: Sequence[Group]) -> tuple[Picture, ...]:
    """The pictures alone."""
    return tuple(chain.from_iterable(drawn for _, drawn in groups))


def on_page(groups: Sequence[Group]) -> tuple[Block, ...]:
    """The pictures as blocks of the page."""
    return tuple(chain.from_iterable(_blocks(said, drawn) for said, drawn in groups))


def _blocks(said: str, pictures: Sequence[Picture]) -> Iterator[Block]:
    figures = tuple(
        Figure(name=each.name, title=each.title, caption=each.caption, svg=inline(each), width=each.width)
        for each in pictures
    )
    if said:
        yield Folded(said=said, blocks=figures)
    else:
        yield from figures


def _unseen(sweep: Sweep, target: str, scores: LanguageScores) -> LanguageScores:
    """Without scores that are not zero-shot because the encoder has seen labels in the language."""
    found = {row: sweep.results.dev(row, target) for row in sweep.results.variants}
    seen = {row: score.seen for row, score in found.items() if isinstance(score, TaskScore)}
    return {(row, code): each for (row, code), each in scores.items() if code not in seen.get(row, ())}


def _rows(baseline: Row | None, selected: Row | None) -> list[Row]:
    return [row for row in dict.fromkeys((baseline, selected)) if row is not None]


def _by_group(sweep: Sweep, found: Judged) -> Iterator[Picture | None]:
    """Gains by family and by script, of the rows without MLM where there are any."""
    if found.measured is None:
        return
    results = sweep.results
    others = [row for row in results.variants if row != results.baseline]
    rows = [row for row in others if not row.mlm] or others
    languages = {language for scores in found.languages.values() for _, language in scores}
    for name, things, groups in (
        ("families", "family", by_family(languages)), ("scripts", "script", by_script(languages)),
    ):  # fmt: skip
        gains = group_gains(found.measured, groups, results.targets)
        yield group_forest(name, things, gains, rows, groups)


def _measure(target: str) -> str:
    """What the score of one language is, in words."""
    metrics = unit(target).split("/")
    return metrics[0] if len(metrics) == 1 else f"mean of {' and '.join(metrics)}"
