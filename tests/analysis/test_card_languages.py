"""Model cards of runs that were trained in several languages or by MLM alone."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

from analysis.card.facts import card_of
from analysis.card.shown import Language, Shown
from tests.made.records import DATA, ENCODER, intermediate_spec
from trainables.ledger.exported import Exported, Kind
from trainables.ledger.record import DevPoint, Record
from trainables.tasks.task import Split


def _card(record: Record, shown: list[Shown]):
    chosen = SimpleNamespace(run=SimpleNamespace(record=record, parent=None, stages=()), why="")
    return card_of(chosen, Exported(kind=Kind.ENCODER, encoder=ENCODER, run_id=record.run_id), shown, ())


def test_languages_that_were_scored_together_are_named_one_by_one():
    spec = intermediate_spec("panx", data=dataclasses.replace(DATA, train_languages=("sw", "de")))
    curve = (DevPoint(step=3, selection=1.0, metrics={}),)
    record = Record(
        run_id=spec.run_id, name="panx@de+sw", spec=spec, scores=(), dev_curve=curve, best_step=3, planned_steps=9
    )
    scored = Language(code="de+sw", metrics={"f1": 1.0}, rows=6)
    shown = Shown(task="panx", split=Split.STOPPING, metrics=("f1",), languages=(scored,), scores=())
    card = _card(record, [shown])
    assert card.front["language"] == ["de", "sw"]
    assert ("steps", "3 of 9 (the best on the rows that stop it)") in card.steps[0].settings


def test_mlm_alone_was_not_stopped_by_anything():
    spec = intermediate_spec("mlm", mlm=True)
    record = Record(run_id=spec.run_id, name="mlm", spec=spec, scores=(), best_step=5, planned_steps=5)
    card = _card(record, [])
    assert ("steps", "5 of 5 (the last)") in card.steps[0].settings
    assert "language" not in card.front
