"""The texts behind the rows, read again from the data of the sweep where it is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from analysis.examples.asked import Asked
from analysis.examples.predictions import Predicted
from trainables.data.cache_folder import CacheFolderError
from trainables.data.hub import HUB, load, open_data
from trainables.ledger.store import Store
from trainables.tasks.examples import BitextExample, CorpusExample, Example, PairExample, SpanExample, TaggingExample
from trainables.tasks.languages import ENGLISH
from trainables.tasks.registry import task
from trainables.tasks.task import Task

CONTEXT = "context"
_PAIRS = MappingProxyType({"xnli": ("premise", "hypothesis")})

Parts = tuple[tuple[str, str], ...]
"""Name and text, in the order to be read."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Texts of the rows.

    Attributes:
        parts: id -> texts.
        words: id of a tagged sentence -> its words.
        meant: what a prediction or reference that is an id stands for -> the sentence.
        why_none: why there are none; empty when there are.
    """

    parts: Mapping[str, Parts] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    meant: Mapping[str, str] = field(default_factory=dict)
    why_none: str = ""


def read_texts(store: Store, what: Asked, rows: Mapping[str, Predicted], data: str | None = None) -> Texts:
    """Texts of the rows; `data` is `demo`, `hub` or a folder, None takes what the store says.

    Data whose references are not those of the predictions is not that of the runs, and gives no texts.
    """
    of = task(what.target)
    kind = what.run.record.spec.data.source
    name, raw = (data, {}) if data else _configured(store, kind)
    if not name:
        return Texts(why_none=f"the runs read the {kind}, which is not opened unasked; --data says where it is")
    try:
        opened = open_data(name, raw)
        examples = load(of, what.split, what.language, opened, preference=_preference(of, what)).examples
        references = [_listed(each) for each in of.format.references(examples)]
    except (ValueError, OSError, CacheFolderError) as error:
        return Texts(why_none=f"the data {name} cannot be read: {error}")
    by_id = {example.id: (example, reference) for example, reference in zip(examples, references, strict=True)}
    if any(key not in by_id or by_id[key][1] != row.reference for key, row in rows.items()):
        return Texts(why_none=f"the rows of {name} are not those that the runs read")
    found = {key: by_id[key][0] for key in rows}
    return Texts(
        parts={key: _parts(of, example) for key, example in found.items()},
        words={key: example.words for key, example in found.items() if isinstance(example, TaggingExample)},
        meant=_meant(example for example, _ in by_id.values()),
    )


def _configured(store: Store, kind: str) -> tuple[str, dict[str, str]]:
    """Data and official releases by the configuration that the store keeps; the hub is never asked unasked."""
    if kind == HUB:
        return "", {}
    try:
        kept = yaml.safe_load(store.config_text())["data"]
        raw = {str(name): str(folder) for name, folder in (kept.get("raw") or {}).items() if folder}
        name = str(kept["source"])
    except (OSError, ValueError, yaml.YAMLError, RecursionError, KeyError, TypeError, AttributeError):
        return ("demo" if kind == "demo" else ""), {}
    if (kind == "demo") != (name == "demo") or name == HUB:
        return ("demo" if kind == "demo" else ""), {}
    return name, raw


def _preference(of: Task, what: Asked) -> str:
    """The repository that the run read, by its record; the default where that does not say."""
    read = {use.repository for use in what.run.record.data_use}
    for name, files in of.sources.items():
        if read & {source.repository for source in files[what.split](what.language)}:
            return name
    return ""


def _listed(reference: Any) -> tuple[str, ...]:
    return (reference,) if isinstance(reference, str) else tuple(reference)


def _parts(of: Task, example: Example) -> Parts:
    match example:
        case PairExample(text_a=first, text_b=second):
            names = _PAIRS.get(of.name, ("sentence 1", "sentence 2"))
            return (names[0], first), (names[1], second)
        case SpanExample(question=question, context=context):
            return ("question", question), (CONTEXT, context)
        case BitextExample(english=english):
            return (("English", english),)
        case TaggingExample(words=words):
            return (("sentence", " ".join(words)),)
        case CorpusExample(text=text):
            return (("sentence", text),)
    return tuple(("text", text) for text in example.texts)


def _meant(examples: Any) -> dict[str, str]:
    """Sentences by id, where a prediction is an id: of Tatoeba the foreign ones, of BUCC the English ones."""
    found = {}
    for example in examples:
        if isinstance(example, BitextExample):
            found[example.id] = example.foreign
        elif isinstance(example, CorpusExample) and example.language == ENGLISH:
            found[example.id] = example.text
    return found
