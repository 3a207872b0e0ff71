"""Tasks of one's own in a plan: their rows are read once, before anything is planned, and carried from there on."""

from __future__ import annotations

from search_spaces.config import SweepConfig
from search_spaces.grid import tasks_of
from search_spaces.published import like
from trainables.data.carried import carry
from trainables.data.source import DataSource
from trainables.tasks import registry
from trainables.tasks.task import Role

_SAID: dict[str, tuple[str, ...]] = {}
"""Definition -> what was said as its rows were read."""


def carry_own(config: SweepConfig, data: DataSource) -> tuple[str, ...]:
    """Have the registry know the tasks of one's own of a grid as a sweep carries them; what the user should know of it.

    May be asked again: rows are read once. Raises as `carry` does.
    """
    notes: list[str] = []
    for name in filter(registry.is_own, tasks_of(config.grid)):
        of = registry.task(name)
        if not of.definition:
            said: list[str] = []
            of = carry(of, data, config.data.repositories.get(name, ""), said.append)
            registry.enlist(of)
            _SAID[of.definition] = tuple(said)
        notes += _SAID.get(of.definition, ())
        if of.trains:
            model = like(name, is_target=of.role is Role.TARGET)
            notes.append(f"{name}: trains with the published settings of {model} where no others are set")
    return tuple(notes)
