"""Estimates and verdicts that are chosen, not computed."""

from __future__ import annotations

from analysis.statistics.estimate import Estimate, Verdict, Verdicts, Word


def estimate(value, half=1.0, *, over_seeds=True):
    """With the interval value +- half."""
    return Estimate(
        value=value, low=value - half, high=value + half, error=half / 2, freedom=60.0, p=0.04, rows=100, items=50,
        seeds=3 if over_seeds else 1, over_seeds=over_seeds, row_variance=half**2 / 8,
        seed_variance=half**2 / 8 if over_seeds else float("nan"),
    )  # fmt: skip


def verdict(value, half=1.0):
    """The word that the interval and a margin of half a point give, as if there were no other comparison."""
    made = estimate(value, half)
    word = Word.BETTER if made.low > 0 else Word.WORSE if made.high < 0 else Word.OPEN
    if word is Word.OPEN and max(-made.low, made.high) < 0.5:
        word = Word.EQUIVALENT
    return Verdict(word=word, estimate=made, p=0.04, p_equivalent=0.5, detectable=1.4 * half, seeds_needed=5)


def verdicts(results, half=1.0):
    """Of every cell of a table that has a score and a baseline."""
    others = [row for row in results.variants if row != results.baseline]
    cells = {
        (row, target): verdict(results.dev(row, target).value - results.dev(results.baseline, target).value, half)
        for row in others
        for target in results.targets
    }
    averages = {row: verdict(results.dev_average(row) - results.dev_average(results.baseline), half) for row in others}
    return Verdicts(
        cells=cells, averages=averages, tests={}, separations={}, margin=0.5, seeds=len(results.seeds),
        family=len(cells) + len(averages),
    )  # fmt: skip
