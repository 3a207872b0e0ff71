"""Forgetting: how well sentences and their translations find each other at every hidden layer, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from analysis.figures.panels import panels
from analysis.figures.picture import HUES, INK, MARKERS, Picture, label, styled
from analysis.scores.headings import heading, row_order, target_order
from trainables.ledger.cells import BASELINE, Row

Lines = Mapping[Row, Mapping[int, float]]
"""Row -> layer -> percent, mean over languages."""
_ACROSS = 3
"""Names in a line of the legend."""


@styled()
def retrieval_by_layer(layers: DataFrame) -> Picture | None:
    """One panel a target, without and with MLM; one line an intermediate task, and the baseline in every panel.

    `layers` has the columns intermediate, mlm, target, language, layer and value (percent); several values of one place
    are seeds, and averaged. The mean of a target is over the languages that all its rows have at all layers, so that
    no two lines are over different things. None where there is no row but the baseline, or no such language.
    """
    drawn: list[tuple[str, Lines]] = []
    said = []
    for target in sorted(layers["target"].unique(), key=target_order):
        lines, num_languages, num_all = _means(layers[layers["target"] == target])
        for mlm in (False, True):
            chosen = {row: line for row, line in lines.items() if row.intermediate == BASELINE or row.mlm == mlm}
            if any(row.intermediate != BASELINE for row in chosen):
                drawn.append((f"{heading(target)}, {'with' if mlm else 'without'} MLM", chosen))
        said.append(f"{heading(target)} over {num_languages} of {num_all} languages")
    if not drawn:
        return None
    rows = sorted({row for _, lines in drawn for row in lines if row.intermediate != BASELINE}, key=row_order)
    names = list(dict.fromkeys(row.intermediate for row in rows))
    figure, places = panels(
        len(drawn), 2, (3.0, 1.5), "hidden layer (0: embeddings)", legend_lines=ceil((len(names) + 1) / _ACROSS)
    )
    for axes, (title, lines) in zip(places, drawn, strict=True):
        _panel(axes, title, lines, names)
    entries = {text: line for axes in places for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(entries.values(), entries.keys(), loc="upper left", ncols=_ACROSS)
    caption = (
        "Score of retrieval with the vectors of each hidden layer, percent, on the split that selects: the pretrained "
        f"encoder (thick) and after each intermediate task. Means: {'; '.join(said)}."
    )
    return Picture(name="layers", title="Retrieval at every hidden layer", caption=caption, figure=figure)


def _means(of_target: DataFrame) -> tuple[Lines, int, int]:
    """The lines; how many languages they are over, and how many there are."""
    place = ["intermediate", "mlm", "layer"]
    table = of_target.pivot_table(index=place, columns="language", values="value", aggfunc="mean")
    whole = table.dropna(axis="columns")
    lines: dict[Row, dict[int, float]] = {}
    if len(whole.columns):
        means = whole.mean(axis="columns").reset_index(name="mean")
        for intermediate, mlm, layer, value in zip(*(means[name] for name in [*place, "mean"]), strict=True):
            lines.setdefault(Row(str(intermediate), bool(mlm)), {})[int(layer)] = float(value)
    return dict(sorted(lines.items(), key=lambda line: row_order(line[0]))), len(whole.columns), len(table.columns)


def _panel(axes: Axes, title: str, lines: Lines, names: Sequence[str]) -> None:
    for row, line in lines.items():
        layers, values = list(line), list(line.values())
        if row.intermediate == BASELINE:
            axes.plot(layers, values, color=INK, linewidth=2.2, label="baseline", zorder=3)
        else:
            place = names.index(row.intermediate)
            axes.plot(
                layers, values, color=HUES[place % len(HUES)], linewidth=0.9, marker=MARKERS[place % len(MARKERS)],
                markersize=3.8, markeredgewidth=0, markevery=(place % 3, 3), label=label(heading(row.intermediate)),
            )  # fmt: skip
    axes.set_title(title)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y")
