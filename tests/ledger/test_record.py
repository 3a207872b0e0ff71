"""Formats of records and notes: today's are read, later ones refused with both numbers."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.made.specs import RETRIEVAL, TARGET
from trainables.ledger.record import FORMAT, BrokenRecordError, DevPoint, Pruned, Record, Score

SCORE = Score(task="tatoeba", split="test", language="de", metric="accuracy", value=50.0, rows=2)
RECORD = Record(run_id=RETRIEVAL.run_id, name="none -> tatoeba #7", spec=RETRIEVAL, scores=(SCORE,))
PRUNED = Pruned(
    run_id=RETRIEVAL.run_id, name="none -> tatoeba #7, trial 1", spec=RETRIEVAL, study="a-b",
    dev_curve=(DevPoint(step=2, selection=31.2, metrics={}),), planned_steps=4, fraction=0.5, figure=31.2,
    pruner="median", median=43.8, reason="pruned at 1/2", pruned_at="2026-01-01T00:00:00+00:00",
)  # fmt: skip


WRITTEN = pytest.mark.parametrize("written", [RECORD, PRUNED], ids=["record", "note of a pruned run"])


@WRITTEN
def test_a_format_of_today_is_read(written):
    assert json.loads(written.to_json())["format"] == FORMAT == 2
    assert type(written).from_json(written.to_json()) == written


@WRITTEN
def test_the_first_format_without_digests_is_read(written):
    fields = {**json.loads(written.to_json()), "format": 1}
    for later in ("digest", "files", "findings"):
        fields.pop(later, None)
    assert type(written).from_json(json.dumps(fields)) == written


@WRITTEN
@pytest.mark.parametrize("format", [FORMAT + 1, 99])
def test_a_later_format_is_refused_with_both_numbers(written, format):
    later = json.dumps(json.loads(written.to_json()) | {"format": format})
    with pytest.raises(BrokenRecordError, match=rf"format {format}\b.*this version reads 1 to {FORMAT}\b"):
        type(written).from_json(later)


@WRITTEN
def test_what_has_no_format_is_refused(written):
    fields = json.loads(written.to_json())
    del fields["format"]
    with pytest.raises(BrokenRecordError, match="format"):
        type(written).from_json(json.dumps(fields))


@WRITTEN
def test_no_single_flipped_bit_passes(written):
    """Every bit of the file, also of white space, of the format and of the digest itself."""
    content = written.to_json().encode()
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            with pytest.raises((BrokenRecordError, UnicodeDecodeError)):
                type(written).from_json(flipped.decode())


@WRITTEN
def test_what_claims_the_first_format_and_has_a_digest_is_refused(written):
    with pytest.raises(BrokenRecordError, match="damaged"):
        type(written).from_json(written.to_json().replace('"format": 2', '"format": 1'))


@pytest.mark.parametrize("scores", [(), (SCORE,)])
def test_a_record_without_a_score_of_each_of_its_tasks_is_none(scores):
    """XQuAD and MLQA are one run: a record with the scores of one of them, or of none, is no record."""
    record = Record(run_id=TARGET.run_id, name="", spec=TARGET, scores=tuple(
        Score(task="xquad", split="test", language="de", metric="f1", value=each.value, rows=2) for each in scores
    ))  # fmt: skip
    with pytest.raises(BrokenRecordError, match=r"without any score of .*mlqa"):
        Record.from_json(record.to_json())


def test_what_a_run_had_of_a_gpu_is_written_where_it_had_any_and_left_out_elsewhere():
    """Records of runs on cores are those of versions that did not know of it."""
    on_gpu = dataclasses.replace(RECORD, gpus=0.25, gpu_bytes=20_000_000_000, micro_batch=4, is_halved=True)
    fields = {"gpus": 0.25, "gpu_bytes": 20_000_000_000, "micro_batch": 4, "is_halved": True}
    assert fields.items() <= json.loads(on_gpu.to_json()).items()
    assert Record.from_json(on_gpu.to_json()) == on_gpu
    assert not fields.keys() & json.loads(RECORD.to_json()).keys()
