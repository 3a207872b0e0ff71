"""A card as Markdown with YAML in front. Nothing that comes from data, names or settings is markup."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import BaseLoader, Environment, StrictUndefined

from analysis.card import licences
from analysis.card.facts import Card, Step, score_cells, split_title
from analysis.card.usage import usage
from analysis.scores.headings import heading
from analysis.showing.markup import Markdown, code, in_markdown
from trainables.ledger.exported import Kind
from trainables.ledger.plain import plain
from trainables.tasks.formats.base import Head

_CUT = {Head.SPAN: "cut into windows", Head.TAGGING: "cut between words"}


def model_card(card: Card) -> str:
    """The text of `README.md`."""
    exported = card.exported
    made = _environment().from_string(files("analysis.card").joinpath("template.txt").read_text(encoding="utf-8"))
    text = made.render(
        card=card,
        exported=exported,
        model=exported.kind is Kind.MODEL,
        adapters=exported.kind is Kind.ADAPTERS,
        trained=bool(exported.run_id),
        task=heading(exported.task) if exported.task else "",
        front=Markdown(yaml.safe_dump(_safe(dict(card.front)), sort_keys=False, allow_unicode=True)),
        usage=Markdown(usage(exported)),
        cut=_CUT.get(Head(exported.head), "cut at the end") if exported.head else "",
        spans=exported.head == Head.SPAN,
        encoder_licence=licences.of_encoder(exported.encoder.name),
        versions=", ".join(f"{name} {each}" for name, each in sorted(card.record.versions.items())),
        data=lambda step: list(_data(step)),
        title=split_title,
        cells=lambda language, metrics: list(score_cells(language, metrics)),
    )
    return text.rstrip() + "\n"


def _environment() -> Environment:
    made = Environment(loader=BaseLoader(), undefined=StrictUndefined, finalize=_escaped, keep_trailing_newline=True)
    made.filters |= {"code": code, "cell": in_markdown, "heading": lambda name: in_markdown(heading(name)),
                     "join": _joined}  # fmt: skip
    return made


def _escaped(value: Any) -> Any:
    """What is put into the template is text, unless it is known to be Markdown."""
    if not isinstance(value, str) or isinstance(value, Markdown):
        return value
    return f"{' ' * value.startswith(' ')}{in_markdown(value)}{' ' * (value.endswith(' ') and bool(value.strip()))}"


def _joined(parts: Any, between: str) -> Markdown:
    return Markdown(between.join(in_markdown(each) for each in parts))


def _safe(value: Any) -> Any:
    """Texts without control characters, wherever they are."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(str(name)): _safe(each) for name, each in value.items()}
    return [_safe(each) for each in value] if isinstance(value, list | tuple) else value


def _data(step: Step) -> Iterator[tuple[str, str, str, str, str]]:
    """Data sets of a step, the files of many languages in one line."""
    lines: dict[tuple[str, str], list[int]] = {}
    for use in step.data:
        lines.setdefault((use.repository, use.split), []).append(use.rows)
    for (repository, split), rows in lines.items():
        yield repository, str(len(rows)), split, f"{sum(rows):,}", licences.of_data(repository)
