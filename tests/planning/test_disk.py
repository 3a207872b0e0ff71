"""How much disk a sweep takes, on paper: by hand, and against the events of the simulation replayed one by one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.config import ClusterFields, EngineFields
from search_spaces.encoders import EncoderSize
from search_spaces.presets import demo
from sweep.graph.capacity import Machine
from sweep.planning.disk import Forecast, forecast, later_is_better
from sweep.planning.distinct_words import distinct_words
from sweep.planning.footprint import footprint_of, tokenizer_bytes
from sweep.planning.outlook import look_at
from sweep.planning.planner import build_plan
from sweep.planning.retained import retention_of
from tests.made import graphs
from tests.made.leaving import sweep
from tests.made.retention import ROWS, grid
from tests.made.specs import RETRIEVAL
from trainables.ledger.artefacts import Keep
from trainables.ledger.plan import Footprint, Plan
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.ledger.usage import bytes_on_disk

MODEL, REST, WORK = 1000, 10, 300
SIZE = EncoderSize(num_layers=2, hidden=8, vocabulary=1000)


def sized(plan: Plan, model=MODEL, rest=REST, work=WORK) -> Plan:
    """Every run that trains leaves the same."""
    own = {Phase.RETRIEVAL: Footprint(rest=rest)}
    leaves = Footprint(model=model, rest=rest, work=work)
    nodes = {id_: replace(node, footprint=own.get(node.spec.phase, leaves)) for id_, node in plan.nodes.items()}
    return replace(plan, nodes=nodes)


def on_paper(plan, store, keep, cpus=1, **settings) -> Forecast:
    machine = Machine(name="here", cpus=cpus)
    return forecast(look_at(plan, store), store, keep, [machine], parallel=4, max_concurrent=0, **settings)


@pytest.fixture
def nowhere(tmp_path):
    """A store that is not there yet."""
    return Store(tmp_path / "nowhere")


# by hand


def test_one_run_after_another(nowhere):
    """Two encoders, then a target of each: an encoder goes with its target, a model when the next is better."""
    plan = sized(graphs.fan(["squad", "qqp"], ["xnli"]))
    found = on_paper(plan, nowhere, Keep.SELECTED)
    assert (found.held, found.end) == (0, MODEL + 4 * REST)
    # the last run ends: its parent's encoder, the model before it, its own, and its checkpoint, which goes last
    assert found.peak == 3 * MODEL + 4 * REST + WORK


def test_all_is_the_sum_and_none_is_what_runs(nowhere):
    plan = sized(graphs.fan(["squad"], ["xnli", "udpos"]))
    every = on_paper(plan, nowhere, Keep.ALL)
    assert (every.peak, every.end) == (3 * MODEL + 3 * REST + WORK, 3 * MODEL + 3 * REST)
    none = on_paper(sized(plan, model=0), nowhere, Keep.NONE)
    assert (none.peak, none.end) == (3 * REST + WORK, 3 * REST)


def test_runs_side_by_side_have_their_checkpoints_at_once(nowhere):
    plan = sized(Plan(nodes={n.run_id: n for n in map(graphs.node, ["squad", "qqp", "ccg"])}, cells={}))
    assert on_paper(plan, nowhere, Keep.ALL, cpus=1).peak == 3 * MODEL + 3 * REST + WORK
    assert on_paper(plan, nowhere, Keep.ALL, cpus=3).peak == 3 * MODEL + 3 * REST + WORK
    assert on_paper(sized(plan, work=9 * MODEL), nowhere, Keep.ALL, cpus=3).peak == 27 * MODEL + MODEL + REST


def test_the_next_checkpoint_is_written_beside_the_last_by_so_many_runs_at_a_time(nowhere):
    plan = sized(Plan(nodes={n.run_id: n for n in map(graphs.node, ["squad", "qqp", "ccg"])}, cells={}), work=9 * MODEL)
    for writers, most in ((0, 3), (1, 4), (2, 5), (9, 6)):
        # the first run that ends leaves its model before its checkpoint goes
        assert on_paper(plan, nowhere, Keep.ALL, cpus=3, writers=writers).peak == most * 9 * MODEL + MODEL + REST


def test_of_a_search_the_best_so_far_stays(nowhere):
    """Eight trials, four at a time; the end of one comes before what it loses against goes."""
    plan = sized(graphs.searched(graphs.fan(["squad"], []), graphs.fields(intermediate=8)), work=0)
    found = on_paper(plan, nowhere, Keep.SELECTED)
    assert (found.peak, found.end) == (2 * MODEL + 8 * REST, MODEL + 8 * REST)


def test_the_tokenizer_counts_once_in_a_store(nowhere):
    plan = sized(graphs.fan(["squad"], ["xnli"]))
    assert on_paper(plan, nowhere, Keep.ALL, once=70).end == 2 * MODEL + 2 * REST + 70
    assert on_paper(sized(plan, model=0), nowhere, Keep.ALL, once=70).end == 2 * REST
    nowhere.tokenizers.mkdir(parents=True)
    assert on_paper(plan, nowhere, Keep.ALL, once=70).end == 2 * MODEL + 2 * REST + bytes_on_disk(nowhere.root)


# what is there already


def test_what_the_store_holds_is_counted_and_what_will_go_is_taken_off(store):
    plan = sized(graphs.fan(["squad"], ["xnli", "udpos"]))
    sweep(plan, store, Keep.ALL)
    held = bytes_on_disk(store.root)
    found = on_paper(plan, store, Keep.ALL)
    assert (found.held, found.peak, found.end) == (held, held, held)
    [parent] = [run_id for run_id, node in plan.nodes.items() if not node.parents]
    gone = sum(bytes_on_disk(store.artefact(parent, name)) for name in ("encoder", "heads"))
    found = on_paper(plan, store, Keep.SELECTED)
    assert (found.peak, found.end) == (held, held - gone)
    sweep(plan, store, Keep.SELECTED)
    assert abs(bytes_on_disk(store.root) - found.end) < 10_000, "a note, and folders"


def test_encoders_that_are_computed_again_take_room_again(store):
    sweep(graphs.fan(["squad"], ["xnli"]), store, Keep.SELECTED)
    plan = sized(graphs.fan(["squad"], ["xnli", "udpos"]))
    found = look_at(plan, store)
    assert [plan.nodes[run_id].name for run_id in found.again] == ["squad"]
    held = bytes_on_disk(store.root)
    disk = on_paper(plan, store, Keep.SELECTED)
    assert disk.end == held + MODEL + 2 * REST
    assert disk.peak == held + 2 * MODEL + 2 * REST + WORK
    assert look_at(graphs.fan(["squad"], ["xnli"]), store).again == ()


def test_losers_that_are_computed_by_more_trials_replace_none(store):
    plan = graphs.fan(["squad"], ["xnli"])
    sweep(plan, store, Keep.SELECTED, graphs.fields(intermediate=2))
    more = sized(graphs.searched(plan, graphs.fields(intermediate=4)))
    assert look_at(more, store).again == ()
    assert on_paper(more, store, Keep.SELECTED).peak > bytes_on_disk(store.root)


def test_what_is_free_is_compared_with_what_is_still_needed():
    assert Forecast(held=50, peak=100, end=60, free=50).lacking == 0
    assert Forecast(held=50, peak=100, end=60, free=20).lacking == 30
    assert Forecast(held=50, peak=50, end=50, free=0).lacking == 0


def test_files_with_several_names_count_once(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    (one / "file").write_bytes(b"x" * 10_000)
    alone = bytes_on_disk(tmp_path)
    os.link(one / "file", two / "file")
    assert bytes_on_disk(tmp_path) == alone
    assert bytes_on_disk(one, shared=False) == 0
    assert bytes_on_disk(tmp_path / "nothing") == 0


# against the events, replayed


@given(st.data())
def test_the_peak_is_that_of_the_events_replayed(tmp_path_factory, data):
    rows = data.draw(st.lists(st.sampled_from(ROWS), min_size=1, max_size=3, unique=True))
    targets = data.draw(st.lists(st.sampled_from(["xnli", "udpos", "tatoeba"]), min_size=1, max_size=3, unique=True))
    trials = st.integers(1, 4)
    plan = grid(
        {name: 1 if name == "none" else data.draw(trials) for name in rows},
        {name: data.draw(trials) for name in targets},
        data.draw(st.integers(1, 2)),
    )
    sizes = st.builds(Footprint, model=st.integers(0, 99), rest=st.integers(0, 9), work=st.integers(0, 99))
    plan = replace(plan, nodes={id_: replace(node, footprint=data.draw(sizes)) for id_, node in plan.nodes.items()})
    keep, cpus = data.draw(st.sampled_from(Keep)), data.draw(st.integers(1, 3))
    store = Store(tmp_path_factory.getbasetemp() / "nothing there")
    events = []

    class Watch:
        """Notes the events, and asks the same rules what may go."""

        def __init__(self, retention):
            self.retention = retention

        def began(self, graph):
            if self.retention:
                assert self.retention.look(graph) == []

        def started(self, graph, run_id, seconds):
            events.append(("start", run_id, plan.nodes[graph.node_of(run_id)].footprint))

        def ended(self, graph, run_id):
            events.append(("end", run_id, plan.nodes[graph.node_of(run_id)].footprint))
            for removal in self.retention.after(graph, run_id) if self.retention else ():
                events.append(("remove", removal.run_id, None))

    writers = data.draw(st.integers(0, 3))
    found = on_paper(plan, store, keep, cpus=cpus, writers=writers)
    retention = retention_of(plan, plan, keep, store, score=later_is_better(store, plan, set()))
    outlook = look_at(plan, store)
    outlook.simulate([Machine(name="here", cpus=cpus)], parallel=4, max_concurrent=0, watch=Watch(retention))
    models, work, rest, totals = {}, {}, 0, [0]
    for event, run_id, footprint in events:
        if event == "start":
            work[run_id] = footprint.work
        elif event == "end":
            models[run_id] = footprint.model
            rest += footprint.rest
        else:
            models.pop(run_id)
        beside = sum(sorted(work.values(), reverse=True)[:writers])
        totals.append(sum(models.values()) + sum(work.values()) + beside + rest)
        if event == "end":
            del work[run_id]
    assert (found.peak, found.end) == (max(totals), sum(models.values()) + rest)


# footprints


def footprint(spec, texts, *, is_whole=False, seconds=1.0, **settings):
    config = demo().model_copy(update=settings)
    return footprint_of(spec, SIZE, config, texts=texts, is_whole=is_whole, seconds=seconds, evaluated={"xnli": 100})


def test_an_encoder_is_its_layers_and_what_was_trained_of_its_embedding_or_the_whole():
    """Layers 12 x 2 x 8^2 weights, positions 514 x 8, head 8^2 + 8 x 8; a row 8 weights and an id."""
    spec = graphs.node("squad").spec
    rows = distinct_words({"squad": 5000.0}, "demo")
    layers, head = 12 * 2 * 64 + 514 * 8, 128
    assert footprint(spec, {"squad": 5000.0}).model == round(4 * (layers + head) + rows * 40 + 12_000)
    assert footprint(spec, {"squad": 5000.0}, is_whole=True).model == 4 * (layers + 8 * 1000 + head) + 12_000
    assert footprint(spec, {"squad": 1e12}).model == 4 * (layers + head) + 1000 * 40 + 12_000, "never more than all"


def test_only_long_runs_have_checkpoints():
    """Weights, two moments and the best of what is trained: layers, positions, head and rows."""
    spec = graphs.node("squad").spec
    cluster = ClusterFields(checkpoint_seconds=60)
    works = [footprint(spec, {"squad": 5000.0}, seconds=seconds, cluster=cluster).work for seconds in (60, 61)]
    rows = distinct_words({"squad": 5000.0}, "demo")
    assert works == [0, round(4 * 4 * (12 * 2 * 64 + 514 * 8 + 128 + 8 * rows))]


def test_target_runs_leave_a_model_where_some_are_kept_and_retrieval_runs_none():
    target = graphs.baseline("xnli").spec
    assert footprint(target, {"xnli": 10.0}).model > 0
    assert footprint(target, {"xnli": 10.0}, keep=Keep.NONE).model == 0
    assert footprint(graphs.node("squad").spec, {"squad": 10.0}, keep=Keep.NONE).model > 0
    assert footprint(RETRIEVAL, {}).model == footprint(RETRIEVAL, {}).work == 0


def test_a_store_that_keeps_whole_encoders_says_so():
    config = demo()
    grid = config.grid.model_copy(update={"intermediates": ("none", "squad"), "targets": ("xnli",), "seeds": (42,)})
    config = config.model_copy(update={"grid": grid})
    small = build_plan(config)
    whole = build_plan(config.model_copy(update={"engine": EngineFields(store_deltas=False)}))
    for one, other in zip(small.nodes.values(), whole.nodes.values(), strict=True):
        assert one.run_id == other.run_id
        assert 380e6 < other.footprint.model - one.footprint.model < 390e6, "384 x 250,002 x 4 bytes, but some rows"


def test_the_tokenizer_of_xlm_r_takes_nine_megabytes():
    assert tokenizer_bytes(EncoderSize(num_layers=3, hidden=384, vocabulary=250_002)) == pytest.approx(9.08e6, rel=0.05)
