"""From what is asked for to the files of an exported model, its card, and what is to be said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from analysis.card.chosen import Chosen, named_run, selected_run
from analysis.card.facts import card_of
from analysis.card.render import model_card
from analysis.card.shown import open_test, shown_scores
from analysis.report.writer import chosen_plan
from analysis.scores.headings import heading
from analysis.scores.load import open_store
from analysis.selection.sweep import Sweep, gather
from search_spaces.plain_yaml import read_yaml
from trainables.ledger.exported import Exported, Kind
from trainables.ledger.nearest import unknown
from trainables.ledger.record import Record
from trainables.ledger.spec import EncoderRef, Phase
from trainables.ledger.store import Store
from trainables.model.names import EncoderKind, parse_encoder
from trainables.phases.export import write_encoder, write_model
from trainables.phases.peft_export import write_peft
from trainables.tasks.task import Split


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for: a target, or a run by its id, and how."""

    target: str | None = None
    seed: int | None = None
    run_id: str | None = None
    task: str = ""
    encoder: str = ""
    open_test: bool = False
    peft: bool = False
    sweep: str | None = None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Made:
    """A model that was written, its card, and sentences for whoever asked for it."""

    exported: Exported
    card: str
    notes: tuple[str, ...]


def write(place: Path, wanted: Wanted, folder: Path) -> Made:
    """Write configuration, weights and tokenizer into an empty folder.

    Raises AnalysisError for a run or a selection that is not there, and as `phases.export` does.
    """
    store = open_store(place)
    sweep = None
    if wanted.target is not None or wanted.open_test:
        sweep = gather(store, chosen_plan(store, wanted.sweep), wanted.conditions)
    chosen = _chosen(store, sweep, wanted)
    record = chosen.run.record
    task = wanted.target if wanted.target is not None and record.spec.phase is Phase.TARGET else _task(record, wanted)
    pretrained = pretrained_name(store, record.spec.encoder, wanted.encoder)
    if wanted.peft:
        exported = write_peft(store, record, task, folder, pretrained)
    elif task:
        exported = write_model(store, record, task, folder, pretrained)
    else:
        exported = write_encoder(store, record, folder, pretrained)
    tasks = (task,) if task else record.spec.tasks
    if wanted.open_test and sweep:
        open_test(store, sweep, chosen.run, tasks)
    shown = shown_scores(store, chosen.run, tasks, opened=wanted.open_test)
    seen = {(each.task, each.split) for each in shown}
    closed = [
        name
        for name in tasks
        if (name, Split.TEST) not in seen and any((s.task, s.split) == (name, Split.TEST) for s in record.scores)
    ]
    exported = replace(exported, scores=tuple(score for each in shown for score in each.scores))
    return Made(
        exported=exported,
        card=model_card(card_of(chosen, exported, shown, closed)),
        notes=tuple(_notes(chosen, exported, closed)),
    )


def pretrained_name(store: Store, encoder: EncoderRef, given: str = "") -> str:
    """Where the pretrained encoder of a run is loaded from: as given, else by its name, a folder by the configuration.

    Raises ValueError for a folder that nobody knows the place of.
    """
    if given:
        return parse_encoder(given).name
    try:
        if parse_encoder(encoder.name).kind is not EncoderKind.FOLDER:
            return encoder.name
    except ValueError:
        pass  # the name of a folder, without its path
    try:
        name = str(read_yaml(store.config_text()).values["encoder"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        name = ""
    if name and Path(name).name == encoder.name:
        return name
    raise ValueError(
        f"the pretrained encoder {encoder.name!r} was a folder, and the store does not say where it is; --encoder does"
    )


def _chosen(store: Store, sweep: Sweep | None, wanted: Wanted) -> Chosen:
    if wanted.target is None:
        if wanted.seed is not None:
            raise ValueError("--seed chooses among the runs of a --target; a --run has its own")
        assert wanted.run_id is not None
        return named_run(store, wanted.run_id)
    assert sweep
    if wanted.task:
        raise ValueError("--task chooses among the tasks of a --run; a --target is one")
    return selected_run(sweep, wanted.target, wanted.seed)


def _task(record: Record, wanted: Wanted) -> str:
    """The task whose model is wanted; empty where it is the encoder."""
    tasks, phase = record.spec.tasks, record.spec.phase
    if phase is Phase.RETRIEVAL:
        if wanted.task:
            raise ValueError(f"--task {wanted.task}: run {record.run_id} embeds sentences and trains nothing")
        return ""
    if wanted.task:
        if wanted.task not in tasks:
            raise ValueError(f"--task: {unknown(f'task of run {record.run_id}', wanted.task, tasks)}")
        return wanted.task
    if phase is Phase.TARGET and len(tasks) > 1:
        raise ValueError(f"run {record.run_id} measures {' and '.join(tasks)}; say which with --task")
    return tasks[0] if phase is Phase.TARGET else ""


def _notes(chosen: Chosen, exported: Exported, closed: list[str]) -> list[str]:
    found = [chosen.why] if chosen.why else []
    if exported.kind is Kind.ENCODER and chosen.target:
        what = f"the encoder of run {exported.run_id}" if exported.run_id else "the pretrained encoder"
        found.append(f"{heading(chosen.target)} trains nothing: what is exported is {what}.")
    if closed:
        names = ", ".join(map(heading, closed))
        found.append(f"Test scores of {names} are not on the card: nobody has opened them. --open-test does.")
    return found
