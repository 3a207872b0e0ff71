"""Table 2 of the paper as a neutral structure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from analysis.scores.headings import heading, row_title
from analysis.selection.averages import ANYTHING, Gap, TaskScore
from analysis.selection.bounds import likely_baseline, likely_best
from analysis.selection.results import Results
from analysis.selection.selection import Choice, Selection, baseline_average, best_models_average
from analysis.statistics.estimate import Verdicts
from analysis.tables.cell_lists import cell_list
from analysis.tables.table import GAP_WORDS, Block, Column, Entry, Line, Table, number
from analysis.tables.verdict_notes import verdict_notes
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.plain import plain
from trainables.ledger.recipe import recipe_of
from trainables.ledger.record import Finding, Symptom
from trainables.ledger.states import State
from trainables.tasks.registry import is_own, task
from trainables.tasks.task import Split

LONGEST_REASON = 300
MOST_NAMED = 3
"""Rows that a note names one by one where it can say as well how many there are."""
_FURTHER = "further rows"
"""Those that are not of the paper's kind."""
METRIC_TITLES = {"accuracy": "acc", "f1": "F1", "exact_match": "EM", "em": "EM"}
ONE_SET, RESTRICTED, CAPPED, CUT_SHORT, COLLAPSED, SEEN = "†", "‡", "°", "↓", "!", "§"
SYMPTOMS = {Symptom.CONSTANT: "constant predictions", Symptom.BELOW_TRIVIAL: "below the trivial score"}


def unit(target: str) -> str:
    """Metrics of a target for a heading, for example `F1/EM`."""
    return "/".join(METRIC_TITLES.get(metric, metric) for metric in task(target).metrics)


def table2(
    results: Results,
    selections: Mapping[str, Selection],
    title: str = "Table 2",
    verdicts: Verdicts | None = None,
) -> Table:
    """Table 2 of the paper for this sweep, with the sign of the verdict behind the numbers of a cell.

    First the baseline in absolute numbers, then the change of every other row against it, both on dev, rows that are
    not of the paper's kind after the others; then the test scores of the models selected on dev beside those of the
    baseline. Without a baseline all rows are absolute.
    """
    columns = [Column(title=heading(target), unit=unit(target), target=target) for target in results.targets]
    columns.append(Column(title="Avg"))
    others = [variant for variant in results.variants if variant.intermediate != BASELINE]
    blocks = []
    if results.baseline is not None:
        entries = (*_dev_entries(results, selections, results.baseline, None),)
        row = Line(label="baseline", row=results.baseline, entries=entries)
        blocks.append(Block(title="Dev", rows=(row,)))
    for name, variants in _parts(others).items():
        title_of = row_title if name == _FURTHER else lambda variant: heading(variant.intermediate)
        rows = [
            Line(
                label=title_of(variant) + (COLLAPSED if variant in results.intermediates else ""),
                row=variant,
                entries=(
                    *_judged(
                        _dev_entries(results, selections, variant, results.baseline), variant, results.targets, verdicts
                    ),
                ),
            )
            for variant in variants
        ]
        if rows:
            change = ": change against the baseline" if results.baseline is not None else ""
            blocks.append(Block(title=f"Dev, {name}{change}", rows=tuple(rows)))
    blocks.append(Block(title="Test, models selected on dev", rows=tuple(_test_rows(results, selections, verdicts))))
    table = Table(title=title, columns=tuple(columns), blocks=tuple(blocks))
    table, hoisted = _hoist(table)
    table = _mark_one_set(table, results, selections)
    notes = (
        *hoisted, *_legend(results, selections, table), *(verdict_notes(verdicts, results) if verdicts else ()),
        *_collapsed(results), *_reasons(results), *_bounds(results, selections),
    )  # fmt: skip
    return replace(table, notes=notes)


