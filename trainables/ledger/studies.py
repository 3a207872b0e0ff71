"""What a search leaves: for every node that was searched its trials, the winner, the gain, what mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trainables.ledger.cells import Row
from trainables.ledger.seal import parsed, sealed, unsealed
from trainables.ledger.spec import Phase
from trainables.ledger.states import State

FORMAT = 3
"""1 was a bare list, without rows and seeds, 2 had no digest of itself; they are read too."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of a study.

    Attributes:
        number: 0 is the configured run.
        params: what was drawn, by parameter.
        run_id: of its run; trials that repeat an earlier one share it.
        state: RUNNING (drawn, not told yet), DONE, FAILED or PRUNED.
        value: dev figure; None until it is done.
        reason: why it failed or was pruned.
        asked_again: it failed for a reason that may pass, so the next start of the sweep asks for it again.
    """

    number: int
    params: Mapping[str, float]
    run_id: str
    state: State
    value: float | None = None
    reason: str = ""
    asked_again: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to do for it."""
        return self.state is not State.RUNNING and not self.asked_again


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """The search of one node, as far as it has got.

    Attributes:
        node: id of the run as planned.
        name: for people; never read back.
        row: of the table; None in files of format 1.
        phase: of the run.
        tasks: that it trains on.
        mlm: whether MLM is co-trained.
        seed: of the run; None in files of format 1.
        winner: run id of the best trial; empty while there is none.
        gain: of the winner over the configured run, dev points; None where either has no value.
        importances: parameter -> share in reaching the better half of the trials.
        trials: in the order in which they were drawn.
    """

    node: str
    name: str
    row: Row | None
    phase: Phase
    tasks: tuple[str, ...]
    mlm: bool
    seed: int | None
    winner: str
    gain: float | None
    importances: Mapping[str, float]
    trials: tuple[Trial, ...]

    @property
    def configured(self) -> str:
        """Run id of trial 0; empty while no trial is drawn."""
        return self.trials[0].run_id if self.trials else ""

    @property
    def best(self) -> Trial | None:
        """The trial whose run won; None while there is none."""
        return next((each for each in self.trials if each.run_id == self.winner and each.value is not None), None)


def to_json(studies: Sequence[StudyResult]) -> str:
    """With a digest of itself; the inverse of `from_json`."""
    return sealed({"format": FORMAT, "studies": [asdict(study) for study in studies]}, indent=1)


def from_json(text: str) -> tuple[StudyResult, ...]:
    """Studies of this format or an earlier one; raises ValueError, KeyError or TypeError for anything else."""
    is_bare = text.lstrip().startswith("[")
    written = parsed(text) if is_bare else unsealed(text, range(2, FORMAT + 1), sealed_since=3)["studies"]
    return tuple(_study(item) for item in written)


def _study(fields: Mapping[str, Any]) -> StudyResult:
    row, seed = fields.get("row"), fields.get("seed")
    return StudyResult(
        node=fields["node"],
        name=fields["name"],
        row=Row(*row) if row else None,
        phase=Phase(fields["phase"]),
        tasks=tuple(fields["tasks"]),
        mlm=bool(fields["mlm"]),
        seed=None if seed is None else int(seed),
        winner=fields["winner"],
        gain=fields["gain"],
        importances=dict(fields["importances"]),
        trials=tuple(Trial(**{**trial, "state": State(trial["state"])}) for trial in fields["trials"]),
    )
