"""What was run: encoder, data, caps, grid, devices and versions; the title that says it in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from analysis.report.content import Code, Facts, Said, Section, Strong, listed
from analysis.report.material import Material
from analysis.scores.headings import heading, row_title
from analysis.scores.load import Run, configured_cap
from trainables.ledger.cells import MULTI_TASK
from trainables.ledger.plain import plain
from trainables.ledger.spec import Phase

LONGEST_NAME = 100
"""Characters of a name in the title of a table."""


def table_title(runs: Sequence[Run]) -> str:
    """For example `Table 2: bundled:3, demo data, 64 training rows`."""
    parts = [*_encoders(runs), *(f"{source} data" for source in _sources(runs)), *_caps(runs)]
    return f"Table 2: {', '.join(parts)}" if parts else "Table 2"


def headline(material: Material) -> str:
    """What the sweep is about, in one sentence."""
    runs, results = material.sweep.runs, material.sweep.results
    intermediates = len({row.intermediate for row in results.variants if row != results.baseline})
    seeds = len(results.seeds)
    what = (
        f"{intermediates} intermediate task{'s' * (intermediates != 1)}, {len(results.targets)} "
        f"target{'s' * (len(results.targets) != 1)}, {seeds} seed{'s' * (seeds != 1)}"
    )
    where = ", ".join([*_encoders(runs), *(f"{source} data" for source in _sources(runs)), *_caps(runs)])
    return f"{what}; {where}" if where else what


def newest(runs: Sequence[Run]) -> str:
    """When the newest of the records was finished; ISO time, empty where none says."""
    return max((run.record.finished_at for run in runs), default="")


def overview_section(material: Material) -> Section:
    """Facts of the whole sweep."""
    runs, results = material.sweep.runs, material.sweep.results
    specs = [run.record.spec for run in runs]
    encoders = sorted({(spec.encoder.name, spec.encoder.revision) for spec in specs})
    caps = _caps(runs)
    mixtures = {row_title(run.variant): run.record.spec.tasks for run in runs
                if run.record.spec.phase is Phase.INTERMEDIATE and run.variant.intermediate == MULTI_TASK}  # fmt: skip
    cells = results.count()
    each = "training rows per task, evaluation rows per language and split"
    none = "no finished run yet"
    facts: list[tuple[str, Said]] = [
        ("Encoder", listed([(Code(name), " (revision ", Code(rev), ")") for name, rev in encoders]) or none),
        ("Data", ", ".join(sorted({spec.data.source for spec in specs})) or none),
        ("Rows", (Strong("capped"), f": {', '.join(caps)} ({each})") if caps else "all"),
        ("Rows of the table", ", ".join(row_title(variant) for variant in results.variants)),
        *((title, ", ".join(map(heading, tasks))) for title, tasks in sorted(mixtures.items())),
        ("Targets", ", ".join(map(heading, results.targets))),
        ("Seeds", ", ".join(map(str, results.seeds))),
        ("Cells", f"{sum(cells.values())}: " + ", ".join(f"{count} {state}" for state, count in cells.items())),
        ("Runs", ", ".join(f"{count} {phase}" for phase, count in Counter(s.phase.value for s in specs).items())),
        ("Newest record", newest(runs)),
    ]  # fmt: skip
    return Section(id="overview", title="What was run", blocks=(Facts(facts=_filled(facts)),))


def versions_section(runs: Sequence[Run]) -> Section:
    """Devices, commits and libraries, each with how many runs it had."""
    records = [run.record for run in runs]
    facts = [
        ("Devices", _tally(record.device for record in records)),
        ("Commits", _tally(record.commit for record in records)),
        ("Libraries", _tally(", ".join(f"{k} {v}" for k, v in sorted(r.versions.items())) for r in records)),
    ]
    return Section(id="versions", title="Devices and versions", blocks=(Facts(facts=_filled(facts)),))


def _filled(facts: Iterable[tuple[str, Said]]) -> tuple[tuple[str, Said], ...]:
    return tuple((name, said) for name, said in facts if said)


def _encoders(runs: Sequence[Run]) -> list[str]:
    return sorted({plain(run.record.spec.encoder.name, LONGEST_NAME) for run in runs})


def _sources(runs: Sequence[Run]) -> list[str]:
    return sorted({plain(run.record.spec.data.source, LONGEST_NAME) for run in runs})


def _caps(runs: Iterable[Run]) -> list[str]:
    records = [run.record for run in runs]
    train = sorted({configured_cap(record) for record in records} - {0})
    evaluated = sorted({record.spec.data.eval_rows for record in records} - {0})
    caps = [f"{' or '.join(map(str, train))} training rows"] if train else []
    return caps + ([f"{' or '.join(map(str, evaluated))} evaluation rows"] if evaluated else [])


def _tally(values: Iterable[str]) -> str:
    counts = Counter(value for value in values if value)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{value} ({count} runs)" for value, count in counts.most_common())
