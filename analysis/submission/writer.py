"""The selected models' test predictions as a submission to XTREME, and the labels that they are compared with.

It takes one model for every target, chosen on development data as the report chooses it, and writes its predictions in
the layout of `xtreme_layout`. A file is written only if it scores what the run's record says.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.report.writer import chosen_plan
from analysis.scores.headings import AnalysisError, heading, row_title
from analysis.scores.load import Run, open_store
from analysis.scores.sweeps import one_run_per_cell
from analysis.selection import opening
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep, gather
from analysis.showing.markup import Markdown, in_markdown
from analysis.submission import xtreme_layout
from analysis.submission.xtreme_layout import Item, LayoutError
from trainables.data.cache_folder import CacheFolderError
from trainables.data.hub import open_data
from trainables.data.loading import load as load_rows
from trainables.data.source import DataError, DataSource
from trainables.ledger import files
from trainables.ledger.cells import Cell, Row
from trainables.ledger.errors import StoreError
from trainables.ledger.openings import Opening
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store
from trainables.tasks.examples import BitextExample
from trainables.tasks.registry import task
from trainables.tasks.task import Split

PREDICTIONS = "predictions"
LABELS = "labels"
SUMMARY = "README.md"

_SAME = 1e-6
"""Percent by which a recomputed score may differ from the recorded one."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What was written for one target: the selected run, and the scores its files give."""

    target: str
    variant: Row
    run: Run
    score: TaskScore
    on_evaluation_data: bool


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What became of every target.

    Attributes:
        models: what was written, in the order of Table 2.
        missing: target of the sweep -> why it was not written.
        notes: what a reader of the files must know.
    """

    models: tuple[Model, ...]
    missing: Mapping[str, str]
    notes: tuple[str, ...]


def write_submission(
    store: Store,
    folder: Path,
    *,
    plan: Plan | None = None,
    conditions: Sequence[str] = (),
    seed: int | None = None,
    data: DataSource | None = None,
) -> Submission:
    """Write `predictions/`, `labels/` and `README.md` of one sweep into `folder`.

    Args:
        store: holds the records and predictions; nothing in it is changed but the list of the test scores that were
            opened.
        folder: new, empty, or an earlier submission, which is replaced as a whole; nothing is made when no target can
            be written.
        plan: of the sweep; None takes all runs of the store, which must be one sweep.
        conditions: `SETTING=VALUE`, to choose one of several sweeps (`sweeps.where`).
        seed: which run of a selected variant, if the sweep has several; None takes the lowest.
        data: where Tatoeba was read from; its English sentences give XTREME's order of lines.

    Raises:
        AnalysisError: no finished run that can be used, runs of several sweeps, a seed that the sweep lacks, a folder
            that holds something else.
        LedgerError: another file of the store that cannot be read.
        ClosedError: the store cannot note that test scores are opened; nothing is written then.
    """
    sweep = gather(store, plan, conditions)
    if not sweep.runs:
        raise AnalysisError("there is no finished run to submit")
    results = sweep.results
    if seed is not None and seed not in results.seeds:
        raise AnalysisError(f"no run has seed {seed}; seeds here: {', '.join(map(str, results.seeds))}")
    folder = folder.expanduser().resolve()
    _check_replaceable(folder)
    found, missing = _models(sweep, seed)
    opening.note(store, sweep, [each for model in found if (each := _opening(sweep, model))])
    with files.beside(folder) as made:
        made.mkdir()
        models = []
        for model in found:
            try:
                _write_model(store, made, model, data)
                models.append(model)
            except (_NotWrittenError, LayoutError, StoreError) as error:
                missing[model.target] = str(error)
        missing = {target: missing[target] for target in results.targets if target in missing}
        notes = (*_notes(models, results, data), *_left_out(sweep))
        submission = Submission(models=tuple(models), missing=missing, notes=notes)
        if models:
            (made / SUMMARY).write_text(summary(submission), encoding="utf-8")
            files.move(made, folder)
    return submission


class _NotWrittenError(Exception):
    """Why a target has no files."""


def _models(sweep: Sweep, seed: int | None) -> tuple[list[Model], dict[str, str]]:
    """The model of every target that has one; target -> why there is none."""
    cells = one_run_per_cell(sweep.runs)
    models, missing = [], {}
    for target, selection in sweep.selections.items():
        try:
            models.append(_model(sweep.results, cells, selection, seed))
        except _NotWrittenError as error:
            missing[target] = str(error)
    return models, missing


def _opening(sweep: Sweep, model: Model) -> Opening | None:
    """The look at a test set that its predictions are; none where the same rows have selected."""
    if model.on_evaluation_data:
        return None
    return opening.opening(sweep, model.target, model.variant, [model.run.record.run_id], "submission")


def _left_out(sweep: Sweep) -> list[str]:
    return [f"Run {run_id} is finished and cannot be used: {why}" for run_id, why in sorted(sweep.unusable.items())]


def _model(results: Results, cells: Mapping[Cell, Run], selection: Selection, seed: int | None) -> Model:
    """The selected variant's run of one seed."""
    if isinstance(selection.choice, Gap):
        raise _NotWrittenError(f"no model selected: {selection.choice}")
    best = selection.choice.best
    cell = Cell(*best.variant, selection.target, min(set(best.seeds) - set(best.gaps)) if seed is None else seed)
    score = results.cells[cell, Split.TEST]
    if isinstance(score, Gap):
        raise _NotWrittenError(f"{row_title(best.variant)}, seed {cell.seed}: {score}")
    return Model(
        target=selection.target,
        variant=best.variant,
        run=cells[cell],
        score=score,
        on_evaluation_data=selection.on_evaluation_data,
    )


