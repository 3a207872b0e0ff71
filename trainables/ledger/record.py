"""What a run leaves in writing: its record when it is finished, a note when a search has ended it early.

Scores are percent, unrounded, one a (task, split, language, metric).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from trainables.ledger.spec import RunSpec

FORMAT = 1


class DivergedError(ValueError):
    """Training leads nowhere with these settings: the loss is not finite. Another attempt would end likewise."""


class BrokenRecordError(ValueError):
    """A record file that cannot be read as a record of its run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """One figure: percent over `rows` examples of one language (`split` is `dev` or `test`)."""

    task: str
    split: str
    language: str
    metric: str
    value: float
    rows: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DevPoint:
    """English dev evaluation after `step` updates; `selection` is the figure that chooses the checkpoint."""

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A finished run. Written last and atomically: a run is finished if and only if its record exists."""

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
    format: int = FORMAT

    def to_json(self) -> str:
        """Readable JSON; the inverse of `from_json`."""
        fields = dataclasses.asdict(dataclasses.replace(self, spec=None))  # type: ignore[arg-type]
        return json.dumps(fields | {"spec": self.spec.to_dict()}, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a record; raises BrokenRecordError when the text is cut, foreign or not of its own spec."""
        try:
            fields = _of_this_format(text)
            fields["spec"] = RunSpec.from_dict(fields["spec"])
            fields["scores"] = tuple(Score(**item) for item in fields["scores"])
            fields["dev_curve"] = tuple(DevPoint(**item) for item in fields["dev_curve"])
            fields["data_use"] = tuple(DataUse(**item) for item in fields["data_use"])
            fields["notes"] = tuple(fields["notes"])
            record = cls(**fields)
        except BrokenRecordError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenRecordError(f"not a record: {type(error).__name__}: {error}") from error
        if record.run_id != record.spec.run_id:
            raise BrokenRecordError(f"record says run {record.run_id}, its spec is run {record.spec.run_id}")
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
    format: int = FORMAT

    def to_json(self) -> str:
        """Readable JSON; the inverse of `from_json`."""
        fields = dataclasses.asdict(dataclasses.replace(self, spec=None))  # type: ignore[arg-type]
        return json.dumps(fields | {"spec": self.spec.to_dict()}, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Pruned:
        """Read it; raises BrokenRecordError when the text is cut or something else."""
        try:
            fields = _of_this_format(text)
            curve = tuple(DevPoint(**point) for point in fields["dev_curve"])
            return cls(**fields | {"spec": RunSpec.from_dict(fields["spec"]), "dev_curve": curve})
        except BrokenRecordError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenRecordError(f"not the note of a pruned run: {type(error).__name__}: {error}") from error


def _of_this_format(text: str) -> dict[str, Any]:
    """What a record or a note holds; raises BrokenRecordError for another format."""
    fields: dict[str, Any] = json.loads(text)
    if fields["format"] != FORMAT:
        raise BrokenRecordError(f"record format {fields['format']!r}, this version reads {FORMAT}")
    return fields
