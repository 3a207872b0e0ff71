"""Racing over simulated sweeps whose truth is known: what it saves, and how often it drops the best intermediate.

A sweep is nine races (targets) of 17 contenders: the baseline and 16 intermediates. True scores: the baseline's of
Table 2 (dev), the intermediates' drawn from the 16 printed differences of that target (smoothed bootstrap of equal
variance). Three kinds of effects:

- as printed: differences as large as those of the table, which hold the noise of single runs and dev sets;
- less noise: shrunk to what is left of their variance without the noise of seeds, so that more contenders are close;
- none: all 17 equal, the worst case for keeping the best one.

A run's true score moves by its seed, with a standard deviation of 0.5 to 1 point drawn for each contender. A row is
right when ability + difficulty (shared by all contenders) + taste (of one contender, shared by its runs) + luck is
above 0, all normal. Rows of QA and tagging are simulated as right or wrong too. Every decision is one of
`decide` of `analysis.statistics.racing`; the budget counts all runs alike; the contender chosen in the end is the best
dev mean of those left.

    python -m benchmarks.racing [--sweeps 1000] [--rounds 5] [--alpha 0.05 0.015] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import ndtri
from scipy.stats import binomtest

from analysis.published.tables import dev_scores
from analysis.statistics.racing import Floats, Standing, decide
from benchmarks.measure import machine, write
from trainables.ledger.cells import BASELINE
from trainables.ledger.race import Guarantee, Rule

DEV_ROWS = {
    "xnli": 2490, "pawsx": 2000, "udpos": 3974, "panx": 10_000, "xquad": 1190, "mlqa": 1148, "tydiqa": 3432,
    "bucc": 2520, "tatoeba": 1000,
}  # fmt: skip
"""Rows of the split that selects, counted low (protocol.md 4): translations of a row count once (XNLI, PAWS-X, XQuAD,
MLQA), tagging by its English rows, Tatoeba by one language; TyDiQA and BUCC by L squared / sum of 1 / n over their L
languages of n rows each, the size of a sample with the variance of their mean."""
SEED_SD = (0.5, 1.0)
SHARED, OWN = 0.80, 0.08
"""Shares of difficulty and taste in the latent variance: two runs of a contender agree on about 90 % of the rows."""
ROUGHNESS = 0.3
"""Standard deviation of the bootstrap's kernel, in standard deviations of the printed differences."""
SEED = 42
SHARE = {"as printed": 1.0, "less noise": 0.2, "none": 0.2}
"""Effects -> share of the sweeps asked for."""
NAMES = (BASELINE, *(f"intermediate {number}" for number in range(1, 17)))


