"""Hparams: the runs of a sweep in the hparams view of TensorBoard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sweep.cluster.event_file import EventFile, tensorboardx
from sweep.cluster.parameters import Value
from sweep.graph.graph import Graph
from trainables.ledger.cells import Row
from trainables.ledger.spec import RunSpec

METRICS = {
    "selected": "dev figure, best",
    "selection": "dev figure, last",
    "train/loss": "training loss, last",
    "train/tokens_per_second": "sub-words a second, last",
    "peak_bytes": "peak memory, bytes",
    "time_total_s": "seconds",
}
"""Scalar -> its name as a column."""
_ALWAYS = ("tasks", "starts_from")
"""Columns of every sweep."""
_PLUGIN = "hparams"
_TAG = "_hparams_/{}"


class Hparams:
    """What the runs of a graph were given, beside the figures of each.

    Columns are the figures of `METRICS` and, of what runs are given, what differs within the plan or is searched.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def describe(self, folder: Path) -> None:
        """Write the columns, in place of those of an earlier start: TensorBoard takes the first that it finds."""
        proto = tensorboardx().proto.api_pb2
        hparams = [proto.HParamInfo(name=name, type=_type(value)) for name, value in self._columns().items()]
        metrics = [proto.MetricInfo(name=proto.MetricName(tag=tag), display_name=name) for tag, name in METRICS.items()]
        file = EventFile(folder, name="0.columns")
        _write(file, "experiment", experiment=proto.Experiment(hparam_infos=hparams, metric_infos=metrics))
        file.close()

    def begin(self, file: EventFile, run_id: str) -> None:
        """What a run was given."""
        given = self._given(run_id)
        start = tensorboardx().proto.plugin_hparams_pb2.SessionStartInfo(start_time_secs=time.time())
        for name, value in given.items():
            if isinstance(value, str):
                start.hparams[name].string_value = str(value)
            elif isinstance(value, bool):
                start.hparams[name].bool_value = value
            else:
                start.hparams[name].number_value = value
        _write(file, "session_start_info", session_start_info=start)

    def end(self, file: EventFile, *, is_good: bool) -> None:
        """How a run, or an attempt, has ended."""
        board = tensorboardx().proto
        status = board.api_pb2.Status.Value("STATUS_SUCCESS" if is_good else "STATUS_FAILURE")
        end = board.plugin_hparams_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
        _write(file, "session_end_info", session_end_info=end)

    def _given(self, run_id: str) -> dict[str, Value]:
        node = self._graph.plan.nodes[self._graph.node_of(run_id)]
        return hparams_of(self._graph.runs[run_id].spec, node.row)

    def _columns(self) -> dict[str, Value]:
        """Name of every column -> one of its values."""
        nodes = self._graph.plan.nodes.values()
        searched = {name for node in nodes if node.is_searched for name in node.space}
        found = [hparams_of(node.spec, node.row) for node in nodes]
        columns: dict[str, Value] = {}
        for name in dict.fromkeys(name for each in found for name in each):
            values = {each.get(name) for each in found}
            if name in _ALWAYS or name in searched or len(values) > 1:
                columns[name] = next(each[name] for each in found if name in each)
        return columns


def hparams_of(spec: RunSpec, row: Row) -> dict[str, Value]:
    """The settings of a run by the names that they have in the configuration and in ranges; `row` says where from."""
    found: dict[str, Value] = {
        "phase": str(spec.phase),
        "tasks": ",".join(spec.tasks),
        "starts_from": str(row) if spec.parent else "pretrained",
        "mlm": spec.mlm is not None,
        "seed": spec.seed,
    }
    for part in (spec.optimisation, spec.mlm, spec.retrieval):
        if part is not None:
            found |= {name: value for name, value in vars(part).items() if isinstance(value, str | float | bool | int)}
    if spec.optimisation:
        own = {size for task, size in spec.optimisation.batch_sizes.items() if task in spec.tasks}
        found["batch_size"] = next(iter(own)) if len(own) == 1 else ",".join(map(str, sorted(own)))
    return found


def _type(value: Value) -> int:
    name = "STRING" if isinstance(value, str) else "BOOL" if isinstance(value, bool) else "FLOAT64"
    found: int = tensorboardx().proto.api_pb2.DataType.Value(f"DATA_TYPE_{name}")
    return found


def _write(file: EventFile, tag: str, **content: Any) -> None:
    data = tensorboardx().proto.plugin_hparams_pb2.HParamsPluginData(version=0, **content)
    file.write_plugin(_PLUGIN, _TAG.format(tag), data.SerializeToString())
