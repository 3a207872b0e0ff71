"""The sections of `report.md`, each as Markdown text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from analysis.published.comparison import comparison
from analysis.report.collapsed import collapsed_section
from analysis.report.openings import openings_section
from analysis.report.races import race_section
from analysis.report.searches import searches_section
from analysis.scores.headings import heading, row_title
from analysis.scores.load import Run
from analysis.selection.averages import Gap, TaskScore, expected_languages
from analysis.selection.results import Results
from analysis.selection.selection import Choice, Selection, baseline_average, best_models_average
from analysis.selection.sweep import Sweep
from analysis.showing.markup import Markdown, code, in_markdown, pipe_table
from analysis.tables.rendering import markdown
from analysis.tables.table2 import (
    COLLAPSED,
    Block,
    Column,
    Entry,
    Line,
    Table,
    average_entry,
    entry_of,
    number,
    unit,
)
from trainables.ledger.cells import MULTI_TASK, Cell, Row
from trainables.ledger.openings import Opening
from trainables.ledger.plain import plain
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult
from trainables.tasks.registry import task
from trainables.tasks.task import Split

LONGEST_RUNS = 10
LONGEST_NAME = 100
"""Characters of a name in the title of a table."""
LONGEST_REASON = 2000
"""Characters of a reason or a note; the store has the rest."""


def report(
    sweep: Sweep,
    selections: Mapping[str, Selection],
    table: Table,
    failures: Mapping[str, str],
    studies: Sequence[StudyResult] = (),
    openings: Sequence[Opening] = (),
) -> str:
    """The whole report.

    `selections` have the test scores that may be shown, `failures` are run id -> why its last attempt failed,
    `studies` those of the sweep.
    """
    runs, results = sweep.runs, sweep.results
    sections = [
        ("What was run", _what_was_run(runs, results)),
        ("Table 2", markdown(table)),
        ("Selection", _selection(results, selections)),
        ("Collapsed runs", collapsed_section(runs)),
        ("Searches", searches_section(studies)),
        ("Race", race_section(sweep.race)),
        ("Comparison with the paper", _comparison(runs, results, selections)),
        ("Failures and gaps", _failures(results, failures, sweep.unusable)),
        ("Test scores opened", openings_section(openings)),
        ("Costs", _costs(runs)),
        ("Notes of the runs", _notes(runs)),
        ("Scores by language", _languages(results, selections)),
    ]
    parts = [f"## {title}\n\n{text.rstrip()}\n" for title, text in sections if text.strip()]
    return "# Sweep report\n\n" + "\n".join(parts)


def table_title(runs: Sequence[Run]) -> str:
    """For example `Table 2: bundled:3, demo data, 64 training rows`."""
    encoders = sorted({plain(run.record.spec.encoder.name, LONGEST_NAME) for run in runs})
    data = sorted({plain(run.record.spec.data.source, LONGEST_NAME) for run in runs})
    parts = [*encoders, *(f"{source} data" for source in data), *_caps(runs)]
    return f"Table 2: {', '.join(parts)}" if parts else "Table 2"


def _caps(runs: Iterable[Run]) -> list[str]:
    data = [run.record.spec.data for run in runs]
    train = sorted({ref.train_rows for ref in data if ref.train_rows})
    evaluated = sorted({ref.eval_rows for ref in data if ref.eval_rows})
    caps = [f"{' or '.join(map(str, train))} training rows"] if train else []
    return caps + ([f"{' or '.join(map(str, evaluated))} evaluation rows"] if evaluated else [])


def _what_was_run(runs: Sequence[Run], results: Results) -> str:
    specs = [run.record.spec for run in runs]
    encoders = sorted({f"{code(spec.encoder.name)} (revision {code(spec.encoder.revision)})" for spec in specs})
    caps = _caps(runs)
    mixtures = {row_title(run.variant): run.record.spec.tasks for run in runs
                if run.record.spec.phase is Phase.INTERMEDIATE and run.variant.intermediate == MULTI_TASK}  # fmt: skip
    cells = results.count()
    records = [run.record for run in runs]
    lines = [
        ("Encoder", Markdown(", ".join(encoders) or "no finished run yet")),
        ("Data", ", ".join(sorted({spec.data.source for spec in specs})) or "no finished run yet"),
        ("Rows", Markdown(f"**capped**: {', '.join(caps)} (training rows per task, evaluation rows per language and "
         "split)") if caps else "all"),
        ("Rows of the table", ", ".join(row_title(variant) for variant in results.variants)),
        *((title, ", ".join(map(heading, tasks))) for title, tasks in sorted(mixtures.items())),
        ("Targets", ", ".join(map(heading, results.targets))),
        ("Seeds", ", ".join(map(str, results.seeds))),
        ("Cells", f"{sum(cells.values())}: " + ", ".join(f"{count} {state}" for state, count in cells.items())),
        ("Runs", ", ".join(f"{count} {phase}" for phase, count in Counter(s.phase.value for s in specs).items())),
        ("Devices", _tally(record.device for record in records)),
        ("Commits", _tally(record.commit for record in records)),
        ("Libraries", _tally(", ".join(f"{k} {v}" for k, v in sorted(r.versions.items())) for r in records)),
    ]  # fmt: skip
    return "\n".join(f"- {name}: {in_markdown(value, LONGEST_REASON)}" for name, value in lines if value)


def _tally(values: Iterable[str]) -> str:
    counts = Counter(value for value in values if value)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{value} ({count} runs)" for value, count in counts.most_common())


def _selection(results: Results, selections: Mapping[str, Selection]) -> str:
    rows = []
    for target in results.targets:
        chosen = selections[target]
        mark = " †" if chosen.on_evaluation_data else ""
        title = f"{heading(target)}{mark}"
        metrics = unit(target)
        if isinstance(chosen.choice, Gap):
            rows.append([title, metrics, f"not selected: {chosen.choice.reason}", "", "", "", ""])
            continue
        variant = chosen.choice.best.variant
        collapsed = f" {COLLAPSED}" if _has_collapsed(results, variant, target) else ""
        rows.append([
            title, metrics, row_title(variant) + collapsed, _unmarked(results.dev(variant, target)),
            _runner_up(chosen.choice), _unmarked(chosen.test), _unmarked(chosen.baseline_test),
        ])  # fmt: skip
    averages = [
        str(average_entry(average(selections, results.averaged_targets)))
        for average in (best_models_average, baseline_average)
    ]
    rows.append(["Avg", "", "", "", "", *averages])
    header = ["target", "metric", "selected on dev", "dev", "ahead of the next by", "test", "baseline, test"]
    text = [
        "The variant with the highest dev score (QA: mean of F1 and EM), the baseline among the candidates. Test "
        "scores are shown for the selected variant and the baseline only, once the selection stands.",
        "",
        pipe_table(header, rows),
    ]
    if any(cells[2].endswith(f" {COLLAPSED}") for cells in rows):
        text.append(
            f"{COLLAPSED} What was selected shows signs of collapse (see Collapsed runs): it is the best of what there"
            " is, not a model that has learnt the task.\n"
        )
    if any(selection.on_evaluation_data for selection in selections.values()):
        text.append("† The task has one set only: it was selected on the evaluation data.")
    return "\n".join(text)


def _has_collapsed(results: Results, variant: Row, target: str) -> bool:
    score = results.dev(variant, target)
    return isinstance(score, TaskScore) and bool(score.findings or results.intermediates.get(variant))


def _unmarked(score: TaskScore | Gap) -> str:
    """Numbers without the marks whose legend stands under Table 2."""
    return str(replace(entry_of(score), marks=""))


def _runner_up(choice: Choice) -> str:
    others = [candidate for candidate in choice.candidates if candidate is not choice.best]
    if not others:
        return "no other candidate"
    best = max(others, key=lambda candidate: candidate.score)
    return f"{number(choice.best.score - best.score)} ({row_title(best.variant)})"


def _comparison(runs: Sequence[Run], results: Results, selections: Mapping[str, Selection]) -> str:
    found = comparison(runs, results, selections)
    return in_markdown(found) if isinstance(found, str) else markdown(found)


def _failures(results: Results, failures: Mapping[str, str], unusable: Mapping[str, str]) -> str:
    found: dict[tuple[State, str], list[Cell]] = defaultdict(list)
    for variant in results.variants:
        for target in results.targets:
            for seed, score in results.seeds_of(variant, target, task(target).selection_split).items():
                if isinstance(score, Gap):
                    found[score.state, score.reason].append(Cell(*variant, target, seed))
    lines = []
    for (state, reason), cells in sorted(found.items()):
        count = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
        lines += [f"- **{state}**, {count}: {_reason(reason)}", f"  {_cells(cells, results)}"]
    if failures:
        lines += ["", "Attempts that failed and were not made good:", ""]
        lines += [f"- run {code(run_id)}: {_reason(reason)}" for run_id, reason in sorted(failures.items())]
    if unusable:
        lines += ["", "Finished runs that cannot be used and count as not finished:", ""]
        lines += [f"- {', '.join(map(code, ids))}: {_reason(reason)}" for reason, ids in _by_reason(unusable)]
    return "\n".join(lines) or "None: every cell is done."


def _cells(cells: Sequence[Cell], results: Results) -> str:
    several = len(results.seeds) > 1
    by_row: dict[Row, list[str]] = defaultdict(list)
    for cell in cells:
        by_row[cell.row].append(heading(cell.target) + (f" #{cell.seed}" if several else ""))
    return "; ".join(f"{row_title(variant)} -> {', '.join(names)}" for variant, names in by_row.items())


def _by_reason(unusable: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for run_id, reason in sorted(unusable.items()):
        ids[reason].append(run_id)
    return list(ids.items())


def _reason(text: str) -> Markdown:
    return in_markdown(text, LONGEST_REASON) or Markdown("no reason noted")


def _costs(runs: Sequence[Run]) -> str:
    rows = []
    for phase in Phase:
        records = [run.record for run in runs if run.record.spec.phase is phase]
        if records:
            seconds = [sum(record.seconds.values()) for record in records]
            rows.append([
                phase.value, str(len(records)), f"{sum(seconds):,.0f}", f"{sum(r.steps for r in records):,}",
                f"{sum(r.tokens for r in records):,}", _gib(max(r.peak_bytes for r in records)),
            ])  # fmt: skip
    if not rows:
        return ""
    header = ["phase", "runs", "seconds", "steps", "tokens", "highest peak memory"]
    stages: dict[str, float] = defaultdict(float)
    for run in runs:
        for stage, spent in run.record.seconds.items():
            stages[stage] += spent
    by_stage = ", ".join(
        f"{in_markdown(stage)} {spent:,.0f}" for stage, spent in sorted(stages.items(), key=lambda i: -i[1])
    )
    longest = sorted(runs, key=lambda run: -sum(run.record.seconds.values()))[:LONGEST_RUNS]
    each = [
        [r.name, code(r.run_id), f"{sum(r.seconds.values()):,.0f}", f"{r.steps:,} of {r.planned_steps:,}",
         str(r.best_step), _gib(r.peak_bytes), r.device]
        for r in (run.record for run in longest)
    ]  # fmt: skip
    names = ["run", "id", "seconds", "steps", "best step", "peak memory", "device"]
    return "\n".join([
        pipe_table(header, rows), f"Seconds by stage: {by_stage}.", "", f"The {len(each)} longest runs:", "",
        pipe_table(names, each),
    ])  # fmt: skip


def _gib(peak: int) -> str:
    return f"{peak / 2**30:.2f} GiB" if peak else ""


def _notes(runs: Sequence[Run]) -> str:
    notes: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for note in run.record.notes:
            notes[note].append(run.record.name)
    return "\n".join(
        f"- {_reason(note)} ({in_markdown(names[0]) if len(names) == 1 else f'{len(names)} runs'})"
        for note, names in notes.items()
    )


def _languages(results: Results, selections: Mapping[str, Selection]) -> str:
    parts = []
    for target in results.targets:
        chosen = selections[target]
        split = "dev" if chosen.split is Split.DEV else "only set"
        parts += [f"### {heading(target)}, {split} ({unit(target)})", ""]
        parts.append(_by_language(target, chosen.split, {v: results.dev(v, target) for v in results.variants}))
        if not chosen.on_evaluation_data and chosen.is_open:
            shown = {variant: results.score(variant, target, Split.TEST)
                     for variant in dict.fromkeys(filter(None, (results.baseline, chosen.variant)))}  # fmt: skip
            parts += [f"### {heading(target)}, test ({unit(target)})", "", _by_language(target, Split.TEST, shown)]
    return "\n".join(parts)


def _by_language(target: str, split: Split, scores: Mapping[Row, TaskScore | Gap]) -> str:
    """Languages down, variants across; the mean and the metrics that do not count below."""
    shown = {variant: score for variant, score in scores.items() if isinstance(score, TaskScore)}
    without = [f"{row_title(v)} ({_reason(s.reason)})" for v, s in scores.items() if isinstance(s, Gap)]
    lines = [f"Not shown: {'; '.join(without)}.", ""] if without else []
    if not shown:
        return "\n".join(lines)
    languages = [
        language
        for language in expected_languages(task(target), split)
        if any(language in score.languages for score in shown.values())
    ]
    rows = [
        Line(label=language, entries=(*(_language_entry(score, language) for score in shown.values()),))
        for language in languages
    ]
    rows.append(Line(label="mean", entries=(*(Entry(values=(*s.metrics.values(),)) for s in shown.values()),)))
    extras = dict.fromkeys(name for score in shown.values() for name in score.extras)
    for extra in extras:
        entries = [Entry(values=(s.extras[extra],)) if extra in s.extras else Entry() for s in shown.values()]
        rows.append(Line(label=f"mean {extra}, not averaged", entries=tuple(entries)))
    columns = tuple(Column(title=row_title(variant)) for variant in shown)
    table = Table(title="", columns=columns, blocks=(Block(title="", rows=tuple(rows)),))
    return "\n".join([markdown(table), *lines])


def _language_entry(score: TaskScore, language: str) -> Entry:
    values = score.languages.get(language, {})
    return Entry(values=tuple(values[metric] for metric in score.metrics if metric in values))
