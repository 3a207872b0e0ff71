"""What a run leaves in writing: its record when it is finished, a note when a search has ended it early.

Scores are percent, unrounded, one a (task, split, language, metric).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from trainables.ledger.recipe import MLM, parse_recipe
from trainables.ledger.seal import SealError, sealed, unsealed
from trainables.ledger.spec import RunSpec

FORMAT = 2
"""1 had no digests, neither of itself nor of the files of its run; it is read too."""
_FORMATS = range(1, FORMAT + 1)
_LEFT_OUT = {"gpus", "gpu_bytes", "micro_batch", "is_halved", "row"}
"""Fields of a record that are not written while they say nothing."""


class DivergedError(ValueError):
    """Training leads nowhere with these settings: the loss is not finite. Another attempt would end likewise."""


class BrokenRecordError(ValueError):
    """A record file that cannot be read as a record of its run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """One figure: percent over `rows` examples of one language (`split` is `dev`, `test` or `stopping`).

    Stopping rows in several languages are scored together, and `language` joins their codes with a plus: `de+sw`.
    """

    task: str
    split: str
    language: str
    metric: str
    value: float
    rows: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DevPoint:
    """Evaluation on the stopping rows after `step` updates; `selection` is the figure that chooses the checkpoint."""

    step: int
    selection: float
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataUse:
    """Rows taken from one file.

    Attributes:
        rows: used, after caps.
        dropped: of the whole file, for want of a label.
        repaired: answers for training whose offset was wrong and was found nearby.
        skipped: rows for training whose answer could not be found.
        misplaced: of the rows used, those with an answer that is not where its offset says.
        duplicates: of the rows used, those that say the same as an earlier one.
        empty: of the rows used, those with a blank text or word.
    """

    repository: str
    config: str
    split: str
    rows: int
    dropped: int = 0
    repaired: int = 0
    skipped: int = 0
    misplaced: int = 0
    duplicates: int = 0
    empty: int = 0


