"""Forgetting: how well every hidden state still pairs translations, before and after each intermediate task."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from analysis.figures.picture import DASHES, INK, MARKERS, SERIES, Picture, canvas, drawing
from analysis.scores.headings import heading, row_order, row_title, target_order
from trainables.ledger.cells import BASELINE, Row


def forgetting(layers: DataFrame) -> Picture | None:
    """Mean over languages and seeds of the retrieval score at every hidden state, a panel a target, MLM apart.

    Args:
        layers: intermediate, mlm, target, layer (0 is the embedding output) and value (percent), one line a run and
            language.

    None where there are no lines.
    """
    if not len(layers):
        return None
    means = layers.groupby(["target", "intermediate", "mlm", "layer"])["value"].mean()
    targets = sorted({str(key[0]) for key in means.index}, key=target_order)
    rows = sorted({Row(str(key[1]), bool(key[2])) for key in means.index}, key=row_order)
    halves = [half for half in (False, True) if any(row.mlm == half for row in rows if row.intermediate != BASELINE)]
    halves = halves or [False]
    with drawing():
        figure = canvas(1.9 + 2.7 * len(halves), 0.5 + 2.0 * len(targets))
        grid = figure.subplots(len(targets), len(halves), sharex=True, sharey="row", squeeze=False)
        for down, target in enumerate(targets):
            for across, half in enumerate(halves):
                axes = grid[down][across]
                for row in rows:
                    if row.intermediate != BASELINE and row.mlm != half:
                        continue
                    try:
                        curve = means.loc[target, row.intermediate, row.mlm].sort_index()
                    except KeyError:
                        continue
                    style = [each.intermediate for each in rows if each.mlm == row.mlm].index(row.intermediate)
                    is_before = row.intermediate == BASELINE
                    axes.plot(
                        curve.index, curve.to_numpy(), color=INK if is_before else SERIES[style % len(SERIES)],
                        linewidth=2.2 if is_before else 1.1, linestyle=DASHES[0 if is_before else style % len(DASHES)],
                        marker=None if is_before else MARKERS[style % len(MARKERS)], markersize=3, markevery=2,
                        label="baseline (before)" if is_before else heading(row.intermediate),
                    )  # fmt: skip
                axes.set_title(f"{heading(target)}, {'with' if half else 'without'} MLM")
                axes.grid(axis="y")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles: dict[str, Artist] = {}
        for axes in grid.flat:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(list(handles.values()), list(handles), loc="outside right upper", fontsize=7.5)
        figure.supxlabel("hidden state (0: embedding output)", fontsize=8.5)
        figure.supylabel("%, mean over the languages", fontsize=8.5)
    names = ", ".join(row_title(row) for row in rows if row.intermediate != BASELINE)
    return Picture(
        name="forgetting", title="Retrieval at every hidden state", figure=figure,
        caption=(
            "How many translations are each other's nearest neighbours by the mean vector of each hidden state, before "
            f"(thick) and after training on {names or 'nothing'}. The table's scores are those of one state."
        ),
    )  # fmt: skip
