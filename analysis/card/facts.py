"""What a model card says, before it is put into words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.card import licences
from analysis.card.chosen import Chosen
from analysis.card.shown import Language, Shown
from analysis.scores.headings import heading
from analysis.tables.table import number
from trainables.ledger.exported import Exported, Kind
from trainables.ledger.recipe import MLM
from trainables.ledger.record import DataUse, Record
from trainables.tasks.formats.base import Head
from trainables.tasks.language_facts import in_order
from trainables.tasks.registry import task
from trainables.tasks.task import Split

PIPELINES: Mapping[str, str] = {
    Head.CLASSIFICATION: "text-classification",
    Head.CHOICE: "multiple-choice",
    Head.TAGGING: "token-classification",
    Head.SPAN: "question-answering",
}
"""Kind of head -> what the hub calls the use of a model."""
DEMO = "demo"
_SPLITS = {Split.STOPPING: "rows that stopped the training", Split.DEV: "dev", Split.TEST: "test"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the lineage: what was done, in which run, from which rows, with which settings."""

    what: str
    run_id: str
    data: tuple[DataUse, ...]
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card.

    Attributes:
        title: of the model.
        exported: what is in the folder.
        why: how it was selected; empty for one that was named.
        front: the fields in front of the text, which the hub reads.
        steps: from the pretrained encoder to this model; the pretrained encoder itself is none of them.
        shown: scores that may be shown.
        closed: tasks whose test scores are left out.
        is_demo: the rows are made up.
    """

    title: str
    exported: Exported
    why: str
    front: Mapping[str, Any]
    steps: tuple[Step, ...]
    shown: tuple[Shown, ...]
    closed: tuple[str, ...]
    is_demo: bool
    record: Record


def card_of(chosen: Chosen, exported: Exported, shown: Sequence[Shown], closed: Sequence[str]) -> Card:
    """The card of a model that has been exported from the run that was chosen."""
    record = chosen.run.record
    steps = tuple(_step(each) for each in (*chosen.run.stages, record) if each.spec.optimisation)
    is_demo = record.spec.data.source == DEMO
    return Card(
        title=_title(exported),
        exported=exported,
        why=chosen.why,
        front=_front(exported, steps, shown, is_demo=is_demo),
        steps=steps,
        shown=tuple(shown),
        closed=tuple(closed),
        is_demo=is_demo,
        record=record,
    )


def score_cells(language: Language, metrics: Sequence[str]) -> Iterator[str]:
    """One line of a table of scores: language, metrics, interval of the score, rows."""
    yield language.code
    yield from (number(language.metrics[metric]) if metric in language.metrics else "" for metric in metrics)
    interval = language.interval
    yield f"{number(interval.low)} to {number(interval.high)}" if interval else ""
    yield f"{language.rows:,}"


def split_title(shown: Shown) -> str:
    """For example `XNLI, dev`."""
    of = task(shown.task)
    name = "the only set" if shown.split == Split.TEST and of.selection_split is Split.TEST else _SPLITS[
        Split(shown.split)
    ]  # fmt: skip
    return f"{heading(shown.task)}, {name}"


def _title(exported: Exported) -> str:
    if exported.kind is Kind.MODEL:
        return f"{heading(exported.task)} by {exported.encoder.name} (run {exported.run_id})"
    if exported.run_id:
        return f"{exported.encoder.name}, trained further in run {exported.run_id}"
    return f"{exported.encoder.name}, as it was pretrained"


def _step(record: Record) -> Step:
    spec = record.spec
    titles = " and ".join(heading(name) for name in spec.tasks)
    languages = spec.mlm.languages if spec.mlm and spec.tasks == (MLM,) else spec.data.train_languages
    named = f" in {', '.join(languages)}" if languages else ""
    with_mlm = ", with masked language modelling" if spec.mlm and spec.tasks != (MLM,) else ""
    method = f", by {spec.method}" if spec.method else ""
    return Step(
        what=f"{spec.phase} training on {titles}{named}{with_mlm}{method}",
        run_id=record.run_id,
        data=record.data_use,
        settings=tuple(_settings(record)),
    )


def _settings(record: Record) -> Iterator[tuple[str, str]]:
    spec = record.spec
    assert spec.optimisation
    for name, value in spec.to_dict()["optimisation"].items():
        shown = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else value
        yield name, str(shown)
    for name, value in (spec.to_dict().get("mlm") or {}).items():
        yield f"mlm.{name}", ", ".join(value) if isinstance(value, list) else str(value)
    if spec.method:
        yield "method", str(spec.method)
    yield "seed", str(spec.seed)
    if spec.data.capped:
        yield "rows", f"at most {spec.data.train_rows or 'all'} for training, {spec.data.eval_rows or 'all'} measured"
    chosen = "the best on the rows that stop it" if record.dev_curve else "the last"
    yield "steps", f"{record.best_step} of {record.planned_steps} ({chosen})"


def _front(exported: Exported, steps: Sequence[Step], shown: Sequence[Shown], *, is_demo: bool) -> dict[str, Any]:
    """What the hub reads. Licences of data are not known here, so that of the model is not either."""
    read = sorted({use.repository for step in steps for use in step.data if "/" in use.repository})
    codes = in_order({code for own in shown for each in own.languages for code in each.code.split("+")})
    base = licences.hub_id(exported.encoder.name)
    pipeline = PIPELINES[exported.head] if exported.kind is Kind.MODEL else "feature-extraction"
    found: dict[str, Any] = {
        "library_name": "peft" if exported.kind is Kind.ADAPTERS else "transformers",
        "license": "unknown",
        "language": codes or None,
        "base_model": base or None,
        "pipeline_tag": pipeline,
        "datasets": None if is_demo else read or None,
        "tags": ["xstilts", "cross-lingual", exported.task or "encoder", *(["demo"] if is_demo else [])],
        "metrics": sorted({metric for own in shown for metric in own.metrics}) or None,
    }
    if exported.kind is Kind.MODEL and shown and not is_demo:
        results = [_result(own, each, pipeline) for own in shown for each in own.languages]
        found["model-index"] = [{"name": _title(exported), "results": results}]
    return {name: value for name, value in found.items() if value is not None}


def _result(shown: Shown, language: Language, pipeline: str) -> dict[str, Any]:
    return {
        "task": {"type": pipeline},
        "dataset": {"name": heading(shown.task), "type": shown.task, "config": language.code, "split": shown.split},
        "metrics": [{"type": metric, "value": round(value, 4)} for metric, value in language.metrics.items()],
    }
