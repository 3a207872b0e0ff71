"""The plan: cells of the grid -> runs -> a graph of nodes. Work that cells share is one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from search_spaces import resolve
from search_spaces.config import SweepConfig
from search_spaces.encoders import EncoderSize, encoder_size
from search_spaces.fields import mixture_members, target_names
from search_spaces.grid import cells
from sweep.graph.capacity import Machine
from sweep.planning.at_hand import AtHand, NoRowsError
from sweep.planning.controls import Amount, english_controls
from sweep.planning.cost import Costs
from sweep.planning.footprint import Texts, footprint_of, texts_of
from sweep.planning.language_adapters import Swapped, language_of_first, why_not_swapped
from sweep.planning.machines import this_machine
from sweep.planning.memory import need_of
from sweep.planning.own_tasks import carry_own
from sweep.planning.row_counts import RowCounts
from sweep.planning.shares import share_here, share_of
from sweep.planning.start import check_data
from sweep.planning.work import work_of
from trainables.data.hub import open_data
from trainables.data.source import DataSource
from trainables.ledger.cells import MULTI_TASK, Cell, Row
from trainables.ledger.plan import Footprint, Node, Plan, Share
from trainables.ledger.recipe import MLM, Recipe, Stage, recipe_of
from trainables.ledger.spec import DataRef, EncoderRef, MlmSettings, Phase, RunSpec
from trainables.tasks import registry
from trainables.tasks.task import Source, Task


def build_plan(
    config: SweepConfig,
    data: DataSource | None = None,
    *,
    rows: RowCounts | None = None,
    machines: Sequence[Machine] = (),
    costs: Costs | None = None,
) -> Plan:
    """The graph of runs that fills the grid, parents before children.

    `costs` says what runs take; not given, the machine is assumed (`costs_of` asks the store and the rates file).
    A cell whose rows are missing goes to `without_data` with the reason; stand-ins and single missing languages go to
    the notes. `rows` is what counts rows, for a caller who wants to know where the counts come from. `machines` are
    those of the cluster where they are known: shares are as taken there. Raises ValueError for settings that no run can
    have, DataError for data that cannot be opened.
    """
    return _planner(config, data, costs, rows, machines).plan()


def build_phase_plan(
    config: SweepConfig, phase: Phase, data: DataSource | None = None, *, costs: Costs | None = None
) -> tuple[Plan, tuple[str, ...]]:
    """The runs of one phase of the grid, without cells, and why others of that phase cannot be computed.

    Intermediate runs need no rows of a target. Raises as `build_plan` does.
    """
    return _planner(config, data, costs).plan_of(phase)


def data_of(config: SweepConfig) -> DataSource:
    """The data that the runs of a sweep read; raises DataError where it cannot be opened or holds nothing of them."""
    data = open_data(config.data.source, config.data.raw.folders)
    check_data(config)
    return data


def _planner(
    config: SweepConfig,
    data: DataSource | None,
    costs: Costs | None,
    rows: RowCounts | None = None,
    machines: Sequence[Machine] = (),
) -> _Planner:
    opened = data or data_of(config)
    notes = carry_own(config, opened)
    if not machines and not config.cluster.address:
        machines = [this_machine()]
    planner = _Planner(config, opened, rows or RowCounts(opened), machines, costs or Costs())
    planner.notes |= dict.fromkeys(notes)
    return planner


def _definitions(tasks: Sequence[Task]) -> dict[str, str]:
    """Of those that are one's own."""
    return {task.name: task.definition for task in tasks if task.definition}


