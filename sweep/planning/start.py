"""What is asked before a sweep starts, so that no run fails for what could be known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from search_spaces.config import SweepConfig
from search_spaces.encoder_check import check_encoder
from search_spaces.grid import tasks_of
from trainables.data.hub import DEMO, HUB, RELEASES
from trainables.data.repositories import check_repositories
from trainables.ledger.paths import expanded
from trainables.ledger.plan import Plan
from trainables.ledger.recipe import MLM
from trainables.ledger.store import Store
from trainables.tasks import registry


def check_start(config: SweepConfig, plan: Plan, store: Store) -> None:
    """Raise as `check_encoder` does where the encoder is not good for the runs that the store lacks."""
    recorded = set(store.run_ids())
    missing = [node.spec for run_id, node in plan.nodes.items() if run_id not in recorded]
    check_encoder(config.encoder.name, config.encoder.revision, missing)


def check_data(config: SweepConfig, tasks: Iterable[str] = ()) -> None:
    """Raise MissingDataError for a folder of data that holds nothing of the tasks, or else of the tasks of the grid.

    Official releases of these tasks that lie elsewhere are data, too.
    """
    if config.data.source in (HUB, DEMO):
        return
    read = [name for name in tasks or tasks_of(config.grid) if not registry.is_own(name)]
    if not read:
        return
    wanted = repositories(read, config.data.repositories)
    if any(RELEASES[option].repository in wanted for option in config.data.raw.folders):
        return
    check_repositories(expanded(config.data.source), wanted)


def repositories(tasks: Iterable[str], preferences: Mapping[str, str]) -> tuple[str, ...]:
    """Every repository that these tasks are read from, in order, by the user's preferences; MLM has a stand-in."""
    found: dict[str, None] = {}
    for name in tasks:
        task = registry.task(name)
        for preference in task.sources if name == MLM else (preferences.get(name, ""),):
            for split, codes in task.languages.items():
                files = [file for code in codes for file in task.files(split, code, preference)]
                found |= {file.repository: None for file in files}
    return tuple(found)
