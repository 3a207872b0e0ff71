"""Families: tasks that ask the same of a text, so that labels of one tell of another (named entities, parts of speech).

A task that is in no family is one of its own, under its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trainables.tasks import registry

_FAMILIES: Mapping[str, str] = MappingProxyType({
    "panx": "ner", "udpos": "pos", "anli": "nli", "xnli": "nli", "squad": "qa", "xquad": "qa", "mlqa": "qa",
    "tydiqa": "qa", "qqp": "paraphrase", "pawsx": "paraphrase",
})  # fmt: skip


def family_of(task: str) -> str:
    """The family of a task, by its name; of a task of one's own the one that it names."""
    named = registry.task(task).family if registry.is_own(task) else ""
    return named or _FAMILIES.get(task, task)
