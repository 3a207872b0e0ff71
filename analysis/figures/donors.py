"""Donors and recipients: the gain of every recipient language by the language of the training rows, as a heat map."""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures.heat_map import COLOURS, STEPS, colour_key
from analysis.figures.picture import INK, WIDTH, Picture, label, styled
from analysis.languages.transfer import Transfer
from analysis.statistics.estimate import Verdict, Word
from trainables.tasks.language_facts import by_family, in_order

_LEFT, _RIGHT, _ABOVE, _BELOW, _HEIGHT, _WIDEST = 0.45, 0.3, 0.62, 0.42, 0.17, 0.3
"""Inches: donors at the left, the end of the last family's name at the right, families and recipients above, the key
below; a cell, which is no wider than that."""
_SUPERVISED, _MISSING, _ON_LIGHT, _ON_DARK = "#ffffff", "#e9e9e9", "#111111", "#fefefe"


@styled()
def donor_map(found: Transfer) -> Picture:
    """Donors down, recipients across, both by family; the verdict as a sign, supervised pairs crossed."""
    donors, recipients = _by_family(found.donors), _by_family(found.recipients)
    width = min((WIDTH - _LEFT - _RIGHT) / len(recipients), _WIDEST)
    size = (max(_LEFT + width * len(recipients) + _RIGHT, 3.9), _ABOVE + _HEIGHT * len(donors) + _BELOW)
    figure = Figure(figsize=size)
    axes = figure.add_axes((
        _LEFT / size[0], _BELOW / size[1], width * len(recipients) / size[0], _HEIGHT * len(donors) / size[1],
    ))  # fmt: skip
    axes.set_xlim(-0.5, len(recipients) - 0.5)
    axes.set_ylim(len(donors) - 0.5, -0.5)
    for y, donor in enumerate(donors):
        for x, recipient in enumerate(recipients):
            _cell(axes, x, y, found, (donor, recipient))
    axes.set_xticks(range(len(recipients)), list(map(label, recipients)))
    axes.set_yticks(range(len(donors)), list(map(label, donors)))
    axes.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=5.5, pad=1)
    axes.spines[:].set_visible(False)
    _families(axes, recipients)
    colour_key(figure, _LEFT, 0.24)
    return Picture(
        name=f"donors-{_file_name(found.training)}-{_file_name(found.target)}",
        title=f"Donor and recipient languages, {found.title}", caption=_caption(found), figure=figure,
    )  # fmt: skip


def _file_name(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name)


def _by_family(codes: tuple[str, ...]) -> list[str]:
    return [code for group in by_family(codes).values() for code in in_order(group)]


def _cell(axes: Axes, x: int, y: int, found: Transfer, pair: tuple[str, str]) -> None:
    gain = found.gains.get(pair)
    is_supervised = pair in found.supervised
    colour = _MISSING if gain is None else _SUPERVISED if is_supervised else COLOURS[bisect_right(STEPS, gain)]
    hatch = "/////" if gain is None else "xxx" if is_supervised else None
    axes.add_patch(
        Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="#bbbbbb" if hatch else "#ffffff",
                  linewidth=0.4, hatch=hatch)
    )  # fmt: skip
    verdict = found.verdicts.get(pair)
    sign = verdict.word.sign if isinstance(verdict, Verdict) else ""
    dark = colour in (*COLOURS[:2], *COLOURS[-2:])
    axes.text(x, y, sign, ha="center", va="center_baseline", fontsize=5, color=_ON_DARK if dark else _ON_LIGHT)


def _families(axes: Axes, recipients: list[str]) -> None:
    """Names of the families above their languages, turned, with a line between them."""
    group_of = {code: group for group, codes in by_family(recipients).items() for code in codes}
    start = 0
    for group, codes in groupby(recipients, key=group_of.__getitem__):
        end = start + len(list(codes))
        axes.annotate(
            label(group.removeprefix("IE: ")), ((start + end - 1) / 2, 1), xycoords=("data", "axes fraction"),
            xytext=(0, 10), textcoords="offset points", ha="left", va="bottom", rotation=30, fontsize=5,
        )  # fmt: skip
        if start:
            axes.axvline(start - 0.5, color=INK, linewidth=0.5)
        start = end


def _caption(found: Transfer) -> str:
    said = (
        "Points over the baseline in the recipient language (across) for training rows of the donor language (down), "
        "on the split that selects; both by family. Crossed: no zero-shot transfer, labels of such a task were seen in "
        "the recipient language. Hatched: no score."
    )
    judged = [each for each in found.verdicts.values() if isinstance(each, Verdict)]
    if judged:
        signs = ", ".join(f"{word.sign} {word.value}" for word in (Word.BETTER, Word.WORSE, Word.EQUIVALENT))
        said += f" {signs}: 95 % over the picture (Holm, {len(judged)} comparisons)."
    return said
