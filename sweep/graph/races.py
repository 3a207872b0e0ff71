"""Races across the grid: which nodes of the graph may open, which wait for a decision, which are not needed any more.

A race on a target has one round a seed; two where target runs are searched: when all contenders have half their trials,
and when they have their winner. A round is over when every contender that is left has what it asks for, or never will.
It is decided from exactly the runs that it asks for, so that a driver that is started again decides the same. Pure
state: no Ray, no torch. The statistics are `analysis.statistics.racing`.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum

from analysis.scores.lineage import seen_of_plan
from analysis.statistics.racing import decide, standing
from analysis.statistics.rows import RowReader, RowsError, points_of
from sweep.graph.course import Course, Round
from sweep.graph.graph import Graph
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.plan import Node, Plan
from trainables.ledger.race import Decision, RaceRecord, Rule, TargetRace
from trainables.ledger.spec import ID_DIGITS, Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store

log = logging.getLogger(__name__)


class Gate(StrEnum):
    """Whether a node may start, as far as races go."""

    OPEN = "open"
    """Some cell below it is wanted."""
    CLOSED = "closed"
    """That is not decided yet."""
    DROPPED = "dropped"
    """No cell below it is wanted any more."""


class Races:
    """The races of a plan, with their record in the store.

    `courses` are those of the plan, by target; `sampler` is that of its searches. Raises LedgerError for a record that
    cannot be read. A record of the same rule and seeds that compares the same runs stands; another is replaced, and all
    is decided again from the store.
    """

    def __init__(self, plan: Plan, courses: Mapping[str, Course], rule: Rule, sampler: str, store: Store) -> None:
        self._plan = plan
        self._courses = courses
        self._sampler = sampler
        self._store = store
        self._read = RowReader(store)
        self._cells = _cells_below(plan)
        seeds = tuple(dict.fromkeys(cell.seed for cell in plan.cells))
        fresh = RaceRecord(rule=rule, seeds=seeds, races=tuple(map(self._fresh, courses)), sweep=plan.sweep)
        kept = store.race()
        stands = kept is not None and _course_of(kept) == _course_of(fresh)
        self.record = _continued(kept, fresh) if kept and stands else fresh
        self._index()

    def gate(self, node_id: str) -> Gate:
        """Whether a node may start: the most that any cell below it asks for."""
        found = {self._gate(*cell) for cell in self._cells[node_id]}
        return next((gate for gate in (Gate.OPEN, Gate.CLOSED) if gate in found), Gate.DROPPED)

    def opens(self, node_id: str) -> bool:
        """Whether a node may start."""
        return self.gate(node_id) is Gate.OPEN

    def drops(self, node_id: str) -> bool:
        """Whether a node will never start."""
        return self.gate(node_id) is Gate.DROPPED

    def stops(self, node_id: str) -> bool:
        """Whether a node that has started needs no further trials."""
        return all(self._stops(*cell) for cell in self._cells[node_id])

    def advance(self, graph: Graph) -> bool:
        """Hold every round that is over; whether there was any. A full disk ends no race: `keep` is called again."""
        before = self.record
        races = tuple(self._advanced(race, graph) for race in before.races)
        if races == before.races:
            return False
        self.record = replace(before, races=races)
        self._index()
        try:
            self.keep(graph)
        except OSError as error:
            log.warning("cannot note what the race has decided in %s: %s", self._store, error)
        return True

    def keep(self, graph: Graph) -> None:
        """Write the record."""
        self.record = replace(self.record, saved=self._saved(graph))
        self._store.save_race(self.record)

    def _fresh(self, target: str) -> TargetRace:
        course = self._courses[target]
        why_none = f"no race: {course.why_none}" if course.why_none else ""
        return TargetRace(
            target=target, contenders=tuple(course.nodes), rounds=len(course.rounds), compared=self._compared(course),
            trials=course.trials, why_none=why_none,
        )  # fmt: skip

    def _compared(self, course: Course) -> str:
        """Digest of the configured runs by row and seed, and of how they and what they start from are searched."""

        def lineage(node_id: str) -> list[object]:
            node = self._plan.nodes[node_id]
            return [node_id, self._searched(node), *map(lineage, node.parents)]

        runs = {
            str(row): {seed: lineage(node_id) for seed, node_id in nodes.items()} for row, nodes in course.nodes.items()
        }
        return hashlib.sha256(json.dumps(runs, sort_keys=True).encode()).hexdigest()[:ID_DIGITS]

    def _searched(self, node: Node) -> list[object]:
        """Trials, sampler and ranges of a node that is searched."""
        if not node.is_searched:
            return []
        return [node.trials, self._sampler, {name: range_.to_dict() for name, range_ in node.space.items()}]

    def _index(self) -> None:
        self._dropped = self.record.decisions
        self._races = {race.target: race for race in self.record.races}

    def _gate(self, row: Row, target: str, seed: int) -> Gate:
        seeds, race = self.record.seeds, self._races[target]
        place = seeds.index(seed)
        if decision := self._dropped.get((row, target)):
            return Gate.DROPPED if place > seeds.index(decision.seed) else Gate.OPEN
        if race.why_none or not place:
            return Gate.OPEN
        last = max(number for number, each in enumerate(self._courses[target].rounds) if each.seed == seeds[place - 1])
        return Gate.OPEN if race.held > last else Gate.CLOSED

    def _stops(self, row: Row, target: str, seed: int) -> bool:
        decision, seeds = self._dropped.get((row, target)), self.record.seeds
        if not decision:
            return False
        return seeds.index(seed) > seeds.index(decision.seed) or (seed == decision.seed and decision.halfway)

    def _advanced(self, race: TargetRace, graph: Graph) -> TargetRace:
        course = self._courses[race.target]
        while not race.why_none and race.held < race.rounds:
            gone = {each.row for each in race.dropped}
            asked = course.rounds[race.held]
            nodes = [course.nodes[row][asked.seed] for row in race.contenders if row not in gone]
            after = replace(race, held=race.held + 1)
            settled = [node_id for node_id in nodes if _settled(graph, node_id, _half(course, asked))]
            if len(settled) < len(nodes):
                if after.held < race.rounds:
                    self._read_ahead([_found(graph, node_id, _half(course, asked)) for node_id in settled], race.target)
                break
            try:
                beaten = self._decided(after, course, graph) if after.held < race.rounds else []
            except ValueError as error:
                return replace(race, why_none=f"no {'further ' if race.held else ''}race: {error}")
            race = replace(after, dropped=(*race.dropped, *beaten))
        return race

    def _read_ahead(self, run_ids: Sequence[str], target: str) -> None:
        """Read rows while others compute, so that the end of a round holds nothing up."""
        for run_id in filter(None, run_ids):
            with suppress(RowsError):
                self._read(run_id, target)

    def _decided(self, race: TargetRace, course: Course, graph: Graph) -> list[Decision]:
        """Who is dropped after the last round that was held."""
        until = {each.row: each.dropped.round for each in race.dropped}
        runs, gone = {}, {str(row) for row in until}
        for row in race.contenders:
            asked = _asked(course.rounds[: min(race.held, until.get(row, race.held))])
            found = [_found(graph, course.nodes[row][each.seed], _half(course, each)) for each in asked]
            if not all(found):
                gone.add(str(row))
            if any(found):
                runs[str(row)] = [self._read(run_id, race.target) for run_id in found if run_id]
        if len(runs.keys() - gone) < 2:
            return []
        now = course.rounds[race.held - 1]
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        beaten = decide(
            standing(points_of(runs, self._seen(race))), target=race.target, round=race.held, rounds=race.rounds,
            gone=gone, rule=self.record.rule, baseline=BASELINE,
        )  # fmt: skip
        rows = {str(row): row for row in race.contenders}
        return [
            Decision(
                row=rows[each.contender],
                leader=rows[each.leader],
                dropped=each,
                seed=now.seed,
                halfway=now.halfway,
                at=at,
            )
            for each in beaten
        ]

    def _seen(self, race: TargetRace) -> frozenset[str]:
        """Languages whose labels the encoder of a contender has seen: all are raced on the others."""
        found = seen_of_plan(self._plan, race.target)
        return frozenset(code for cell, seen in found.items() if cell.row in race.contenders for code in seen.before)

    def _saved(self, graph: Graph) -> dict[str, int]:
        """Runs that are not needed any more, by phase: whole nodes, and trials of stopped ones."""
        saved = dict.fromkeys((phase.value for phase in Phase), 0)
        for node_id, node in self._plan.nodes.items():
            if node_id in graph.trials:
                tried = sum(trial.state is not State.RUNNING for trial in graph.trials[node_id].trials)
                saved[node.spec.phase.value] += node.trials - tried if node.is_searched and self.stops(node_id) else 0
            elif self.drops(node_id):
                saved[node.spec.phase.value] += node.trials
        return saved


def _cells_below(plan: Plan) -> dict[str, list[tuple[Row, str, int]]]:
    """Node id -> row, target and seed of the cells that it serves, itself or through what starts from it."""
    found: defaultdict[str, list[tuple[Row, str, int]]] = defaultdict(list)
    for cell, node_id in plan.cells.items():
        for served in (node_id, *plan.upstream(node_id)):
            found[served].append((cell.row, cell.target, cell.seed))
    return found


def _half(course: Course, asked: Round) -> int:
    """How many of the first trials count; 0: the whole search."""
    return -(-course.trials // 2) if asked.halfway else 0


def _asked(rounds: Sequence[Round]) -> list[Round]:
    """One round for each seed so far: the last of each."""
    return list({each.seed: each for each in rounds}.values())


def _settled(graph: Graph, node_id: str, half: int) -> bool:
    """Whether a node has what a round asks for, or never will."""
    if node_id in graph.blocked_by:
        return True
    found = graph.trials.get(node_id)
    if found is None:
        return False
    told = [trial.state is not State.RUNNING for trial in found.trials[:half]]
    return found.is_complete or (0 < half == sum(told))


def _found(graph: Graph, node_id: str, half: int) -> str:
    """The run of a node that a round compares: its winner, or the best of its first trials; empty if it has none."""
    found = graph.trials.get(node_id)
    if found is None:
        return ""
    if not half:
        return found.winner
    done = [trial for trial in found.trials[:half] if trial.value is not None]
    return max(done, key=lambda trial: (trial.value, -trial.number)).run_id if done else ""


def _course_of(record: RaceRecord) -> object:
    """What must agree for decisions to stand."""
    return record.rule, record.seeds, {race.target: race.compared for race in record.races}


def _continued(kept: RaceRecord, fresh: RaceRecord) -> RaceRecord:
    """A record whose races go on, those of a fresh one; rows that could not be read are tried again."""
    why_none = {race.target: race.why_none for race in fresh.races}
    races = tuple(replace(race, why_none=why_none[race.target]) for race in kept.races)
    return replace(kept, races=races, sweep=fresh.sweep)
