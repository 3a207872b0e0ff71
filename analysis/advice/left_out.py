"""Left out: an advice is checked by asking it for targets of a full sweep whose scores it is not shown.

With a target all others of its family go (XQuAD and MLQA even share their fine-tuning), or the answer would be known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.advice.judging import (
    CHOSEN,
    Compared,
    compare,
    ndcg,
    ndcg_by_chance,
    regret,
    regret_by_chance,
)
from analysis.advice.ranking import ELSEWHERE, PUBLISHED, Advice
from analysis.advice.records import Records
from analysis.advice.signals import CHEAP
from analysis.published.tables import dev_averages
from analysis.scores.headings import heading, row_order
from analysis.selection.averages import mean
from trainables.ledger.cells import Row
from trainables.ledger.recipe import parse_recipe
from trainables.tasks.families import family_of

ADVICE, SQUAD, AVERAGE, FEATURES, CHANCE = "advice", "take SQuAD", "best average", "features alone", "chance"
FEWEST_TARGETS, FEWEST_ROWS = 3, CHOSEN + 1

Order = Callable[[Sequence[str], str], Sequence[str]]
"""(rows, target) -> the rows, the best first."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One rule over all targets of a sweep.

    Attributes:
        rule: its name.
        regrets: target -> points lost by training its first CHOSEN candidates alone.
        first: target -> points lost by training its first candidate alone.
        ndcgs: target -> NDCG of its order.
    """

    rule: str
    regrets: Mapping[str, float]
    first: Mapping[str, float]
    ndcgs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Check:
    """An advice beside simpler rules, on one sweep.

    Attributes:
        store: whose gains are held against the rules.
        rows: candidates; of each target those with a gain.
        judgements: by rule, the advice first.
    """

    store: str
    rows: int
    judgements: Mapping[str, Judgement]

    @property
    def targets(self) -> tuple[str, ...]:
        """That were left out in turn."""
        return tuple(self.judgements[ADVICE].regrets)

    def against(self, rule: str, own: str = ADVICE) -> Compared:
        """The regret of a rule beside that of another."""
        groups = [family_of(target) for target in self.targets]
        mine, other = (self.judgements[name].regrets for name in (own, rule))
        return compare([mine[each] for each in self.targets], [other[each] for each in self.targets], groups)

    def sentence(self, rule: str) -> str:
        """Whether the advice is better than a simpler rule."""
        found = self.against(rule)
        mine, other = (mean(self.judgements[name].regrets.values()) for name in (ADVICE, rule))
        word = "better than" if found.is_better else "no better than"
        return (
            f"the advice is {word} {rule!r}: regret@{CHOSEN} {mine:.2f} against {other:.2f} points, better on "
            f"{found.better} and worse on {found.worse} of {len(self.targets)} targets, p = {found.p:.2f}"
        )


def check(advice: Advice, store: Records) -> Check | str:
    """The advice and simpler rules on a sweep; in words where it has too few targets or rows to tell anything."""
    candidates = {
        target: [row for row in gains if not advice.cheap or (row, target) in advice.cheap]
        for target, gains in store.gains.items()
    }
    candidates = {target: rows for target, rows in candidates.items() if len(rows) >= FEWEST_ROWS}
    if len({family_of(target) for target in candidates}) < FEWEST_TARGETS:
        return (
            f"{store.name}: targets of {FEWEST_TARGETS} families with {FEWEST_ROWS} rows each are needed to check an "
            f"advice; given {len(candidates)} targets with so many"
        )
    found = {name: _judged(name, order, candidates, store) for name, order in rules(advice, store).items()}
    found[CHANCE] = _by_chance(candidates, store)
    return Check(store=store.name, rows=max(map(len, candidates.values())), judgements=found)


def rules(advice: Advice, store: Records) -> dict[str, Order]:
    """The advice, what it is to be better than, and each of its signals by itself."""
    known = dict.fromkeys(name for each in (store, *advice.stores) for name in each.gains)
    family = {target: [name for name in known if family_of(name) == family_of(target)] for target in store.gains}
    bare = replace(advice, stores=(), paper=None)

    def guessed(by: Advice) -> Order:
        return lambda rows, target: _sorted(rows, by.guess(rows, target, family[target]).tolist())

    def single(name: str) -> Order:
        def order(rows: Sequence[str], target: str) -> Sequence[str]:
            values = [advice.signals(row, target, family[target]).get(name) for row in rows]
            return _sorted(rows, [float("-inf") if value is None else value for value in values])

        return order

    found: dict[str, Order] = {
        ADVICE: guessed(advice),
        SQUAD: lambda rows, target: _take_squad(rows),
        AVERAGE: single(ELSEWHERE),
    }
    if advice.cheap:
        found[FEATURES] = guessed(bare)
        found |= {name: single(name) for name in CHEAP}
    return found | ({PUBLISHED: single(PUBLISHED)} if advice.paper else {})


def _take_squad(rows: Sequence[str]) -> list[str]:
    """SQuAD first, then the others by the paper's average, then what the paper has not."""
    table = dev_averages()
    columns = (table[name].tolist() for name in ("printed", "intermediate", "mlm"))
    printed = [
        (float(change), str(Row(intermediate, mlm)))
        for change, intermediate, mlm in zip(*columns, strict=True)
        if change[0] in "+-"  # the baseline's is no change
    ]
    known = [name for _, name in sorted(printed, key=lambda each: -each[0])]
    places = {name: place for place, name in enumerate(known)}
    return sorted(rows, key=lambda row: (places.get(row, len(known)), row_order(parse_recipe(row).row)))


def _sorted(rows: Sequence[str], scores: Sequence[float]) -> list[str]:
    """The highest first; ties in the order of tables."""
    by_row = dict(zip(rows, scores, strict=True))
    return sorted(rows, key=lambda row: (-by_row[row], row_order(parse_recipe(row).row)))


def _judged(name: str, order: Order, candidates: Mapping[str, Sequence[str]], store: Records) -> Judgement:
    gains = {target: [store.gains[target][row] for row in order(rows, target)] for target, rows in candidates.items()}
    return Judgement(
        rule=name,
        regrets={target: regret(found, CHOSEN) for target, found in gains.items()},
        first={target: regret(found, 1) for target, found in gains.items()},
        ndcgs={target: ndcg(found) for target, found in gains.items()},
    )


def _by_chance(candidates: Mapping[str, Sequence[str]], store: Records) -> Judgement:
    gains = {target: [store.gains[target][row] for row in rows] for target, rows in candidates.items()}
    return Judgement(
        rule=CHANCE,
        regrets={target: regret_by_chance(found, CHOSEN) for target, found in gains.items()},
        first={target: regret_by_chance(found, 1) for target, found in gains.items()},
        ndcgs={target: ndcg_by_chance(found) for target, found in gains.items()},
    )


def line_of(judgement: Judgement) -> tuple[float, float, float]:
    """Mean regret@CHOSEN, regret@1 and NDCG over the targets."""
    return mean(judgement.regrets.values()), mean(judgement.first.values()), mean(judgement.ndcgs.values())


def titles(targets: Sequence[str]) -> str:
    """Targets as tables have them."""
    return ", ".join(map(heading, targets))
