"""Whether the numbers of a sweep can be compared with the paper's at all."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.load import Run
from trainables.ledger.recipe import recipe_of
from trainables.ledger.spec import Phase
from trainables.tasks.registry import task

PUBLISHED_ENCODERS = ("FacebookAI/xlm-roberta-large", "xlm-roberta-large")
WHOLE = 0.95
"""Share of the published training rows that counts as the whole set (releases differ a little, protocol.md 8.17)."""


def why_not_comparable(runs: Sequence[Run]) -> str:
    """What keeps these runs from the published numbers; empty when nothing does.

    Rows that are not of the paper's kind have no such numbers, and do not matter.
    """
    runs = [run for run in runs if recipe_of(run.variant).is_plain]
    if not runs:
        return "no run is finished"
    specs = [run.record.spec for run in runs]
    others = sorted({spec.encoder.name for spec in specs} - set(PUBLISHED_ENCODERS))
    if others:
        return f"the encoder is {', '.join(others)}"
    sources = sorted({spec.data.source for spec in specs} - {"hub", "mirror"})
    if sources:
        return f"the data is {', '.join(sources)}"
    if any(run.capped for run in runs):
        return "rows are capped"
    if any(spec.data.languages for spec in specs):
        return "languages are restricted"
    if trained := sorted({code for spec in specs for code in spec.data.train_languages}):
        return f"targets are trained in {', '.join(trained)}"
    for run in runs:
        spec = run.record.spec
        expected = sum(task(name).num_train_rows for name in spec.tasks) if spec.phase is Phase.INTERMEDIATE else (
            task(spec.tasks[0]).num_train_rows)  # fmt: skip
        read = sum(use.rows for use in run.record.data_use if use.split.startswith("train"))
        if run.record.data_use and spec.phase is not Phase.RETRIEVAL and read < WHOLE * expected:
            return f"{run.record.name} trained on {read:,} of {expected:,} rows"
    return ""
