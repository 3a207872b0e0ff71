"""The responsible NLP checklist's section on experiments (C1 to C4) as text, with facts from the records alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from analysis.scores.headings import heading, row_order, row_title, target_order
from analysis.scores.load import configured_cap
from analysis.selection.sweep import Sweep
from analysis.showing.markup import Markdown, code, in_markdown, pipe_table
from analysis.statistics.estimate import LEVEL, Verdict, Verdicts
from trainables.ledger.record import Record
from trainables.ledger.spec import Optimisation, Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult

_THREADS = re.compile(r"(?P<name>.*), (?P<threads>\d+) threads")
"""How a record names a device that is no GPU."""
NOT_RECORDED = "not recorded"


def checklist(sweep: Sweep, studies: Sequence[StudyResult], verdicts: Verdicts | None = None) -> str:
    """Markdown with the headings C1 to C4; `studies` are those of the sweep. Works for a sweep without any run."""
    records = _records(sweep)
    sections = (
        ("C1. Model size, budget and infrastructure", _budget(records, studies)),
        ("C2. Setup, search and hyperparameters", _settings(sweep, records, studies)),
        ("C3. Statistics of the results", _statistics(sweep, verdicts)),
        ("C4. Packages", _packages(records)),
    )
    texts = ((title, "\n".join(lines).rstrip()) for title, lines in sections)
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in texts) + "\n"


def _records(sweep: Sweep) -> list[Record]:
    """Of every run once, those that others start from too."""
    found = {record.run_id: record for run in sweep.runs for record in (*run.stages, run.record)}
    return [found[run_id] for run_id in sorted(found)]


def _budget(records: Sequence[Record], studies: Sequence[StudyResult]) -> Iterator[str]:
    encoders = sorted({(record.spec.encoder.name, record.spec.encoder.revision) for record in records})
    named = ", ".join(f"{code(name)} (revision {code(revision)})" for name, revision in encoders)
    yield f"- Encoder: {named or NOT_RECORDED}."
    yield "- Parameters: the records do not hold their number; it is that of the encoder, and of one head a task."
    phases = Counter(record.spec.phase for record in records)
    runs = ", ".join(f"{phases[phase]} {phase}" for phase in Phase if phases[phase])
    yield f"- Runs: {len(records)}{f' ({runs})' if runs else ''}."
    by_device: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_device[record.device].append(record)
    for device, own in sorted(by_device.items()):
        yield f"- Compute: {_hours(device, own)}."
    if any(not _is_cpu(device) for device in by_device):
        yield "- Runs that share a GPU count in full, each."
    peak = max((record.peak_bytes for record in records), default=0)
    if peak:
        yield f"- Highest peak memory of a run: {peak / 2**30:.2f} GiB."
    chosen = {record.run_id for record in records}
    others = {trial.run_id for study in studies for trial in study.trials} - chosen
    without = "Not counted are attempts that failed or were interrupted"
    yield f"- {without}, and {len(others)} trials of searches that were not chosen." if others else f"- {without}."


def _hours(device: str, records: Sequence[Record]) -> str:
    seconds = sum(sum(record.seconds.values()) for record in records)
    runs = f"{len(records)} run{'s' * (len(records) > 1)}"
    if not device:
        return f"{_number(seconds / 3600)} hours on a device that is {NOT_RECORDED}, {runs}"
    if cpu := _THREADS.fullmatch(device):
        threads = int(cpu["threads"])
        return (
            f"{_number(seconds * threads / 3600)} CPU core hours ({seconds:,.0f} s of runs with {threads}"
            f" thread{'s' * (threads > 1)} each) on"
            f" {in_markdown(cpu['name'])}, {runs}"
        )
    if _is_cpu(device):
        return f"{_number(seconds / 3600)} hours of runs on {in_markdown(device)}, {runs}"
    return f"{_number(seconds / 3600)} GPU hours on {in_markdown(device)}, {runs}"


def _number(hours: float) -> str:
    return f"{hours:,.2f}" if hours >= 1 else f"{hours:.2g}"


def _is_cpu(device: str) -> bool:
    return not device or device == "cpu" or bool(_THREADS.fullmatch(device))


def _settings(sweep: Sweep, records: Sequence[Record], studies: Sequence[StudyResult]) -> Iterator[str]:
    results = sweep.results
    yield (
        f"- Grid: {len(results.variants)} rows ({', '.join(map(row_title, results.variants))}),"
        f" {len(results.targets)} targets ({', '.join(map(heading, results.targets))}), seeds"
        f" {', '.join(map(str, results.seeds)) or 'none'}."
    )
    yield f"- Data: {', '.join(sorted({in_markdown(record.spec.data.source) for record in records})) or NOT_RECORDED}."
    if caps := _caps(records):
        yield f"- Capped: {caps}."
    yield (
        "- The checkpoint of a training run is the best on English development rows; the encoder of a target is chosen"
        " by its development score (XQuAD, TyDiQA and Tatoeba have one set, which chooses and reports)."
    )
    yield from _searches(studies)
    table = _hyperparameters(sweep)
    if table:
        yield f"\n{table}"


def _caps(records: Sequence[Record]) -> str:
    train = sorted({configured_cap(record) for record in records} - {0})
    evaluated = sorted({record.spec.data.eval_rows for record in records} - {0})
    parts = [f"{' or '.join(map(str, train))} training rows a task"] if train else []
    parts += [f"{' or '.join(map(str, evaluated))} evaluation rows a language and split"] if evaluated else []
    return ", ".join(parts)


def _searches(studies: Sequence[StudyResult]) -> Iterator[str]:
    if not studies:
        yield "- Search: none is recorded; the settings are those below."
        return
    states = Counter(trial.state for study in studies for trial in study.trials)
    told = ", ".join(f"{states[state]} {state}" for state in State if states[state])
    names = sorted({name for study in studies for trial in study.trials for name in trial.params})
    yield (
        f"- Search: {len(studies)} run{'s were' if len(studies) > 1 else ' was'} searched with {sum(states.values())}"
        f" trials ({told}) over"
        f" {', '.join(map(in_markdown, names)) or 'nothing'}, each by the English development figure of its own task;"
        " trial 0 is the configured setting."
    )
    for study in studies:
        if best := study.best:
            params = ", ".join(f"{in_markdown(name)} {value:.3g}" for name, value in best.params.items())
            yield f"  - {in_markdown(study.name)}: trial {best.number} ({params or 'as configured'})"


def _hyperparameters(sweep: Sweep) -> str:
    """A line for every task that is trained; several values where its runs differ."""
    found: dict[tuple[int, object, str], list[Optimisation]] = defaultdict(list)
    for run in sweep.runs:
        for record in filter(None, (run.intermediate, run.record)):
            spec = record.spec
            if spec.optimisation is None:
                continue
            if spec.phase is Phase.INTERMEDIATE:
                key: tuple[int, object, str] = (0, row_order(run.variant), row_title(run.variant))
            else:
                key = (1, target_order(spec.tasks[0]), ", ".join(map(heading, spec.tasks)))
            found[key].append(spec.optimisation)
    if not found:
        return ""
    header = ["trained on", "learning rate", "epochs", "batch", "warm-up", "weight decay", "longest input", "precision"]
    rows = [
        [
            name, _values(f"{each.learning_rate:g}" for each in own), _values(f"{each.epochs:g}" for each in own),
            _values(_batch(each.batch_sizes) for each in own), _values(f"{each.warmup_fraction:g}" for each in own),
            _values(f"{each.weight_decay:g}" for each in own), _values(str(each.max_length) for each in own),
            _values(each.precision.value for each in own),
        ]
        for (_, _, name), own in sorted(found.items(), key=lambda item: item[0])
    ]  # fmt: skip
    return pipe_table(header, rows, ["---", *["---:"] * 6, "---"])


def _batch(sizes: Mapping[str, int]) -> str:
    if len({*sizes.values()}) == 1:
        return str(next(iter(sizes.values())))
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


def _values(values: Iterator[str]) -> str:
    return " or ".join(dict.fromkeys(values))


def _statistics(sweep: Sweep, verdicts: Verdicts | None) -> Iterator[str]:
    seeds = sweep.results.seeds
    if len(seeds) > 1:
        yield f"- A cell is the mean of {len(seeds)} runs that differ by the seed ({', '.join(map(str, seeds))})."
    elif seeds:
        yield f"- A cell is a single run (seed {seeds[0]}): what another seed would give is not known."
    yield (
        "- A score is the unweighted mean over the languages of a target, of QA the mean of F1 and exact match; the"
        " overall average is that of the targets."
    )
    yield (
        "- The row `best` is a choice: the row with the highest development score of every target, so on the rows that"
        " chose it its score flatters."
    )
    yield from _verdicts(verdicts)
    collapsed = sum(bool(run.record.findings) for run in sweep.runs)
    if collapsed:
        yield f"- {collapsed} runs show signs of collapse; their scores stand as they are."
    missing = {state: count for state, count in sweep.results.count().items() if state is not State.DONE}
    if missing:
        yield f"- Cells without a score: {', '.join(f'{count} {state}' for state, count in missing.items())}."


def _verdicts(verdicts: Verdicts | None) -> Iterator[str]:
    if verdicts is None:
        yield "- Intervals and tests: none were computed."
        return
    told = [found for found in (*verdicts.cells.values(), *verdicts.averages.values()) if isinstance(found, Verdict)]
    if not told:
        yield "- Intervals and tests: none could be computed; the report says why."
        return
    over_seeds = sum(found.estimate.over_seeds for found in told)
    over = "rows and seeds" if over_seeds == len(told) else "rows alone"
    if 0 < over_seeds < len(told):
        over = f"rows and seeds in {over_seeds} cases, over rows alone in {len(told) - over_seeds}"
    yield (
        f"- Differences to the baseline have {1 - LEVEL:.0%} intervals over {over}, paired by row; translations of one"
        f" sentence count as one. Words hold at {LEVEL:.0%} over the whole table (Holm, {verdicts.family} comparisons);"
        f" equivalent means within {verdicts.margin:g} points."
    )
    words = Counter(found.word for found in told)
    yield f"- Of these: {', '.join(f'{count} {word}' for word, count in sorted(words.items()))}."


def _packages(records: Sequence[Record]) -> Iterator[str]:
    versions: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, version in record.versions.items():
            versions[name].add(version)
    listed = ", ".join(f"{in_markdown(name)} {in_markdown(' or '.join(sorted(own)))}"
                       for name, own in sorted(versions.items()))  # fmt: skip
    yield f"- Packages: {listed or NOT_RECORDED}."
    commits = sorted({record.commit for record in records if record.commit})
    yield f"- Commit of this project: {Markdown(', '.join(map(code, commits))) or NOT_RECORDED}."
    yield (
        "- Scores: this project's own code by the rules of the benchmark (chunk F1 as in seqeval 0.0.12, answers as in"
        " SQuAD 1.1 and MLQA, mining with the ratio margin)."
    )
