"""Language adapters: which rows are measured with each language's own, and what the plan says of the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from trainables.ledger.cells import Cell
from trainables.ledger.recipe import MLM, MethodKind
from trainables.ledger.spec import Phase, RunSpec
from trainables.tasks import registry

_NONE = (
    "target.language_adapters is on, but no row has an adapter of a language, which is left by MLM alone on one "
    "language as first stage, as in mlm@en/adapter>qqp/adapter; no language adapters are swapped"
)


@dataclass(kw_only=True)
class Swapped:
    """What a plan has found about the language adapters of its rows, for its notes."""

    languages: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """First stage -> languages whose adapters take the place of its own."""
    absent: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """First stage -> evaluated languages without text."""
    kept: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Why not -> rows that keep their own adapter everywhere, with the target where that decides."""

    def keeps(self, cell: Cell, why: str) -> None:
        """Note that a row keeps its own adapter for a target."""
        trains = registry.task(cell.target).trains
        self.kept[why][str(cell.row) if trains else f"{cell.row} for {cell.target}"] = None

    def notes(self) -> list[str]:
        """Sentences for people."""
        found = [
            f"language adapters for {_counted(codes)}: {', '.join(sorted(codes))}; each is trained as {stage} is, and "
            "its language is predicted with it in the place of that one"
            for stage, codes in self.languages.items()
        ]
        found += [
            f"language adapters: no text for MLM in {', '.join(sorted(codes))}, predicted with that of {stage}"
            for stage, codes in self.absent.items()
        ]
        found += [f"language adapters of {', '.join(rows)} are not swapped: {why}" for why, rows in self.kept.items()]
        return found or [_NONE]


def language_of_first(stages: Sequence[RunSpec]) -> str:
    """The language whose adapters the first of the runs that made an encoder has trained; empty where it has not."""
    first = stages[0] if stages else None
    if first is None or first.mlm is None or first.tasks != (MLM,) or len(first.mlm.languages) > 1:
        return ""
    is_adapter = first.method is not None and first.method.kind is MethodKind.ADAPTER
    return first.mlm.languages[0] if is_adapter else ""


def why_not_swapped(spec: RunSpec, stages: Sequence[RunSpec]) -> str:
    """Why the adapters of a language are not frozen and apart in the encoder that a run predicts with; else empty.

    `stages` made the encoder that it starts from; the first has trained these adapters. They are frozen and apart while
    every later run leaves them as they are. Of two languages' adapters, one on the other, none is exchanged alone.
    """
    if spec.phase is Phase.RETRIEVAL:
        return "a target that trains nothing embeds all languages with one encoder"
    if any(spec.method is None for spec in stages[1:]):
        return "a later stage trains all weights, and the language adapter with them"
    if any(spec.tasks == (MLM,) for spec in stages[1:]):
        return "a later stage is MLM alone, too, on top of it"
    if spec.method is None:
        return (
            "the target's run trains all weights, and the language adapter with them; "
            "allowed: a method, as target.method=adapter"
        )
    return ""


def _counted(codes: Iterable[str]) -> str:
    number = len(list(codes))
    return f"{number} language{'s' * (number != 1)}"
