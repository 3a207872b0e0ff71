"""The sections on what was selected: the answer in short, then the selection in full."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.report.cells import interval
from analysis.report.content import Block, Grid, Head, Item, Items, Line, Paragraph, Said, Section, Strong, Value
from analysis.report.material import Material
from analysis.report.receipts import receipts_blocks
from analysis.scores.headings import heading, row_title
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.selection import Choice, baseline_average, best_models_average
from analysis.statistics.estimate import Separation, Verdict, Word
from analysis.tables.table import number
from analysis.tables.table2 import COLLAPSED, average_entry, entry_of, unit
from trainables.ledger.cells import Row
from trainables.ledger.plain import plain

NAMED_RIVALS = 4
LONGEST_REASON = 120


def answer_section(material: Material) -> Section:
    """Which intermediate for which target, and how sure that is."""
    lines = [_line(material, target) for target in material.sweep.results.targets]
    heads = (
        Head(title="target"), Head(title="train first on"), Head(title="change on dev", numeric=True),
        Head(title="95 % interval"), Head(title="against the baseline"), Head(title="against the others"),
    )  # fmt: skip
    return Section(id="answer", title="What to train on first", blocks=(Grid(heads=heads, lines=tuple(lines)),))


def selection_section(material: Material) -> Section:
    """Markdown's `Selection`: dev and test of what was selected, with how far ahead it is and how sure."""
    results, selections = material.sweep.results, material.selections
    separations = material.verdicts.separations if material.verdicts else {}
    rows = []
    for target in results.targets:
        chosen = selections[target]
        title = f"{heading(target)}{' †' if chosen.on_evaluation_data else ''}"
        metrics = unit(target)
        if isinstance(chosen.choice, Gap):
            rows.append([title, metrics, f"not selected: {chosen.choice.reason}", "", "", "", ""])
            continue
        variant = chosen.choice.best.variant
        rows.append([
            title, metrics, _title(material, variant, target), _unmarked(results.dev(variant, target)),
            _runner_up(chosen.choice), _unmarked(chosen.test), _unmarked(chosen.baseline_test),
        ])  # fmt: skip
    averages = [
        str(average_entry(average(selections, results.averaged_targets)))
        for average in (best_models_average, baseline_average)
    ]
    rows.append(["Avg", "", "", "", "", *averages])
    titles = ["target", "metric", "selected on dev", "dev", "ahead of the next by", "test", "baseline, test"]
    if separations:
        titles.append("how sure")
        for target, row in zip((*results.targets, ""), rows, strict=True):
            row.append(how_sure(separations.get(target)))
    blocks: list[Block] = [
        Paragraph(
            said="The variant with the highest dev score (QA: mean of F1 and EM), the baseline among the candidates. "
            "Test scores are shown for the selected variant and the baseline only, once the selection stands."
        ),
        Grid(
            heads=tuple(Head(title=title) for title in titles),
            lines=tuple(
                Line(cells=tuple(Value(said=said) for said in row), foot=row is rows[-1]) for row in rows
            ),
        ),
    ]  # fmt: skip
    if any(row[2].endswith(f" {COLLAPSED}") for row in rows):
        blocks.append(Paragraph(
            said=f"{COLLAPSED} What was selected shows signs of collapse (see Collapsed runs): it is the best of what "
            "there is, not a model that has learnt the task."
        ))  # fmt: skip
    if any(selection.on_evaluation_data for selection in selections.values()):
        blocks.append(Paragraph(said="† The task has one set only: it was selected on the evaluation data."))
    if unsure := _rivals(separations):
        blocks += [Paragraph(said="Not separable from what was selected, nearest first:"), unsure]
    return Section(id="selection", title="Selection", blocks=(*blocks, *receipts_blocks(material.receipts)), brief=True)


def how_sure(separation: Separation | None) -> str:
    """In a few words, whether the selected row is separable from the other candidates."""
    if separation is None:
        return ""
    if separation.reason:
        return f"not compared: {plain(separation.reason, LONGEST_REASON)}"
    if not separation.rivals:
        others = f"all {separation.compared} others" if separation.compared > 1 else "the other"
        return f"ahead of {others} beyond chance"
    return f"not separable from {len(separation.rivals)} of {separation.compared}"


def _rivals(separations: Mapping[str, Separation]) -> Items | None:
    items = []
    for target, separation in separations.items():
        if separation.rivals:
            rivals = [
                f"{row_title(rival.variant)} ({number(rival.behind.value)} behind, {interval(rival.behind)})"
                for rival in separation.rivals[:NAMED_RIVALS]
            ]
            more = len(separation.rivals) - NAMED_RIVALS
            own = f" ({row_title(separation.variant)}): "
            items.append(Item(said=(
                Strong(heading(target)), own, ", ".join(rivals), f" and {more} more" if more > 0 else "",
            )))  # fmt: skip
    return Items(items=tuple(items)) if items else None


def _line(material: Material, target: str) -> Line:
    chosen, results = material.selections[target], material.sweep.results
    if isinstance(chosen.choice, Gap):
        none = Value(said=f"open: {chosen.choice.reason}", empty=True)
        return Line(cells=(Value(said=heading(target)), none, *(Value(said=""),) * 4))
    row = chosen.choice.best.variant
    sure = how_sure(material.verdicts.separations.get(target)) if material.verdicts else ""
    change = _change(material, row, target)
    if row == results.baseline:
        against: Said = "it is the baseline: no intermediate task scores higher on dev"
        spread = Value(said="")
    else:
        verdict = material.verdicts.cells.get((row, target)) if material.verdicts else None
        if isinstance(verdict, Verdict):
            word = verdict.word
            against = (Strong(f"{word.sign} {word}".strip()),) if word is not Word.OPEN else str(word)
            estimate = verdict.estimate
            spread = Value(said=interval(estimate, signed=True), number=estimate.value, low=estimate.low,
                           high=estimate.high)  # fmt: skip
        else:
            against, spread = (
                (f"no verdict: {plain(verdict.reason, LONGEST_REASON)}" if verdict else ""),
                Value(said=""),
            )
    first = Value(said=(Strong(_title(material, row, target)),), best=True)
    return Line(cells=(Value(said=heading(target)), first, change, spread, Value(said=against), Value(said=sure)))


def _change(material: Material, row: Row, target: str) -> Value:
    results = material.sweep.results
    own = results.dev(row, target)
    other = results.dev_beside(results.baseline, row, target) if results.baseline else None
    if isinstance(own, TaskScore) and isinstance(other, TaskScore):
        return Value(said=number(own.value - other.value, signed=True), number=own.value - other.value)
    return Value(said="")


def _title(material: Material, row: Row, target: str) -> str:
    results = material.sweep.results
    score = results.dev(row, target)
    has_collapsed = isinstance(score, TaskScore) and bool(score.findings or results.intermediates.get(row))
    return row_title(row) + (f" {COLLAPSED}" if has_collapsed else "")


def _unmarked(score: TaskScore | Gap) -> str:
    """Numbers without the marks whose legend stands under Table 2."""
    entry = entry_of(score)
    return entry.numbers or str(entry)


def _runner_up(choice: Choice) -> str:
    others = [candidate for candidate in choice.candidates if candidate is not choice.best]
    if not others:
        return "no other candidate"
    best = max(others, key=lambda candidate: candidate.score)
    return f"{number(choice.best.score - best.score)} ({row_title(best.variant)})"