def _parts(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by where they stand: those of the paper's kind without and with MLM, then chains, other languages, doses."""
    found: dict[str, list[Row]] = {"without MLM": [], "with MLM": [], _FURTHER: []}
    for row in rows:
        plain = recipe_of(row).is_plain
        found[_FURTHER if not plain else "with MLM" if row.mlm else "without MLM"].append(row)
    return found


def entry_of(score: TaskScore | Gap, against: TaskScore | Gap | None = None, *, best: bool = False) -> Entry:
    """Entry of a score, or of its change `against` another; a Gap on either side is a gap."""
    if isinstance(score, Gap):
        return Entry(gap=score)
    if isinstance(against, Gap):
        return Entry(gap=replace(against, reason=f"no baseline to compare with: {against.reason}"))
    marks = (CAPPED if score.capped else "") + (RESTRICTED if score.restricted else "")
    marks += (CUT_SHORT if score.cut_short else "") + (COLLAPSED if score.findings else "")
    marks += SEEN if score.seen else ""
    values = tuple(score.metrics.values())
    if against is not None:
        values = tuple(value - against.metrics[name] for name, value in score.metrics.items())
    return Entry(values=values, signed=against is not None, marks=marks, best=best)


def average_entry(average: float | Gap, against: float | Gap | None = None, *, marks: str = "") -> Entry:
    """Entry of an overall average, or of its change `against` another; one metric."""
    for side in (average, against):
        if isinstance(side, Gap):
            return Entry(gap=side) if side.state is State.PENDING else Entry(text="–")
    assert not isinstance(average, Gap)
    assert not isinstance(against, Gap)
    return Entry(values=(average - (against or 0.0),), signed=against is not None, marks=marks)


def _dev_entries(
    results: Results, selections: Mapping[str, Selection], variant: Row, against: Row | None
) -> Iterator[Entry]:
    scores = {target: results.dev(variant, target) for target in results.targets}
    for target, score in scores.items():
        other = results.dev_beside(against, variant, target) if against is not None else None
        yield entry_of(score, other, best=selections[target].variant == variant)
    known = [score for score in scores.values() if isinstance(score, TaskScore)]
    marks = (CUT_SHORT if any(score.cut_short for score in known) else "") + (
        SEEN if any(score.seen for score in known) else ""
    )
    yield average_entry(
        results.dev_average(variant),
        results.average_beside(against, variant) if against is not None else None,
        marks=marks,
    )


def _judged(entries: Iterable[Entry], row: Row, targets: Sequence[str], verdicts: Verdicts | None) -> Iterator[Entry]:
    """The entries of a row, those of its targets and then of its average, with the verdicts on them."""
    if verdicts is None:
        yield from entries
        return
    found = (*(verdicts.cells.get((row, target)) for target in targets), verdicts.averages.get(row))
    for entry, verdict in zip(entries, found, strict=True):
        yield replace(entry, verdict=verdict)


def _test_rows(results: Results, selections: Mapping[str, Selection], verdicts: Verdicts | None) -> Iterator[Line]:
    targets = results.averaged_targets
    chosen = [selections[target] for target in results.targets]
    seen = [isinstance(item.test, TaskScore) and bool(item.test.seen) for item in chosen]
    if results.baseline is not None:
        average = average_entry(baseline_average(selections, targets), marks=SEEN if any(seen) else "")
        found = (_marked(entry_of(item.baseline_test), own) for item, own in zip(chosen, seen, strict=True))
        entries = (*found, average)
        yield Line(label="baseline", row=results.baseline, entries=entries)
    average = average_entry(best_models_average(selections, targets), marks=SEEN if any(seen) else "")
    tests = verdicts.tests if verdicts else {}
    entries = (*(replace(entry_of(item.test), verdict=tests.get(item.target)) for item in chosen), average)
    yield Line(label="best", entries=entries)


def _marked(entry: Entry, is_seen: bool) -> Entry:
    """The entry of the baseline's test score, which is over the languages of the one it stands beside."""
    return replace(entry, marks=entry.marks + SEEN) if is_seen and entry.values else entry


def _hoist(table: Table) -> tuple[Table, list[str]]:
    """Say once what holds for many cells: marks of the whole table become a note, marks of a column its heading."""
    notes = []
    for mark, text in ((CAPPED, "All scores are from capped data."), (RESTRICTED, "")):
        filled = [[e for e in column if e.values] for column in _by_column(table)[:-1]]
        present = [entry for column in filled for entry in column]
        if text and present and all(mark in entry.marks for entry in present):
            table = _without_mark(table, mark, range(len(filled)))
            notes.append(text)
            continue
        whole = [i for i, column in enumerate(filled) if column and all(mark in entry.marks for entry in column)]
        table = _without_mark(table, mark, whole)
        columns = [
            replace(column, marks=column.marks + mark) if i in whole else column
            for i, column in enumerate(table.columns)
        ]
        table = replace(table, columns=tuple(columns))
    return table, notes


def _by_column(table: Table) -> list[list[Entry]]:
    rows = [row.entries for block in table.blocks for row in block.rows]
    return [list(column) for column in zip(*rows, strict=True)]


def _without_mark(table: Table, mark: str, columns: Iterable[int]) -> Table:
    chosen = set(columns)

    def clean(row: Line) -> Line:
        entries = [replace(e, marks=e.marks.replace(mark, "")) if i in chosen else e for i, e in enumerate(row.entries)]
        return replace(row, entries=tuple(entries))

    blocks = [replace(block, rows=tuple(clean(row) for row in block.rows)) for block in table.blocks]
    return replace(table, blocks=tuple(blocks))


def _mark_one_set(table: Table, results: Results, selections: Mapping[str, Selection]) -> Table:
    columns = [
        replace(column, marks=ONE_SET + column.marks) if selections[target].on_evaluation_data else column
        for column, target in zip(table.columns, results.targets, strict=False)
    ]
    return replace(table, columns=(*columns, table.columns[-1]))


def _legend(results: Results, selections: Mapping[str, Selection], table: Table) -> Iterator[str]:
    entries = [entry for column in _by_column(table) for entry in column]
    marks = set(chain.from_iterable([c.marks for c in table.columns] + [e.marks for e in entries]))
    if any(entry.best for entry in entries):
        yield '* selected on dev; its test score stands in the row "best".'
    if len(results.seeds) > 1:
        yield f"Means over {len(results.seeds)} seeds: {', '.join(map(str, results.seeds))}."
    if ONE_SET in marks:
        yield f"{ONE_SET} one set only: the same rows select and report."
    if CAPPED in marks:
        yield f"{CAPPED} capped: fewer rows than the data has."
    if CUT_SHORT in marks:
        yield (
            f"{CUT_SHORT} dropped by the race on dev: the mean (for Avg: of a target or more) is over the seeds until"
            " then, against the baseline's with the same seeds."
        )
    if SEEN in marks:
        yield (
            f"{SEEN} no zero-shot transfer in some languages: its encoder has seen labels of such a task there before."
            " They stand in no mean, and the change is over the other languages on both sides; the scores by language"
            f" have both. Both test scores of such a column are over these languages. {_seen(results)}."
        )
    if RESTRICTED in marks:
        yield f"{RESTRICTED} restricted to some of its languages: {_restrictions(results)}."
    dropped = [target for target in results.targets if target not in results.averaged_targets]
    own = [heading(target) for target in dropped if is_own(target)]
    if own:
        yield f"Avg is over the targets of XTREME: without {', '.join(own)}, tasks of one's own."
    dropped = [heading(target) for target in dropped if not is_own(target)]
    if dropped:
        yield f"Avg is over {len(results.averaged_targets)} targets: there is no data for {', '.join(dropped)}."
    choices = [(target, selections[target].choice) for target in results.targets]
    every = [(v, target) for target, choice in choices if isinstance(choice, Choice) for v in choice.left_out]
    left_out, raced = ([pair for pair in every if (pair in results.dropped) == raced] for raced in (False, True))
    if left_out:
        yield f"Selected without the candidates that have no score: {cell_list(left_out, results)}."
    if raced:
        yield f"Selected without the candidates that the race has dropped: {cell_list(raced, results)}."


def _collapsed(results: Results) -> Iterator[str]:
    """A note of the cells that show the same symptoms, for each of these, then the intermediate runs."""
    cells: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for variant in results.variants:
        for target in results.targets:
            score = results.dev(variant, target)
            if isinstance(score, TaskScore) and score.findings:
                cells[_symptoms(score.findings)].append((variant, target))
    for symptoms, found in cells.items():
        yield f"{COLLAPSED} collapsed, {symptoms}: {cell_list(found, results)}."
    for variant, findings in results.intermediates.items():
        yield f"{COLLAPSED} the intermediate run of {row_title(variant)} has itself collapsed: {_symptoms(findings)}."


def _symptoms(findings: Iterable[Finding]) -> str:
    found = {finding.symptom for finding in findings}
    return ", ".join(words for symptom, words in SYMPTOMS.items() if symptom in found)


def _seen(results: Results) -> str:
    """The cells with such languages, by language; of many rows that each name theirs, no more than the number."""
    found: dict[tuple[str, ...], list[tuple[Row, str]]] = defaultdict(list)
    named: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for variant in results.variants:
        for target in results.targets:
            score = results.dev(variant, target)
            if isinstance(score, TaskScore) and score.seen:
                found[score.seen].append((variant, target))
                if set(score.seen) == {code for stage in recipe_of(variant).stages for code in stage.languages}:
                    named[target].append((variant, target))
    many = {target: cells for target, cells in named.items() if len(cells) > MOST_NAMED}
    said = [f"the languages that a row names: {len(cells)} rows -> {heading(target)}" for target, cells in many.items()]
    told = set(chain.from_iterable(many.values()))
    for codes, cells in found.items():
        if others := [cell for cell in cells if cell not in told]:
            said.append(f"{', '.join(codes)}: {cell_list(others, results)}")
    return "; ".join(said)


def _restrictions(results: Results) -> str:
    """Targets that lack the same languages, or have the same: whichever is shorter to say."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for target in results.targets:
        have = task(target).languages
        whole = dict.fromkeys((*have.get(Split.DEV, ()), *have.get(Split.TEST, ())))
        for variant in results.variants:
            score = results.dev(variant, target)
            if isinstance(score, TaskScore) and score.restricted:
                lacking = [code for code in whole if code not in score.restricted]
                is_short = 0 < len(lacking) < len(score.languages)
                said = f"without {', '.join(lacking)}" if is_short else f"to {', '.join(score.languages)}"
                found[said][heading(target)] = None
    return "; ".join(f"{', '.join(targets)} {said}" for said, targets in found.items())


def _reasons(results: Results) -> Iterator[str]:
    """One note for each reason, with all the cells it explains."""
    cells: dict[tuple[State, str], list[tuple[Row, str]]] = defaultdict(list)
    for variant in results.variants:
        for target in results.targets:
            score = results.dev(variant, target)
            if isinstance(score, Gap):
                cells[score.state, score.reason].append((variant, target))
    for (state, reason), found in cells.items():
        first, _, _ = reason.strip().partition("\n")
        yield f"{GAP_WORDS[state]}: {cell_list(found, results)} ({plain(first, LONGEST_REASON)})"


def _bounds(results: Results, selections: Mapping[str, Selection]) -> Iterator[str]:
    found = [
        f"{row_title(variant)} {number(average.bounds[0])} to {number(average.bounds[1])}"
        for variant in results.variants
        if isinstance(average := results.dev_average(variant), Gap) and average.bounds != (0.0, 100.0)
    ]
    if found:
        yield f"Where the missing dev averages can lie: {'; '.join(found)}."
    likely = [
        f"{name} {number(bounds[0])} to {number(bounds[1])}"
        for name, average, bounds in (
            ("baseline", baseline_average, likely_baseline(results, selections)),
            ("best", best_models_average, likely_best(results, selections)),
        )
        if isinstance(average(selections, results.averaged_targets), Gap) and bounds != ANYTHING
    ]  # fmt: skip
    if likely:
        yield f"Where the missing test averages are likely to lie, by the dev scores: {'; '.join(likely)}."
