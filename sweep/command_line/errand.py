"""Errand: what is to be fetched for a sweep, found out before anything is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from search_spaces.config import SweepConfig
from search_spaces.encoder_check import check_encoder
from search_spaces.grid import tasks_of
from sweep.command_line.setup import configured
from sweep.planning.needs import sources_of
from sweep.planning.planner import build_plan
from sweep.planning.start import check_data
from sweep.terminal.wording import how_many
from trainables.data.fetched import read_manifest
from trainables.data.fetching import Without, wanted_rows
from trainables.data.hub import HUB, DataSource, open_data
from trainables.data.hub_files import hub_licence
from trainables.data.licences import licence_of
from trainables.data.own_files import FILES
from trainables.data.wanted import Wanted
from trainables.ledger.paths import expanded, writable_folder
from trainables.ledger.plain import plain
from trainables.ledger.plan import Plan
from trainables.model.fetching import WantedEncoder, wanted_encoder
from trainables.tasks import registry
from trainables.tasks.language_modeling import WIKIPEDIA
from trainables.tasks.task import Source, Split, Task


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What is to be fetched, and for which sweep.

    Attributes:
        config: of the sweep.
        plan: its runs, with the rows where they are now.
        rows: files of rows.
        encoder: what all runs start from.
        licences: by repository, as the hub states them; empty where it is not asked.
        folder: where all goes.
    """

    config: SweepConfig
    plan: Plan
    rows: Sequence[Wanted]
    encoder: WantedEncoder
    licences: Mapping[str, str]
    folder: Path

    @property
    def files(self) -> list[Wanted]:
        """All files, small ones first."""
        return sorted([*self.rows, *self.encoder.files], key=lambda each: each.num_bytes)

    def licence(self, wanted: Wanted) -> str:
        """What is known of the licence of a file."""
        if wanted in self.encoder.files:
            return self.encoder.licence or "not known here"
        return licence_of(wanted.repository, wanted.config) or self.licences.get(wanted.repository) or "not known here"


def errand_of(given: argparse.Namespace, console: Console) -> Errand:
    """Find out what the sweep of these options needs; notes and cells without data are said.

    Raises ValueError for a sweep that cannot be or has no data, and whatever says that rows or encoder cannot be had.
    """
    folder = _folder(given.out)
    config = configured(given, console)
    data: DataSource = open_data(config.data.source, config.data.raw.folders)
    check_data(config)
    if given.stand_ins:
        data = Without(data, WIKIPEDIA)
    own = [registry.task(name) for name in filter(registry.is_own, tasks_of(config.grid))]
    plan = build_plan(config, data)
    for line in (*(f"note: {note}" for note in plan.notes), *_without_data(plan)):
        console.print(Text(plain(line)))
    if not plan.nodes:
        raise ValueError("no cell of this sweep has data, so there is nothing to fetch")
    check_encoder(config.encoder.name, config.encoder.revision, [node.spec for node in plan.nodes.values()])
    encoder = wanted_encoder(config.encoder.name, config.encoder.revision)
    _check_same_encoder(encoder, folder)
    sources = [*sources_of(plan, data, config.data.repositories), *_sources_of(own, data)]
    if data.kind == HUB:
        configs = {(source.repository, source.config) for source in sources}
        console.print(Text(f"asking the hub for the files of {len(configs)} configurations", style="dim"))
    rows = wanted_rows(sources, data)
    commits = {each.repository: each.revision for each in rows if each.revision}
    licences = {name: hub_licence(name, commit) for name, commit in commits.items()}
    return Errand(config=config, plan=plan, rows=rows, encoder=encoder, licences=licences, folder=folder)


def _folder(out: Path) -> Path:
    try:
        return expanded(writable_folder(str(out))).resolve()
    except ValueError as error:
        raise ValueError(f"--out {plain(str(out))}: {error}") from error


def _sources_of(own: Sequence[Task], data: DataSource) -> Iterator[Source]:
    """The files of the hub that tasks of one's own are read from; those of files beside their YAML are there."""
    for task in own:
        places = ((split, code) for split in Split for code in task.languages_of(split))
        sources = (source for split, code in places for source in task.files(split, code))
        yield from (each for each in sources if each.repository != FILES and data.has(each))


def _without_data(plan: Plan) -> list[str]:
    reasons = list(plan.without_data.values())
    return [f"no data for {how_many(reasons.count(reason), 'cell')}: {reason}" for reason in dict.fromkeys(reasons)]


def _check_same_encoder(encoder: WantedEncoder, folder: Path) -> None:
    """Raise ValueError where another encoder of the same name was fetched before: it would be replaced in part."""
    known = read_manifest(folder).files
    for each in encoder.files:
        if each.path in known and known[each.path].made_from != each.made_from():
            raise ValueError(
                f"{folder / encoder.path} holds another encoder, fetched before: {each.path} differs. Give another "
                "--out, or remove that folder"
            )