@dataclass(frozen=True, kw_only=True)
class Race:
    """One simulated race of K contenders over R rounds.

    Attributes:
        truth: float[K], percent; the baseline first.
        means: float[R, K], dev mean after each round, had nobody been dropped.
        squares: float[R, K, K], as in `Standing`.
        seed_variance: float[R, K], as in `Standing`, after 1 to R runs.
        rows: dev rows.
    """

    truth: Floats
    means: Floats
    squares: Floats
    seed_variance: Floats
    rows: int

    def standing(self, round: int, runs: NDArray[np.int64]) -> Standing:
        """What is known after a round, in which each contender had `runs` runs."""
        number = np.arange(len(self.truth))
        return Standing(
            names=NAMES,
            means=self.means[runs - 1, number],
            runs=runs,
            squares=self.squares[round - 1],
            seed_variance=self.seed_variance[runs - 1, number],
            largest=100.0,
            rows=self.rows,
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One race under one rule.

    Attributes:
        runs: float[K], how many each contender had.
        kept_best: whether the truly best intermediate was kept.
        kept_winner: the same of the truly best contender, which may be the baseline.
        regret: points lost by choosing the best dev mean of those left; `without`, of all.
    """

    runs: NDArray[np.int64]
    kept_best: bool
    kept_winner: bool
    regret: float
    without: float


@dataclass
class Tally:
    """Outcomes by target of the sweeps of one setting."""

    rounds: int
    outcomes: dict[str, list[Outcome]] = field(default_factory=lambda: {target: [] for target in DEV_ROWS})

    def figures(self, targets: Sequence[str] = tuple(DEV_ROWS)) -> dict[str, Any]:
        """Shares and regret over `targets`; `kept` counts races, `kept_all` sweeps."""
        races = [outcome for target in targets for outcome in self.outcomes[target]]
        sweeps = list(zip(*(self.outcomes[target] for target in targets), strict=True))
        used = fmean(float(race.runs.mean()) for race in races)
        return {
            "saved_of_all_runs": 1 - used / self.rounds,
            "saved_of_later_rounds": (self.rounds - used) / (self.rounds - 1),
            "kept": _share([race.kept_best for race in races]),
            "kept_all": _share([all(race.kept_best for race in sweep) for sweep in sweeps]),
            "winner_kept": _share([race.kept_winner for race in races]),
            "winner_kept_all": _share([all(race.kept_winner for race in sweep) for sweep in sweeps]),
            "regret": fmean(race.regret for race in races),
            "regret_without_racing": fmean(race.without for race in races),
        }


def _share(kept: Sequence[bool]) -> list[float]:
    """Share, and its binomial interval of 95 % (exact, Clopper and Pearson)."""
    found = binomtest(sum(kept), len(kept))
    interval = found.proportion_ci()
    return [found.statistic, interval.low, interval.high]


def printed() -> dict[str, Floats]:
    """Target -> float[17], task scores of Table 2 (dev), the baseline first."""
    frame = dev_scores().groupby(["target", "intermediate", "mlm"], sort=False)["value"].mean()
    return {
        target: np.array([frame[target, BASELINE, False], *frame[target].drop(BASELINE, level="intermediate")])
        for target in DEV_ROWS
    }


def draw_truth(generator: np.random.Generator, scores: Floats, effects: str) -> Floats:
    """float[K]: the baseline's printed score, and K - 1 drawn ones."""
    baseline, others = scores[0], scores[1:]
    if effects == "none":
        return np.full_like(scores, baseline)
    middle, variance = others.mean(), others.var(ddof=1)
    drawn = generator.choice(others, len(others)) - middle
    drawn += ROUGHNESS * np.sqrt(variance) * generator.standard_normal(len(others))
    drawn /= np.sqrt(1 + ROUGHNESS**2)
    if effects == "less noise":
        drawn *= np.sqrt(1 - np.mean(np.square(SEED_SD)) / variance)
    return np.clip(np.concatenate([[baseline], middle + drawn]), 2.0, 98.0)


def simulate(generator: np.random.Generator, truth: Floats, rows: int, rounds: int) -> Race:
    """One race with every contender in every round."""
    shape, scale = (len(truth), rows), (1 - SHARED - OWN) ** -0.5
    fixed = np.float32(OWN**0.5 * scale) * generator.standard_normal(shape, dtype=np.float32)
    fixed += np.float32(SHARED**0.5 * scale) * generator.standard_normal(rows, dtype=np.float32)
    spread = generator.uniform(*SEED_SD, len(truth))

    def runs() -> Iterator[NDArray[np.bool_]]:
        for _ in range(rounds):
            of_runs = np.clip(truth + spread * generator.standard_normal(len(truth)), 0.5, 99.5)
            ability = (scale * ndtri(of_runs / 100)).astype(np.float32)
            latent = generator.standard_normal(shape, dtype=np.float32)
            latent += fixed
            yield latent > -ability[:, None]

    return summed_up(truth, runs())


def summed_up(truth: Floats, runs: Iterable[NDArray[np.bool_]]) -> Race:
    """A race from its runs, each bool[K, N]: right or wrong."""
    means: list[Floats] = []
    squares, variances = [], []
    counts: NDArray[np.float32] | None = None
    for number, right in enumerate(runs, 1):
        counts = right.astype(np.float32) if counts is None else counts + right
        rows = right.shape[1]
        means.append(right.mean(axis=1))
        products = (counts @ counts.T).astype(np.float64)
        own = np.diag(products)
        squares.append(1e4 * (own[:, None] + own - 2 * products) / (rows * number**2))
        if number == 1:
            variances.append(np.zeros(len(truth)))
            continue
        deviations = ((np.array(means) - np.mean(means, axis=0)) ** 2).sum(axis=0)
        residuals = counts.sum(axis=1, dtype=np.float64) - own / number - rows * deviations
        of_rows = residuals / ((number - 1) * (rows - 1))
        variances.append(1e4 * (deviations / (number - 1) - of_rows / rows))
    done = np.arange(1, len(means) + 1)[:, None]
    return Race(
        truth=truth,
        means=100 * np.cumsum(means, axis=0) / done,
        squares=np.array(squares),
        seed_variance=np.array(variances),
        rows=rows,
    )


def play(race: Race, rule: Rule) -> Outcome:
    """Run the rounds of a race under a rule."""
    rounds = len(race.means)
    runs = np.full(len(race.truth), rounds)
    gone: set[str] = set()
    for round in range(1, rounds):
        found = race.standing(round, np.minimum(runs, round))
        for each in decide(found, target="", round=round, rounds=rounds, gone=gone, rule=rule, baseline=BASELINE):
            gone.add(each.contender)
            runs[NAMES.index(each.contender)] = round
    left = runs == rounds
    winner = int(race.truth.argmax())
    chosen, free = int(np.where(left, race.means[-1], -np.inf).argmax()), int(race.means[-1].argmax())
    return Outcome(
        runs=runs,
        kept_best=bool(left[1 + race.truth[1:].argmax()]),
        kept_winner=bool(left[winner]),
        regret=float(race.truth[winner] - race.truth[chosen]),
        without=float(race.truth[winner] - race.truth[free]),
    )


def measure(effects: str, sweeps: int, rounds: int, rules: Sequence[Rule]) -> list[Tally]:
    """Simulate the sweeps once and race in them by every rule."""
    generator = np.random.Generator(np.random.SFC64(SEED))
    tallies = [Tally(rounds=rounds) for _ in rules]
    table = printed()
    for _ in range(sweeps):
        for target, rows in DEV_ROWS.items():
            race = simulate(generator, draw_truth(generator, table[target], effects), rows, rounds)
            for rule, tally in zip(rules, tallies, strict=True):
                tally.outcomes[target].append(play(race, rule))
    return tallies


def main(arguments: list[str] | None = None) -> None:
    """Simulate, print, and write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.05, 0.015])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rules = [Rule(alpha=alpha, guarantee=guarantee) for alpha in options.alpha for guarantee in Guarantee]
    console = Console()
    settings = {name: getattr(options, name) for name in ("sweeps", "rounds", "alpha")}
    outcomes: list[dict[str, Any]] = []
    for effects, share in SHARE.items():
        sweeps = max(round(share * options.sweeps), 1)
        table = Table(title=f"effects {effects}: {sweeps:,} sweeps, {options.rounds} rounds", title_justify="left")
        table.add_column("guarantee, alpha")
        for column in (
            "saved, % of all runs / of later rounds", "best intermediate kept, % of races", "in all 9, % of sweeps",
            "regret with / without, points",
        ):  # fmt: skip
            table.add_column(column, justify="right")
        for rule, tally in zip(rules, measure(effects, sweeps, options.rounds, rules), strict=True):
            found = tally.figures()
            by_target = {target: tally.figures([target]) for target in DEV_ROWS}
            setting = {"effects": effects, "sweeps": sweeps, "guarantee": rule.guarantee, "alpha": rule.alpha}
            outcomes.append({**setting, **found, "targets": by_target})
            table.add_row(
                f"{rule.guarantee}, {rule.alpha:g}",
                f"{100 * found['saved_of_all_runs']:.1f} / {100 * found['saved_of_later_rounds']:.1f}",
                interval(found["kept"]),
                interval(found["kept_all"]),
                f"{found['regret']:.3f} / {found['regret_without_racing']:.3f}",
            )
        console.print(table)
    first = outcomes[0]
    title = f"effects {first['effects']}, guarantee {first['guarantee']}, alpha {first['alpha']:g}"
    table = Table("target", title=title, title_justify="left")
    for column in ("dev rows", "saved, % of all runs", "best intermediate kept, %", "regret with / without"):
        table.add_column(column, justify="right")
    for target, found in first["targets"].items():
        table.add_row(
            target,
            f"{DEV_ROWS[target]:,}",
            f"{100 * found['saved_of_all_runs']:.1f}",
            interval(found["kept"]),
            f"{found['regret']:.3f} / {found['regret_without_racing']:.3f}",
        )
    console.print(table)
    console.print("in brackets: exact binomial intervals of 95 %")
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    write(options.json, {"settings": settings, "outcomes": outcomes})


def interval(share: Sequence[float]) -> str:
    """A share and its interval, in percent."""
    middle, low, high = (100 * value for value in share)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
