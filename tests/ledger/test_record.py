"""Formats of records and notes: today's are read, later ones refused with both numbers."""

from __future__ import annotations

import json

import pytest

from tests.made.specs import RETRIEVAL
from trainables.ledger.record import FORMAT, BrokenRecordError, DevPoint, Pruned, Record, Score

SCORE = Score(task="tatoeba", split="test", language="de", metric="accuracy", value=50.0, rows=2)
RECORD = Record(run_id=RETRIEVAL.run_id, name="none -> tatoeba #7", spec=RETRIEVAL, scores=(SCORE,))
PRUNED = Pruned(
    run_id=RETRIEVAL.run_id, name="none -> tatoeba #7, trial 1", spec=RETRIEVAL, study="a-b",
    dev_curve=(DevPoint(step=2, selection=31.2, metrics={}),), planned_steps=4, fraction=0.5, figure=31.2,
    pruner="median", median=43.8, reason="pruned at 1/2", pruned_at="2026-01-01T00:00:00+00:00",
)  # fmt: skip


@pytest.mark.parametrize("written", [RECORD, PRUNED], ids=["record", "note of a pruned run"])
def test_a_format_of_today_is_read(written):
    fields = json.loads(written.to_json())
    assert fields["format"] == FORMAT == 1
    assert type(written).from_json(json.dumps(fields)) == written
    assert type(written).from_json(json.dumps(dict(reversed(fields.items())))) == written


@pytest.mark.parametrize("written", [RECORD, PRUNED], ids=["record", "note of a pruned run"])
@pytest.mark.parametrize("format", [FORMAT + 1, 99])
def test_a_later_format_is_refused_with_both_numbers(written, format):
    later = json.dumps(json.loads(written.to_json()) | {"format": format})
    with pytest.raises(BrokenRecordError, match=rf"format {format}\b.*this version reads {FORMAT}\b"):
        type(written).from_json(later)


@pytest.mark.parametrize("written", [RECORD, PRUNED], ids=["record", "note of a pruned run"])
def test_what_has_no_format_is_refused(written):
    fields = json.loads(written.to_json())
    del fields["format"]
    with pytest.raises(BrokenRecordError, match="format"):
        type(written).from_json(json.dumps(fields))
