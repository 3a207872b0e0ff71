"""Families: tasks that ask the same of a text, so that labels of one tell of another (named entities, parts of speech).

A task says its family (`Task.family`); one that names none is one of its own, under its name.
"""

from __future__ import annotations

from trainables.tasks import registry


def family_of(task: str) -> str:
    """The family of a task, by its name, which need not be known."""
    known = registry.tasks().get(task)
    return (known.family if known else "") or task
