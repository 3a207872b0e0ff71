"""Transfer: what the training rows of one language (the donor) give a target in another (the recipient).

Rows of a table that differ in nothing but the language of their training rows or text are the donors: `panx` (English),
`panx@de`, `panx@sw`. A gain is over the baseline, in the same language, on the split that selects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from analysis.scores.headings import heading
from analysis.selection.averages import TaskScore, mean
from analysis.selection.results import Results
from analysis.statistics.estimate import Estimate, NoVerdict, Verdict
from analysis.statistics.measured import Measured
from analysis.statistics.rows import RowsError
from analysis.statistics.verdicts import judged
from trainables.ledger.cells import Row
from trainables.ledger.recipe import Recipe, Stage, recipe_of
from trainables.tasks.language_facts import in_order
from trainables.tasks.languages import ENGLISH

Pair = tuple[str, str]
"""Donor and recipient."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Gains of one target by donor and recipient.

    Attributes:
        training: what all donors are trained on, without their language: `panx`, `panx:1000`, `mlm`.
        target: task name.
        rows: donor -> its row, in the order of pictures.
        recipients: languages of the target, in the order of pictures.
        gains: points over the baseline.
        supervised: pairs that are no zero-shot transfer: labels of such a task were seen in the recipient, by the
            donor's row or by the target's own training.
        verdicts: on gains of pairs, of one family of comparisons; those that are left out have none.
    """

    training: str
    target: str
    rows: Mapping[str, Row]
    recipients: tuple[str, ...]
    gains: Mapping[Pair, float]
    supervised: frozenset[Pair] = frozenset()
    verdicts: Mapping[Pair, Verdict | NoVerdict] = field(default_factory=dict)

    @property
    def donors(self) -> tuple[str, ...]:
        """Languages of the rows."""
        return tuple(self.rows)

    @property
    def zero_shot(self) -> dict[Pair, float]:
        """The gains that are zero-shot transfer."""
        return {pair: gain for pair, gain in self.gains.items() if pair not in self.supervised}

    @property
    def title(self) -> str:
        """For example `from NER to POS`."""
        return f"from {heading(self.training)} to {heading(self.target)}"


def transfers(results: Results) -> tuple[Transfer, ...]:
    """Every target under every training that has donors in two languages or more; none without a baseline."""
    if results.baseline is None:
        return ()
    found = (
        _transfer(results, training, rows, target)
        for training, rows in _donors(results).items()
        if len(rows) > 1
        for target in results.targets
    )
    return tuple(each for each in found if len(each.rows) > 1 and len(each.recipients) > 1)


def with_verdicts(found: Transfer, measured: Measured, margin: float) -> Transfer:
    """The same with a verdict on every zero-shot pair, adjusted over all of them."""
    baseline = measured.results.baseline
    if baseline is None:
        return found
    column = measured.column(found.target)
    compared: dict[Pair, Estimate | NoVerdict] = {}
    for recipient in found.recipients:
        pairs = [pair for pair in found.zero_shot if pair[1] == recipient]
        try:
            part = column.of([recipient])
        except (RowsError, ValueError) as error:
            compared |= {pair: NoVerdict(reason=str(error)) for pair in pairs}
            continue
        for donor, _ in pairs:
            try:
                compared[donor, recipient] = part.difference(found.rows[donor], baseline)
            except RowsError as error:
                compared[donor, recipient] = NoVerdict(reason=str(error))
    return replace(found, verdicts=dict(zip(compared, judged([*compared.values()], margin), strict=True)))


def donor_of(row: Row) -> tuple[str, str] | None:
    """What a row is trained on but for the language, and the language; None for rows that are no such donor."""
    stages = recipe_of(row).stages
    if len(stages) != 1:
        return None
    [stage] = stages
    spoken = stage.languages or (() if stage.is_mlm_alone else (ENGLISH,))
    if len(spoken) != 1 or stage.mlm_languages:
        return None
    without: Stage = replace(stage, languages=())
    return str(Recipe(stages=(without,))), spoken[0]


def _donors(results: Results) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in results.variants:
        if row != results.baseline and (donor := donor_of(row)):
            found.setdefault(donor[0], {})[donor[1]] = row
    return {training: {code: rows[code] for code in in_order(rows)} for training, rows in found.items()}


def _transfer(results: Results, training: str, rows: Mapping[str, Row], target: str) -> Transfer:
    gains: dict[Pair, float] = {}
    supervised: set[Pair] = set()
    for donor, row in rows.items():
        score = results.dev(row, target)
        if isinstance(score, TaskScore):
            gains |= {(donor, code): gain for code, gain in _gains(results, row, score)}
            supervised |= {(donor, code) for code in (*score.seen, *score.trained)}
    recipients = tuple(in_order({recipient for _, recipient in gains}))
    return Transfer(
        training=training, target=target,
        rows={donor: row for donor, row in rows.items() if any(donor == own for own, _ in gains)},
        recipients=recipients, gains=gains, supervised=frozenset(supervised & gains.keys()),
    )  # fmt: skip


def _gains(results: Results, row: Row, score: TaskScore) -> Iterator[tuple[str, float]]:
    """Points over the baseline by language, over the seeds that both have."""
    assert results.baseline is not None
    baseline = results.dev_beside(results.baseline, row, score.target)
    if isinstance(baseline, TaskScore):
        for code in score.languages:
            if code in baseline.languages:
                yield code, _value(score, code) - _value(baseline, code)


def _value(score: TaskScore, language: str) -> float:
    return mean(score.languages[language][name] for name in score.metrics)
