"""The section on scores by language: one table a target and split that is shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from analysis.report import content
from analysis.report.content import Folded, Grid, Head, Paragraph, Section, Value
from analysis.report.material import LanguageScores, Material
from analysis.scores.headings import heading, row_title
from analysis.selection.averages import Gap, TaskScore, expected_languages
from analysis.statistics.estimate import Estimate
from analysis.tables.table import Block, Column, Entry, Line, Table, number
from analysis.tables.table2 import SEEN, unit
from trainables.ledger.cells import Row
from trainables.tasks.languages import ENGLISH
from trainables.tasks.registry import task
from trainables.tasks.task import Split

Scores = Mapping[Row, TaskScore | Gap]


def languages_section(material: Material) -> Section:
    """Languages down, rows of the sweep across, with intervals where there are any."""
    blocks: list[content.Block] = []
    for target, split, scores in shown_scores(material):
        estimates = material.languages.get(target, {}) if split is task(target).selection_split else {}
        if found := _blocks(target, split, scores, estimates):
            blocks.append(Folded(said=language_title(target, split), blocks=tuple(found)))
    if blocks:
        said = (
            "Percent. Small figures are the 95 % interval of the score of one language. The languages of a target are "
            "averaged without weights."
        )
        if _has_seen(material):
            said += (
                f" {SEEN}: the encoder has seen labels of such a task in this language before; such scores are not "
                "zero-shot and stand in no mean but that over all languages. English is what targets are trained in: "
                "it stands in the mean of the paper's table, not in that of zero-shot languages."
            )
        blocks.insert(0, Paragraph(said=said))
    return Section(id="languages", title="Scores by language", blocks=tuple(blocks))


def _has_seen(material: Material) -> bool:
    results = material.sweep.results
    found = (results.dev(row, target) for target in results.targets for row in results.variants)
    return any(isinstance(score, TaskScore) and score.seen for score in found)


def language_title(target: str, split: Split) -> str:
    """For example `XNLI, dev (acc)`."""
    of = task(target)
    name = "only set" if of.selection_split is Split.TEST else split.value
    return f"{heading(target)}, {name} ({unit(target)})"


def shown_scores(material: Material) -> Iterator[tuple[str, Split, Scores]]:
    """Scores of every row on the split that selects; on the test set those of what was selected and the baseline."""
    results = material.sweep.results
    for target in results.targets:
        chosen = material.selections[target]
        yield target, chosen.split, {row: results.dev(row, target) for row in results.variants}
        if not chosen.on_evaluation_data and chosen.is_open:
            rows = dict.fromkeys(filter(None, (results.baseline, chosen.variant)))
            yield target, Split.TEST, {row: results.score(row, target, Split.TEST) for row in rows}


def language_tables(material: Material) -> Iterator[tuple[str, Table]]:
    """The same as tables for a paper, each with the end of its label, such as `xnli-dev`; without intervals."""
    for target, split, scores in shown_scores(material):
        shown = {row: score for row, score in scores.items() if isinstance(score, TaskScore)}
        lines = [
            Line(label=language, entries=tuple(_entry(score, language) for score in shown.values()))
            for language in _languages(target, split, shown)
        ]
        for said, of in _means(shown.values()):
            lines.append(Line(label=said, entries=tuple(Entry(values=(*of(score),)) for score in shown.values())))
        columns = tuple(Column(title=heading(row.intermediate), unit="+ MLM" if row.mlm else "") for row in shown)
        if shown:
            title = f"{language_title(target, split)} by language"
            table = Table(title=title, columns=columns, blocks=(Block(title="", rows=tuple(lines)),))
            yield f"{target}-{split.value}", table


def _entry(score: TaskScore, language: str) -> Entry:
    values = score.languages.get(language, {})
    marks = SEEN if language in score.seen else ""
    return Entry(values=tuple(values[metric] for metric in score.metrics if metric in values), marks=marks)


def _languages(target: str, split: Split, shown: Mapping[Row, TaskScore]) -> list[str]:
    expected = expected_languages(task(target), split)
    return [language for language in expected if any(language in score.languages for score in shown.values())]


def _blocks(target: str, split: Split, scores: Scores, estimates: LanguageScores) -> list[content.Block]:
    shown = {row: score for row, score in scores.items() if isinstance(score, TaskScore)}
    without = [f"{row_title(row)} ({score.reason})" for row, score in scores.items() if isinstance(score, Gap)]
    blocks: list[content.Block] = []
    if shown:
        blocks.append(_grid(target, split, shown, estimates))
    if without:
        blocks.append(Paragraph(said=f"Not shown: {'; '.join(without)}."))
    return blocks


def _grid(target: str, split: Split, shown: Mapping[Row, TaskScore], estimates: LanguageScores) -> Grid:
    languages = _languages(target, split, shown)
    lines = [
        content.Line(cells=(Value(said=language), *(_value(score, language, estimates.get((row, language)))
                                            for row, score in shown.items())))
        for language in languages
    ]  # fmt: skip
    for said, of in _means(shown.values()):
        lines.append(
            content.Line(cells=(Value(said=said), *(_numbers(of(score)) for score in shown.values())), foot=True)
        )
    for extra in dict.fromkeys(name for score in shown.values() for name in score.extras):
        values = (_numbers([score.extras[extra]] if extra in score.extras else []) for score in shown.values())
        lines.append(content.Line(cells=(Value(said=f"mean {extra}, not averaged"), *values), foot=True))
    heads = (Head(title="language"), *(Head(title=row_title(row), numeric=True) for row in shown))
    return Grid(heads=heads, lines=tuple(lines))


def _means(scores: Collection[TaskScore]) -> Iterator[tuple[str, Callable[[TaskScore], list[float]]]]:
    """The means that stand below: one where all rows have the same labels in the same languages, else all kinds."""
    yield "mean", lambda score: list(score.metrics.values())
    if any(score.seen or score.trained not in ((), (ENGLISH,)) for score in scores):
        yield (
            "mean, zero-shot languages",
            lambda score: list(score.means(score.zero_shot).values()) if score.zero_shot else [],
        )
        yield "mean, all languages", lambda score: list(score.means(tuple(score.languages)).values())


def _value(score: TaskScore, language: str, estimate: Estimate | None) -> Value:
    found = score.languages.get(language, {})
    value = _numbers([found[metric] for metric in score.metrics if metric in found])
    if language in score.seen:
        value = replace(value, said=f"{value.said} {SEEN}")
    return replace(value, low=estimate.low, high=estimate.high) if estimate else value


def _numbers(values: list[float]) -> Value:
    """Sorted by their mean."""
    if not values:
        return Value(said="")
    return Value(said="/".join(number(value) for value in values), number=sum(values) / len(values))