class Symptom(StrEnum):
    """What is wrong with predictions that have learnt nothing."""

    CONSTANT = "constant"
    """All predictions are the same, or nearly all."""
    BELOW_TRIVIAL = "below trivial"
    """The score is below that of the best constant answer, or of chance."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A sign that a run has collapsed, on one split of one task.

    Attributes:
        languages: in which it shows.
        text: the same in words, with the figures.
    """

    symptom: Symptom
    task: str
    split: str
    languages: tuple[str, ...]
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A finished run. Written last and atomically: a run is finished if and only if its record exists.

    Attributes:
        peak_bytes: most memory that the run took: on a GPU of what PyTorch gave out there, else of its whole process.
        files: path of every file that the run left, below its folder -> SHA-256; empty in records of format 1.
        findings: signs that the run has collapsed.
        gpus: share of a GPU that it had; 0 on cores alone and in earlier records, as are the next three.
        gpu_bytes: memory of that share.
        micro_batch: most rows in one of its forward passes at the end of its training; 0 where there was no limit.
        is_halved: whether these had to become fewer for want of memory.
        row: recipe of the encoder that an intermediate run makes, as it was planned; empty where the spec tells it.
    """

    run_id: str
    name: str
    spec: RunSpec
    scores: tuple[Score, ...]
    dev_curve: tuple[DevPoint, ...] = ()
    best_step: int = 0
    steps: int = 0
    planned_steps: int = 0
    tokens: int = 0
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    peak_bytes: int = 0
    device: str = ""
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    commit: str = ""
    data_use: tuple[DataUse, ...] = ()
    notes: tuple[str, ...] = ()
    finished_at: str = ""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    gpus: float = 0.0
    gpu_bytes: int = 0
    micro_batch: int = 0
    is_halved: bool = False
    row: str = ""

    def to_json(self) -> str:
        """Readable JSON with a digest of itself; the inverse of `from_json`."""
        return _to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a record; raises BrokenRecordError when the text is cut, changed, foreign, not of its own spec, or has
        no score of one of its tasks. MLM is not scored.
        """
        try:
            fields = _fields(text)
            fields["spec"] = RunSpec.from_dict(fields["spec"])
            fields["scores"] = tuple(Score(**item) for item in fields["scores"])
            fields["dev_curve"] = tuple(DevPoint(**item) for item in fields["dev_curve"])
            fields["data_use"] = tuple(DataUse(**item) for item in fields["data_use"])
            fields["notes"] = tuple(fields["notes"])
            fields["findings"] = tuple(_finding(item) for item in fields.get("findings", ()))
            _check_row(fields.get("row", ""))
            record = cls(**fields)
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenRecordError(f"not a record: {_said(error)}") from error
        if record.run_id != record.spec.run_id:
            raise BrokenRecordError(f"record says run {record.run_id}, its spec is run {record.spec.run_id}")
        scored = {MLM, *(score.task for score in record.scores)}
        if without := [name for name in record.spec.tasks if name not in scored]:
            raise BrokenRecordError(f"record without any score of {', '.join(without)}")
        return record


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pruned:
    """A run that a search has ended early. It has no record, so it is not finished and no one's parent.

    Attributes:
        study: that ended it, by its name in the journal; any other may compute the run.
        dev_curve: evaluations up to there.
        fraction: of its training at which it was compared.
        figure: its best dev figure by then.
        pruner: by name.
        median: of the finished trials at that fraction, where the pruner compares with it.
        reason: the same in words.
        pruned_at: ISO time with its zone.
    """

    run_id: str
    name: str
    spec: RunSpec
    study: str
    dev_curve: tuple[DevPoint, ...]
    planned_steps: int
    fraction: float
    figure: float
    pruner: str
    median: float | None
    reason: str
    pruned_at: str

    def to_json(self) -> str:
        """Readable JSON with a digest of itself; the inverse of `from_json`."""
        return _to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Pruned:
        """Read it; raises BrokenRecordError when the text is cut, changed or something else."""
        try:
            fields = _fields(text)
            curve = tuple(DevPoint(**point) for point in fields["dev_curve"])
            return cls(**fields | {"spec": RunSpec.from_dict(fields["spec"]), "dev_curve": curve})
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenRecordError(f"not the note of a pruned run: {_said(error)}") from error


def compared(earlier: Record, record: Record) -> str:
    """What is to be said in the record of a run that was computed again, beside its earlier one."""
    scores = "same" if earlier.scores == record.scores else "other"
    if not earlier.files:
        return f"computed again: {scores} scores; an earlier version wrote no digests to compare files with"
    if earlier.files.keys() != record.files.keys():
        return f"computed again: {scores} scores; it left other files than before, so these cannot be compared"
    if earlier.files == record.files and earlier.scores == record.scores:
        return "computed again, bit for bit as before"
    return (
        "computed again, and not as before (another machine or version?): runs that started from the earlier one are "
        "not those that would start from this one"
    )


def _to_json(written: Record | Pruned) -> str:
    fields = dataclasses.asdict(dataclasses.replace(written, spec=None))  # type: ignore[arg-type]
    for name in _LEFT_OUT & fields.keys():
        if not fields[name]:
            del fields[name]
    return sealed({"format": FORMAT, **fields, "spec": written.spec.to_dict()}, indent=1)


def _fields(text: str) -> dict[str, Any]:
    """What a record or a note holds, its format apart; raises ValueError."""
    fields = unsealed(text, _FORMATS, sealed_since=2)
    del fields["format"]
    return fields


def _check_row(row: object) -> None:
    """Raise ValueError or TypeError for a row that is no recipe."""
    if not isinstance(row, str):
        raise TypeError(f"row is {row!r}, not a text")
    if row:
        parse_recipe(row)


def _finding(fields: Mapping[str, Any]) -> Finding:
    return Finding(**{**fields, "symptom": Symptom(fields["symptom"]), "languages": tuple(fields["languages"])})


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, SealError) else f"{type(error).__name__}: {error}"