class _Planner:
    """State of one planning: runs made so far, why others cannot be, and notes."""

    def __init__(
        self, config: SweepConfig, data: DataSource, rows: RowCounts, machines: Sequence[Machine], costs: Costs
    ) -> None:
        self.config = config
        self.data = data
        self.costs = costs
        self.nodes: dict[str, Node] = {}
        self.notes: dict[str, None] = {}
        self._at_hand = AtHand(config, data, rows, self._note)
        self._recipes: dict[Row, Recipe] = {}
        self._encoders: dict[tuple[str, int], str | NoRowsError] = {}
        self._rows_of: dict[str, Row] = {}
        self._children: dict[tuple[str, tuple[str, ...], int], str] = {}
        self._measured: dict[str, tuple[str, ...] | NoRowsError] = {}
        self._texts: dict[str, tuple[Texts, bool]] = {}
        self._steps: dict[str, int] = {}
        self._abroad: dict[Recipe, Amount] = {}
        self._machines = machines
        self._swapped = Swapped()

    def plan(self) -> Plan:
        found, without = self._of_cells(self._run_of)
        if controls := english_controls(self._abroad, {str(cell.row) for cell in (*found, *without)}):
            self._note(controls)
        for remark in self._swapped.notes() if self.config.target.language_adapters else ():
            self._note(remark)
        self._at_hand.note_stand_ins()
        return Plan(nodes=self._in_order(), cells=found, without_data=without, notes=tuple(self.notes))

    def plan_of(self, phase: Phase) -> tuple[Plan, tuple[str, ...]]:
        found, without = self._of_cells(self._parent_of if phase is Phase.INTERMEDIATE else self._run_of)
        self._at_hand.note_stand_ins()
        asked = [self.nodes[run_id] for run_id in dict.fromkeys(found.values()) if run_id]
        needed = {node.run_id for each in asked for node in (each, *self._upstream(each.spec))}
        nodes = {id_: node for id_, node in self.nodes.items() if id_ in needed and node.spec.phase is phase}
        return Plan(nodes=nodes, cells={}, notes=tuple(self.notes)), tuple(dict.fromkeys(without.values()))

    @cached_property
    def encoder(self) -> EncoderRef:
        """What all runs start from."""
        return resolve.encoder_ref(self.config)

    @cached_property
    def size(self) -> EncoderSize:
        """Geometry of the encoder."""
        return encoder_size(self.config.encoder.name, self.config.encoder.revision)

    def _of_cells(self, run: Callable[[Cell], str]) -> tuple[dict[Cell, str], dict[Cell, str]]:
        """Id of the run that each cell has, and for those that have none the reason."""
        grid = self.config.grid
        found: dict[Cell, str] = {}
        without: dict[Cell, str] = {}
        for cell in cells(grid.intermediates, grid.mlm, grid.targets, grid.seeds):
            try:
                found[cell] = run(cell)
            except NoRowsError as error:
                without[cell] = str(error)
        return found, without

    def _in_order(self) -> dict[str, Node]:
        """Intermediate runs that a cell needs, earlier stages first, then the runs that start from them."""
        rest = {id_: node for id_, node in self.nodes.items() if node.spec.phase is not Phase.INTERMEDIATE}
        needed = {ancestor.run_id for node in rest.values() for ancestor in self._upstream(node.spec)}
        first = {id_: node for id_, node in self.nodes.items() if id_ in needed}
        return first | rest

    def _ancestors(self, spec: RunSpec) -> list[Node]:
        """The runs that made the encoder that a run starts from, the last stage first."""
        found = []
        while spec.parent:
            found.append(self.nodes[spec.parent])
            spec = found[-1].spec
        return found

    def _upstream(self, spec: RunSpec) -> list[Node]:
        """Its ancestors, and the runs of other languages' adapters that it is measured with."""
        return [*self._ancestors(spec), *(self.nodes[run_id] for run_id in spec.swaps.values())]

    def _run_of(self, cell: Cell) -> str:
        measured = self._tasks_measured_with(cell.target)
        parent = self._parent_of(cell)
        key = (parent, measured, cell.seed)
        if key not in self._children:
            self._children[key] = self._child(cell, measured, parent)
        return self._children[key]

    def _child(self, cell: Cell, measured: tuple[str, ...], parent: str) -> str:
        tasks = [registry.task(name) for name in measured]
        trains = tasks[0].trains
        languages = resolve.target_languages(self.config, measured) if trains else ()
        cap = self.config.data.train_rows if trains else 0
        method = resolve.target_method(self.config)
        trained = resolve.for_method(resolve.target_optimisation(self.config, measured), method) if trains else None
        spec = RunSpec(
            phase=Phase.TARGET if trains else Phase.RETRIEVAL,
            tasks=measured,
            encoder=self.encoder,
            data=self._data(self._at_hand.sources(tasks, languages), cap, languages, self._at_hand.restriction(tasks)),
            seed=cell.seed,
            parent=parent,
            optimisation=trained,
            retrieval=None if trains else resolve.retrieval(self.config),
            method=method if trains else None,
            definitions=_definitions(tasks),
        )
        spec = replace(spec, swaps=self._swaps(cell, spec))
        rows = {measured[0]: self._at_hand.train_rows(tasks[0], languages, cap)} if trains else {}
        name = f"{cell.row} -> {','.join(measured)} #{cell.seed}"
        node = self._node(spec, name, cell.row, measured, rows)
        return self._add(node)

    def _swaps(self, cell: Cell, spec: RunSpec) -> dict[str, str]:
        """Language -> run whose adapters of it this run is to predict it with, which comes into the plan."""
        stages = [node.spec for node in reversed(self._ancestors(spec))]
        own = language_of_first(stages)
        if not own or not self.config.target.language_adapters:
            return {}
        if why := why_not_swapped(spec, stages):
            self._swapped.keeps(cell, why)
            return {}
        first = self._recipes[cell.row].stages[0]
        found = {}
        for code in self._at_hand.evaluated([registry.task(name) for name in spec.tasks]):
            if code == own:
                continue
            if not self._at_hand.has_text(code):
                self._swapped.absent[str(first)][code] = None
                continue
            found[code] = self._encoder_of(Recipe(stages=(replace(first, languages=(code,)),)), cell.seed)
            self._swapped.languages[str(first)][code] = None
        return found

    def _parent_of(self, cell: Cell) -> str:
        """Id of the run that the cell's row starts from; empty for the baseline."""
        if cell.row not in self._recipes:
            self._recipes[cell.row] = recipe_of(cell.row)
        if not (recipe := self._recipes[cell.row]).stages:
            return ""
        run_id = self._encoder_of(recipe, cell.seed)
        row = self._rows_of.setdefault(run_id, cell.row)
        if row != cell.row:
            raise NoRowsError(f"with these caps and languages {cell.row} is the same run as {row}; leave one out")
        if self.nodes[run_id].row != row:
            self._add(replace(self.nodes[run_id], row=row, name=f"{row} #{cell.seed}"))
        return run_id

    def _encoder_of(self, recipe: Recipe, seed: int) -> str:
        """Id of the run of the last stage of a recipe; raises NoRowsError."""
        key = (str(recipe), seed)
        if key not in self._encoders:
            try:
                self._encoders[key] = self._encoder_run(recipe, seed)
            except NoRowsError as error:
                self._encoders[key] = error
        found = self._encoders[key]
        if isinstance(found, NoRowsError):
            raise found
        return found

    def _encoder_run(self, recipe: Recipe, seed: int) -> str:
        *before, stage = recipe.stages
        parent = self._encoder_of(Recipe(stages=tuple(before)), seed) if before else ""
        members = self._members(stage)
        tasks = [registry.task(name) for name in members if name != MLM]
        languages = () if stage.is_mlm_alone else stage.languages
        text = self._text(stage)
        sources = [source for task in tasks for source in self._at_hand.training_sources(task, languages)]
        cap = resolve.train_rows(self.config, stage)
        mlm = self._mlm(text, len(tasks))
        trained = resolve.intermediate_optimisation(self.config, stage.task, members, mlm=mlm is not None)
        spec = RunSpec(
            phase=Phase.INTERMEDIATE,
            tasks=members,
            encoder=self.encoder,
            data=self._data([*sources, *(each for files in text.values() for each in files)], cap, languages),
            seed=seed,
            parent=parent,
            optimisation=resolve.for_method(trained, stage.method),
            mlm=mlm,
            steps=stage.steps,
            method=stage.method,
            definitions=_definitions(tasks),
        )
        if spec.run_id in self.nodes:  # another recipe comes to the same, with these caps and languages
            return spec.run_id
        rows = {task.name: self._at_hand.train_rows(task, languages, cap) for task in tasks}
        if mlm:
            rows[MLM] = self._at_hand.num_sentences(text, mlm.sentences)
        node = self._node(spec, f"{recipe} #{seed}", recipe.row, (stage.task,), rows)
        if languages and self._at_hand.is_counted(stage.task):
            own = min(rows[stage.task], cap) if cap else rows[stage.task]
            self._abroad[recipe] = Amount(rows=own, steps=self._steps[spec.run_id])
        return self._add(node)

    def _text(self, stage: Stage) -> Mapping[str, tuple[Source, ...]]:
        """Language -> the text of the MLM of a stage; nothing where it has none."""
        if stage.is_mlm_alone:
            return self._at_hand.mlm_text(stage.languages)
        return self._at_hand.mlm_text(stage.mlm_languages) if stage.mlm else {}

    def _mlm(self, text: Mapping[str, tuple[Source, ...]], num_tasks: int) -> MlmSettings | None:
        return resolve.mlm_settings(self.config, tuple(text), num_tasks) if text else None

    def _data(
        self, sources: Sequence[Source], cap: int, trained: tuple[str, ...], measured: tuple[str, ...] = ()
    ) -> DataRef:
        """The rows of a run, from these files, in the languages that train it and those that it measures."""
        return DataRef(
            source=self.data.kind,
            fingerprint=self._at_hand.fingerprint(sources),
            train_rows=cap,
            eval_rows=self.config.data.eval_rows,
            languages=measured,
            train_languages=trained,
        )

    def _members(self, stage: Stage) -> tuple[str, ...]:
        """Tasks an intermediate run trains on; the mixture leaves out members without rows, and says so."""
        if stage.is_mlm_alone:
            return (MLM,)
        if stage.task != MULTI_TASK:
            if problems := self._at_hand.missing(stage.task, stage.languages):
                raise NoRowsError("; ".join(problems))
            return (stage.task,)
        absent = {name: problems for name in mixture_members() if (problems := self._at_hand.missing(name))}
        members = tuple(name for name in mixture_members() if name not in absent)
        for name, problems in absent.items():
            self._note(f"{MULTI_TASK}: trained without {name} ({'; '.join(problems)})")
        if len(members) < 2:
            raise NoRowsError(f"{MULTI_TASK}: fewer than two of its tasks have rows")
        return members

    def _tasks_measured_with(self, target: str) -> tuple[str, ...]:
        """The target and all others that its fine-tuning can be measured on; raises NoRowsError."""
        if target not in self._measured:
            try:
                self._measured[target] = self._find_measured(target)
            except NoRowsError as error:
                self._measured[target] = error
        found = self._measured[target]
        if isinstance(found, NoRowsError):
            raise found
        return found

    def _find_measured(self, target: str) -> tuple[str, ...]:
        if problem := self._why_not_measured(target):
            raise NoRowsError(problem)
        task = registry.task(target)
        if not task.trains:
            return (target,)
        group = [name for name in target_names() if registry.task(name).fine_tuning == task.fine_tuning]
        return tuple(name for name in group if not self._why_not_measured(name))

    def _why_not_measured(self, target: str) -> str:
        trains = registry.task(target).trains
        return self._at_hand.why_not_measured(target, resolve.target_languages(self.config, [target]) if trains else ())

    def _node(self, spec: RunSpec, name: str, row: Row, tasks: Sequence[str], rows: Mapping[str, int]) -> Node:
        measured = () if spec.phase is Phase.INTERMEDIATE else spec.tasks
        evaluated = {name: self._at_hand.num_evaluated(registry.task(name)) for name in measured}
        share = self._share(spec, tasks, rows, evaluated)
        after_mlm = any(ancestor.spec.mlm for ancestor in self._ancestors(spec))
        work = work_of(spec, self.size, rows=rows, evaluated=evaluated, after_mlm=after_mlm)
        self._steps[spec.run_id] = round(work.steps)
        cost = self.costs.estimate(spec, work, share, self.config.cluster.threads)
        footprint = self._footprint(spec, rows, evaluated, cost.seconds)
        return Node(
            spec=spec, name=name, row=row, cost=cost.seconds, share=share, footprint=footprint,
            cost_low=cost.low, cost_high=cost.high, stages=cost.stages,
        )  # fmt: skip

    def _footprint(
        self, spec: RunSpec, rows: Mapping[str, int], evaluated: Mapping[str, int], seconds: float
    ) -> Footprint:
        """What a run takes on disk, which depends on what its parent has changed of the embedding."""
        before, was_whole = self._texts.get(spec.parent, ({}, False))
        engine, own = self.config.engine, texts_of(spec, rows)
        texts = {name: before.get(name, 0.0) + own.get(name, 0.0) for name in {**before, **own}}
        is_whole = was_whole or spec.mlm is not None or not engine.trim_vocabulary or not engine.store_deltas
        self._texts[spec.run_id] = (before, was_whole) if spec.method else (texts, is_whole)
        return footprint_of(
            spec, self.size, self.config, texts=texts, is_whole=is_whole, seconds=seconds, evaluated=evaluated
        )

    def _add(self, node: Node) -> str:
        self.nodes[node.run_id] = node
        return node.run_id

    def _share(
        self, spec: RunSpec, tasks: Sequence[str], rows: Mapping[str, int], evaluated: Mapping[str, int]
    ) -> Share:
        cluster = self.config.cluster
        need = need_of(spec, self.size, self.config.engine, texts=texts_of(spec, rows), evaluated=evaluated)
        share = share_of(cluster, spec.phase, tasks, need)
        return share_here(share, self._machines, need) if self._machines else share

    def _note(self, text: str) -> None:
        self.notes[text] = None
