"""What a report is made from: a sweep of a store, and all that was worked out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.languages.transfer import Transfer
from analysis.report.content import Block
from analysis.selection.averages import Gap
from analysis.selection.regret import Regret
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep
from analysis.statistics.estimate import Estimate, Verdicts
from analysis.tables.table import Table
from trainables.ledger.cells import Cell, Row
from trainables.ledger.openings import Opening
from trainables.ledger.receipts import Receipt
from trainables.ledger.studies import StudyResult

LanguageScores = Mapping[tuple[Row, str], Estimate]
"""(row, language) -> score with its interval."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Everything that a report shows is in here, or made from it.

    Attributes:
        sweep: its runs and results; they hold test scores that stay closed.
        selections: with the test scores that may be shown.
        table: Table 2.
        failures: run id -> why its last attempt failed.
        studies: searches of the sweep.
        openings: which test scores were looked at.
        receipts: of the selections that stood.
        regrets: by target; None where nobody asked.
        cells: cell -> id of the run that scores it, as planned; empty without a plan.
        verdicts: None where there are none to be had.
        languages: target -> scores by language on the split that selects.
        transfers: gains by donor and recipient language, where rows have other languages.
        figures: pictures, some of them folded, in the order in which they are shown.
        warnings: what could not be done.
    """

    sweep: Sweep
    selections: Mapping[str, Selection]
    table: Table
    failures: Mapping[str, str]
    studies: Sequence[StudyResult] = ()
    openings: Sequence[Opening] = ()
    receipts: Sequence[Receipt] = ()
    regrets: Mapping[str, Regret | Gap] | None = None
    cells: Mapping[Cell, str] = field(default_factory=dict)
    verdicts: Verdicts | None = None
    languages: Mapping[str, LanguageScores] = field(default_factory=dict)
    transfers: Sequence[Transfer] = ()
    figures: Sequence[Block] = ()
    warnings: Sequence[str] = ()