def _write_model(store: Store, made: Path, model: Model, data: DataSource | None) -> None:
    """Both files of every language the run was scored in; none of them if one cannot be written."""
    rows = _test_rows(store.fetch(model.run.record.run_id, f"{PREDICTIONS}/{model.target}.parquet"))
    contents = {}
    for language, recorded in model.score.languages.items():
        english = None
        if data is not None and model.target == xtreme_layout.ORDERED:
            english = _english_sentences(model, language, data)
        try:
            found = xtreme_layout.files(model.target, language, rows.get(language, ()), english)
        except LayoutError as error:
            raise LayoutError(f"predictions of run {model.run.record.run_id}, {language}: {error}") from error
        for metric in task(model.target).metrics:
            if not math.isclose(found.scores[metric], recorded[metric], rel_tol=0.0, abs_tol=_SAME):
                raise _NotWrittenError(
                    f"run {model.run.record.run_id}, {language}: the predictions score {found.scores[metric]:.4f} "
                    f"{metric}, the record says {recorded[metric]:.4f}"
                )
        contents[language] = found
    for language, found in contents.items():
        for name, content in ((PREDICTIONS, found.predictions), (LABELS, found.labels)):
            path = made / name / xtreme_layout.path(model.target, language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8", newline="\n")


def _test_rows(path: Path) -> dict[str, list[Item]]:
    """Test rows of a prediction file by language, in the order of the data."""
    columns = ["language", "id", "prediction", "reference"]
    try:
        table = pq.read_table(path, columns=columns, filters=[("split", "=", Split.TEST.value)])
    except (OSError, pa.ArrowException) as error:
        raise _NotWrittenError(f"{path} cannot be read: {error}") from error
    found: dict[str, list[Item]] = defaultdict(list)
    for language, name, prediction, reference in zip(*(table[column].to_pylist() for column in columns), strict=True):
        found[language].append(Item(name, prediction, reference))
    return found


def _english_sentences(model: Model, language: str, data: DataSource) -> dict[str, str]:
    """Id -> English sentence, from the very rows that the run read."""
    of = task(model.target)
    try:
        sources = [source for code in model.score.languages for source in of.files(Split.TEST, code)]
        if data.fingerprint(sorted(sources, key=lambda source: source.path)) != model.run.record.spec.data.fingerprint:
            raise _NotWrittenError(f"the data given is not the data that run {model.run.record.run_id} read")
        examples = load_rows(of, Split.TEST, language, data).examples
    except DataError as error:
        raise _NotWrittenError(str(error)) from error
    return {example.id: example.english for example in examples if isinstance(example, BitextExample)}


def _notes(models: Sequence[Model], results: Results, data: DataSource | None) -> list[str]:
    titles = {model.target: heading(model.target) for model in models}
    notes = []
    if one_set := [titles[model.target] for model in models if model.on_evaluation_data]:
        notes.append(f"{', '.join(one_set)}: one set only, so the model was selected on the rows it is tested on.")
    if len(results.seeds) > 1:
        notes.append("Of several seeds one is submitted; the report's figures are means over the seeds.")
    if capped := sorted({model.run.record.spec.data.eval_rows for model in models} - {0}):
        rows = " or ".join(map(str, capped))
        notes.append(f"Capped at {rows} rows a language: these files fit their own labels, not those of XTREME.")
    if collapsed := [titles[model.target] for model in models if model.score.findings]:
        notes.append(f"{', '.join(collapsed)}: the submitted model shows signs of collapse (the report names them).")
    for model in models:
        lacking = [code for code in task(model.target).languages[Split.TEST] if code not in model.score.languages]
        if lacking:
            notes.append(Markdown(
                f"{titles[model.target]} lacks {', '.join(lacking)}; `evaluate.py` stops at a missing file."
            ))  # fmt: skip
    if xtreme_layout.ORDERED in titles and data is None:
        notes.append(
            "Tatoeba is in the order of the data. XTREME's own labels are in the order of the sorted English "
            "sentences; --data puts these files in it."
        )
    return notes


def summary(submission: Submission) -> str:
    """What was written and what is missing, as Markdown."""
    lines = ["# XTREME submission", ""]
    specs = [model.run.record.spec for model in submission.models]
    parts = [*sorted({spec.encoder.name for spec in specs}), *sorted({f"{spec.data.source} data" for spec in specs})]
    if parts:
        lines += [f"{in_markdown(', '.join(parts))}. One model for each target, selected on development data.", ""]
        lines += _table(submission.models)
    lines += ["", "## Missing", ""]
    absent = [name for name in xtreme_layout.TASKS if name not in {*submission.missing, *_targets(submission)}]
    reasons = {**submission.missing, **dict.fromkeys(absent, "not in this sweep")}
    lines += [f"- {xtreme_layout.folder(target)}: {in_markdown(reason)}" for target, reason in reasons.items()] or [
        "Nothing."
    ]
    if submission.notes:
        lines += ["", "## Notes", "", *(f"- {in_markdown(note)}" for note in submission.notes)]
    if submission.models:
        lines += [
            "", "## Scoring", "",
            "In a checkout of google-research/xtreme, with seqeval 0.0.12 (later versions score POS otherwise):", "",
            f"    python evaluate.py --verbose --prediction_folder {PREDICTIONS} --label_folder {LABELS}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _table(models: Sequence[Model]) -> list[str]:
    """A pipe table whose columns are lined up, to be read in a terminal too."""
    table = [["folder", "model", "run", "seed", "languages", "metric", "test"]]
    for model in models:
        spec, metrics = model.run.record.spec, model.score.metrics
        table.append([
            xtreme_layout.folder(model.target), row_title(model.variant), model.run.record.run_id, str(spec.seed),
            str(len(model.score.languages)), " / ".join(metrics), " / ".join(f"{v:.2f}" for v in metrics.values()),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    return [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in table]


def _targets(submission: Submission) -> list[str]:
    return [model.target for model in submission.models]


def _check_replaceable(folder: Path) -> None:
    """Raise AnalysisError unless the folder is new, empty or an earlier submission."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise AnalysisError(f"{folder} is not a folder; give another with --out")
    others = sorted({path.name for path in folder.iterdir()} - {PREDICTIONS, LABELS, SUMMARY})
    if others:
        raise AnalysisError(f"{folder} holds {others[0]}, so it is no earlier submission; give another with --out")


def submission_of(
    store: Path | str,
    folder: Path | None = None,
    *,
    sweep: str | None = None,
    conditions: Sequence[str] = (),
    seed: int | None = None,
    data: str | None = None,
) -> tuple[Submission, Path]:
    """Write the submission of the store in a folder or at an address, by default into its `submission`; and where.

    `sweep` is the id of one of its sweeps, `data` the name of the data that the runs read; the rest and the errors are
    those of `write_submission`.
    """
    opened = open_store(store)
    folder = folder or opened.submission
    written = write_submission(
        opened,
        folder,
        plan=chosen_plan(opened, sweep),
        conditions=conditions,
        seed=seed,
        data=_open_data(data) if data else None,
    )
    opened.keep(folder)
    return written, folder


def _open_data(name: str) -> DataSource:
    try:
        return open_data(name)
    except (ValueError, CacheFolderError) as error:
        raise AnalysisError(str(error)) from error
