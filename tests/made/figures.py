"""What pictures are drawn from: the published table as results, made-up estimates and verdicts, the words of an SVG."""

from __future__ import annotations

import random
from collections.abc import Collection
from xml.etree import ElementTree

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from analysis.figures.gains import AVERAGE, gain
from analysis.published.tables import dev_scores
from analysis.scores.headings import row_order, target_order
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.statistics.estimate import Estimate, NoVerdict, Verdict, Verdicts, Word
from trainables.ledger.cells import Cell, Row
from trainables.ledger.states import State
from trainables.tasks.registry import task
from trainables.tasks.task import Split

SVG = "{http://www.w3.org/2000/svg}"
NONE = Row("none", False)


def published(
    seeds=(42,), gaps: Collection[tuple[Row, str, State]] = (), rows=None, targets=None, spread=0.0
) -> Results:
    """Table 2 as if a sweep had made it; every language has the printed mean, seeds are `spread` points apart."""
    frame, chance = dev_scores(), random.Random(1)
    values = {
        (Row(name, mlm), target, metric): value
        for name, mlm, target, metric, value in zip(
            *(frame[column] for column in ("intermediate", "mlm", "target", "metric", "value")), strict=True
        )
    }
    rows = sorted(rows or {row for row, _, _ in values}, key=row_order)
    targets = sorted(targets or {target for _, target, _ in values}, key=target_order)
    states = {(row, target): state for row, target, state in gaps}
    cells: dict[tuple[Cell, Split], TaskScore | Gap] = {}
    for row in rows:
        for target in targets:
            for seed in seeds:
                for split in (Split.DEV, Split.TEST):
                    shift = chance.gauss(0, spread)
                    metrics = {metric: values[row, target, metric] + shift for metric in task(target).metrics}
                    score = TaskScore(
                        target=target,
                        split=split,
                        metrics=metrics,
                        languages=dict.fromkeys(task(target).languages.get(split, ()), metrics),
                    )
                    state = states.get((row, target))
                    cells[Cell(*row, target, seed), split] = Gap(reason="made", state=state) if state else score
    return Results(variants=tuple(rows), targets=tuple(targets), seeds=tuple(seeds), cells=cells)


def estimate(value: float, half: float = 1.0, *, over_seeds: bool = True) -> Estimate:
    """An interval of `half` points to either side."""
    return Estimate(
        value=value, low=value - half, high=value + half, error=half / 2, freedom=60.0, p=0.04, rows=600, items=200,
        seeds=3 if over_seeds else 1, over_seeds=over_seeds, row_variance=0.1,
        seed_variance=0.1 if over_seeds else float("nan"),
    )  # fmt: skip


def verdicts_of(results: Results, half: float = 0.8) -> Verdicts:
    """Better and worse where the gain is beyond `half`, equivalent within 0.15 points, else open."""

    def verdict(row: Row, target: str) -> Verdict | NoVerdict:
        found = gain(results, row, target)
        if isinstance(found, Gap):
            return NoVerdict(reason=found.reason)
        word = Word.EQUIVALENT if abs(found) < 0.15 else Word.OPEN
        if abs(found) > half:
            word = Word.BETTER if found > 0 else Word.WORSE
        return Verdict(
            word=word, estimate=estimate(found, half), p=0.01, p_equivalent=0.5, detectable=1.0, seeds_needed=4
        )

    others = [row for row in results.variants if row != results.baseline]
    return Verdicts(
        cells={(row, target): verdict(row, target) for row in others for target in results.targets},
        averages={row: verdict(row, AVERAGE) for row in others},
        tests={}, separations={}, margin=0.5, seeds=len(results.seeds), family=len(others) * (len(results.targets) + 1),
    )  # fmt: skip


def words_in(svg: str) -> list[str]:
    """The texts of an SVG document or element, in the order in which they are drawn."""
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter() if element.tag in ("text", f"{SVG}text")]


class _Words(RendererAgg):
    """Notes the box of every word that is drawn, in pixels."""

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        self.boxes.append((s, Text.get_window_extent(mtext, self)))


def words_of(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every word of a figure, and where it stands."""
    renderer = _Words(*figure.bbox.size, figure.dpi)
    renderer.boxes = []
    figure.draw(renderer)
    return renderer.boxes


def cut_off(figure: Figure) -> list[str]:
    """Words that stand more than a pixel outside the page."""
    page = figure.bbox
    return [
        text
        for text, box in words_of(figure)
        if box.x0 < page.x0 - 1 or page.x1 + 1 < box.x1 or box.y0 < page.y0 - 1 or page.y1 + 1 < box.y1
    ]
