"""The plan: cells of the grid -> runs -> a graph of nodes. Work that cells share is one run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from search_spaces import resolve
from search_spaces.config import SweepConfig
from search_spaces.encoders import EncoderSize, encoder_size
from search_spaces.fields import mixture_members, target_names
from search_spaces.grid import cells
from sweep.graph.capacity import Machine
from sweep.planning.cost import Costs
from sweep.planning.footprint import Texts, footprint_of, texts_of
from sweep.planning.machines import this_machine
from sweep.planning.memory import need_of
from sweep.planning.row_counts import RowCounts
from sweep.planning.rows import num_rows
from sweep.planning.shares import share_here, share_of
from sweep.planning.start import check_data
from sweep.planning.work import work_of
from trainables.data.hub import open_data
from trainables.data.mlm import missing_mlm, mlm_sources
from trainables.data.reading import EVALUATED
from trainables.data.source import DataSource
from trainables.ledger.cells import BASELINE, MULTI_TASK, Cell, Row
from trainables.ledger.plan import Footprint, Node, Plan, Share
from trainables.ledger.spec import DataRef, EncoderRef, Phase, RunSpec
from trainables.tasks import registry
from trainables.tasks.language_modeling import STAND_IN
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Source, Split, Task

_SENTENCES_PER_ARTICLE = 20
"""Of Wikipedia, for the cost only."""


class NoRowsError(ValueError):
    """Rows that a run needs are not there; its cells go without."""


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
    if not machines and not config.cluster.address:
        machines = [this_machine()]
    return _Planner(config, opened, rows or RowCounts(opened), machines, costs or Costs())


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
        self._parents: dict[tuple[str, bool, int], str | NoRowsError] = {}
        self._children: dict[tuple[str, tuple[str, ...], int], str] = {}
        self._measured: dict[str, tuple[str, ...] | NoRowsError] = {}
        self._fingerprints: dict[tuple[str, ...], str] = {}
        self._rows: dict[str, int] = {}
        self._evaluated: dict[str, int] = {}
        self._texts: dict[str, tuple[Texts, bool]] = {}
        self._problems: dict[str, str] = {}
        self._sentences = 0
        self._counts = rows
        self._machines = machines

    def plan(self) -> Plan:
        found, without = self._of_cells(self._run_of)
        return Plan(nodes=self._in_order(), cells=found, without_data=without, notes=tuple(self.notes))

    def plan_of(self, phase: Phase) -> tuple[Plan, tuple[str, ...]]:
        _, without = self._of_cells(self._parent_of if phase is Phase.INTERMEDIATE else self._run_of)
        nodes = {id_: node for id_, node in self.nodes.items() if node.spec.phase is phase}
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
        """Intermediate runs that a cell needs, then the runs that start from them."""
        needed = {parent for node in self.nodes.values() for parent in node.parents}
        first = {id_: node for id_, node in self.nodes.items() if id_ in needed}
        rest = {id_: node for id_, node in self.nodes.items() if node.spec.phase is not Phase.INTERMEDIATE}
        return first | rest

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
        spec = RunSpec(
            phase=Phase.TARGET if trains else Phase.RETRIEVAL,
            tasks=measured,
            encoder=self.encoder,
            data=DataRef(
                source=self.data.kind,
                fingerprint=self._fingerprint(self._sources(tasks)),
                train_rows=self.config.data.train_rows if trains else 0,
                eval_rows=self.config.data.eval_rows,
                languages=self._restriction(tasks),
            ),
            seed=cell.seed,
            parent=parent,
            optimisation=resolve.target_optimisation(self.config, measured) if trains else None,
            retrieval=None if trains else resolve.retrieval(self.config),
        )
        rows = {measured[0]: self._train_rows(tasks[0])} if trains else {}
        name = f"{cell.row} -> {','.join(measured)} #{cell.seed}"
        node = self._node(spec, name, cell.row, measured, rows)
        return self._add(node)

    def _parent_of(self, cell: Cell) -> str:
        """Id of the run that the cell's row starts from; empty for the baseline."""
        if cell.intermediate == BASELINE:
            return ""
        key = (cell.intermediate, cell.mlm, cell.seed)
        if key not in self._parents:
            try:
                self._parents[key] = self._encoder_run(cell)
            except NoRowsError as error:
                self._parents[key] = error
        found = self._parents[key]
        if isinstance(found, NoRowsError):
            raise found
        return found

    def _encoder_run(self, cell: Cell) -> str:
        members = self._members(cell.intermediate)
        if cell.mlm and not self._mlm_text:
            raise NoRowsError("MLM: no text in any language")
        tasks = [registry.task(name) for name in members]
        sources = [source for task in tasks for source in self._training_sources(task)]
        text = [source for sources in self._mlm_text.values() for source in sources] if cell.mlm else []
        spec = RunSpec(
            phase=Phase.INTERMEDIATE,
            tasks=members,
            encoder=self.encoder,
            data=DataRef(
                source=self.data.kind,
                fingerprint=self._fingerprint([*sources, *text]),
                train_rows=self.config.data.train_rows,
                eval_rows=self.config.data.eval_rows,
            ),
            seed=cell.seed,
            optimisation=resolve.intermediate_optimisation(self.config, cell.intermediate, members, mlm=cell.mlm),
            mlm=resolve.mlm_settings(self.config, tuple(self._mlm_text), len(members)) if cell.mlm else None,
        )
        rows = {task.name: self._train_rows(task) for task in tasks}
        if spec.mlm:
            rows[resolve.MLM_TASK] = self._num_sentences(text, spec.mlm.sentences)
        return self._add(self._node(spec, f"{cell.row} #{cell.seed}", cell.row, (cell.intermediate,), rows))

    def _members(self, row: str) -> tuple[str, ...]:
        """Tasks an intermediate run trains on; the mixture leaves out members without rows, and says so."""
        if row != MULTI_TASK:
            if problems := self._missing(row):
                raise NoRowsError("; ".join(problems))
            return (row,)
        absent = {name: problems for name in mixture_members() if (problems := self._missing(name))}
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
        if problems := self._missing(target):
            return "; ".join(problems)
        task, asked = registry.task(target), self.config.data.languages
        known = _languages(task)
        if asked and not set(asked) & set(known):
            return f"{target} has none of the languages asked for ({', '.join(asked)}); it has {', '.join(known)}"
        absent = {split: self._absent(task, split) for split in EVALUATED}
        if not any(len(absent[split]) < len(self._asked(task, split)) for split in EVALUATED):
            return f"{target} has no rows to evaluate in {_some(self._asked(task))}: {self._first_problem(task)}"
        for split in EVALUATED:
            if absent[split]:
                self._note(f"{target}: no {split} rows for {_some(absent[split])}")
        return ""

    def _missing(self, name: str) -> list[str]:
        """Training and stopping files that are not there; a task cannot do without them."""
        task = registry.task(name)
        splits: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for split in (Split.TRAIN, Split.STOPPING):
            for language in task.languages.get(split, ()):
                for source in self._files(task, split, language):
                    if problem := self._problem(source):
                        splits[problem][split] = None
        return [f"{name} has no {' and '.join(of)} rows: {problem}" for problem, of in splits.items()]

    @cached_property
    def _mlm_text(self) -> Mapping[str, tuple[Source, ...]]:
        """Language -> the files of its text, for languages that have any."""
        asked = self.config.mlm.languages or registry.task(resolve.MLM_TASK).languages[Split.TRAIN]
        absent = missing_mlm(asked, self.data)
        held = {code: mlm_sources(code, self.data) for code in asked if code not in absent}
        if held and absent:
            self._note(f"MLM: no text in {', '.join(absent)}; their share goes to the other languages")
        stand_ins = [code for code, sources in held.items() if sources[0].repository == STAND_IN]
        if stand_ins:
            self._note(f"MLM: no Wikipedia for {_some(stand_ins)}; words of PAN-X stand in for it")
        return held

    def _asked(self, task: Task, split: Split | None = None) -> tuple[str, ...]:
        """Languages a task is to be evaluated in, in one split or in any."""
        asked, known = self.config.data.languages, task.languages.get(split, ()) if split else _languages(task)
        return tuple(code for code in known if not asked or code in asked)

    def _absent(self, task: Task, split: Split) -> list[str]:
        return [code for code in self._asked(task, split) if any(map(self._problem, self._files(task, split, code)))]

    def _first_problem(self, task: Task) -> str:
        """Why the first of a task's files that is to be evaluated cannot be used."""
        codes = ((split, code) for split in EVALUATED for code in self._asked(task, split))
        files = (file for split, code in codes for file in self._files(task, split, code))
        return next(filter(None, map(self._problem, files)), "")

    def _files(self, task: Task, split: Split, language: str) -> tuple[Source, ...]:
        return task.files(split, language, self.config.data.repositories.get(task.name, ""))

    def _restriction(self, tasks: Sequence[Task]) -> tuple[str, ...]:
        """Languages the runs of these tasks are restricted to; empty when the user's choice takes none away."""
        every = dict.fromkeys(code for task in tasks for code in _languages(task))
        asked = dict.fromkeys(code for task in tasks for code in self._asked(task))
        return () if set(asked) == set(every) else tuple(asked)

    def _sources(self, tasks: Sequence[Task]) -> list[Source]:
        """Every file a target or retrieval run reads; those of languages without rows are left out."""
        found: list[Source] = self._training_sources(tasks[0]) if tasks[0].trains else []
        for task in tasks:
            for split in EVALUATED:
                absent = self._absent(task, split)
                for code in self._asked(task, split):
                    found += () if code in absent else self._files(task, split, code)
        return found

    def _problem(self, source: Source) -> str:
        """Why a file cannot be used; each is looked at once."""
        if source.path not in self._problems:
            self._problems[source.path] = self.data.problem(source)
        return self._problems[source.path]

    def _training_sources(self, task: Task) -> list[Source]:
        return [*self._files(task, Split.TRAIN, ENGLISH), *self._files(task, Split.STOPPING, ENGLISH)]

    def _fingerprint(self, sources: Sequence[Source]) -> str:
        distinct = {source.path: source for source in sources}
        key = tuple(sorted(distinct))
        if key not in self._fingerprints:
            self._fingerprints[key] = self.data.fingerprint([distinct[path] for path in key])
        return self._fingerprints[key]

    def _train_rows(self, task: Task) -> int:
        """Training rows in the data, or the published number where they cannot be counted."""
        if task.name not in self._rows:
            files = self._files(task, Split.TRAIN, ENGLISH)
            self._rows[task.name] = self._counts.of(task, Split.TRAIN, ENGLISH, files)
        return self._rows[task.name]

    def _num_sentences(self, text: Sequence[Source], wanted: int) -> int:
        if not self._sentences:
            counts = [(num_rows([source], self.data), source.repository == STAND_IN) for source in text]
            found = sum(count if stand_in else count * _SENTENCES_PER_ARTICLE for count, stand_in in counts)
            self._sentences = found if found > 0 else wanted
        return min(self._sentences, wanted)

    def _node(self, spec: RunSpec, name: str, row: Row, tasks: Sequence[str], rows: Mapping[str, int]) -> Node:
        measured = () if spec.phase is Phase.INTERMEDIATE else spec.tasks
        evaluated = {name: self._num_evaluated(registry.task(name)) for name in measured}
        share = self._share(spec, tasks, rows, evaluated)
        parent = self.nodes.get(spec.parent)
        after_mlm = parent is not None and parent.spec.mlm is not None
        work = work_of(spec, self.size, rows=rows, evaluated=evaluated, after_mlm=after_mlm)
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
        self._texts[spec.run_id] = (texts, is_whole)
        return footprint_of(
            spec, self.size, self.config, texts=texts, is_whole=is_whole, seconds=seconds, evaluated=evaluated
        )

    def _num_evaluated(self, task: Task) -> int:
        """Rows of all languages and splits that a run of the task evaluates; where they cannot be counted, about."""
        if task.name not in self._evaluated:
            cap = self.config.data.eval_rows
            counts = [
                self._counts.of(task, split, code, self._files(task, split, code))
                for split in EVALUATED for code in self._asked(task, split) if code not in self._absent(task, split)
            ]  # fmt: skip
            self._evaluated[task.name] = sum(min(count, cap) if cap else count for count in counts)
        return self._evaluated[task.name]

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


def _languages(task: Task) -> tuple[str, ...]:
    """Languages a task is evaluated in, in its own order."""
    return tuple(dict.fromkeys([*task.languages.get(Split.TEST, ()), *task.languages.get(Split.DEV, ())]))


def _some(codes: Sequence[str]) -> str:
    """The codes, or how many when they are many."""
    return ", ".join(codes) if len(codes) <= 12 else f"{len(codes)} languages"
