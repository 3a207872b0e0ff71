"""Pruned: what is left in writing of a run that a search has ended early."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from trainables.record import FORMAT, BrokenRecordError, DevPoint
from trainables.spec import RunSpec


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
            fields: dict[str, Any] = json.loads(text)
            curve = tuple(DevPoint(**point) for point in fields["dev_curve"])
            return cls(**fields | {"spec": RunSpec.from_dict(fields["spec"]), "dev_curve": curve})
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenRecordError(f"not the note of a pruned run: {type(error).__name__}: {error}") from error
