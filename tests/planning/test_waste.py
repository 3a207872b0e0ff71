"""What wastes money is said before anything runs, and nothing is said where nothing is wasted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search_spaces.config_file import apply_sets
from search_spaces.presets import demo, paper
from sweep.graph.capacity import Machine
from sweep.planning.clusters import asked, of_sizes
from sweep.planning.gpus import Gpus
from sweep.planning.waste import Kind, waste
from tests.made import graphs
from tests.made.bills import bill
from trainables.ledger.plan import Plan, Share
from trainables.ledger.spec import Precision
from trainables.ledger.store import Store

GPU = Share(gpus=1)


@pytest.fixture
def nowhere(tmp_path):
    return Store(tmp_path / "nowhere")


def hourly(plan: Plan) -> Plan:
    return replace(plan, nodes={id_: replace(n, cost=3600 * n.cost) for id_, n in plan.nodes.items()})


def in_bf16(plan: Plan) -> Plan:
    """The same runs in bf16; ids of parents are not looked at here."""
    nodes = {}
    for id_, node in plan.nodes.items():
        settings = replace(node.spec.optimisation, precision=Precision.BF16)
        nodes[id_] = replace(node, spec=replace(node.spec, optimisation=settings))
    return replace(plan, nodes=nodes)


def said(plan, store, *clusters, config=None, search=None, **at_hand) -> dict[Kind, str]:
    found = bill(plan, store, search, *clusters)
    return {each.kind: each.text for each in waste(found, config or demo(), store, **at_hand)}


def test_fp32_on_gpus_is_said_with_the_hours_of_bf16(nowhere):
    plan = hourly(graphs.fan(["a"], ["x"], share=GPU))
    text = said(plan, nowhere, *of_sizes([Gpus(1)]), in_bf16=0.75)[Kind.FP32_ON_GPU]
    assert text.startswith("2 runs would train in fp32 on GPUs, as published")
    assert "0.75 GPU-hours in place of 3.0 (--set intermediate.precision=bf16 --set target.precision=bf16)" in text
    assert Kind.FP32_ON_GPU not in said(hourly(graphs.fan(["a"], ["x"])), nowhere)
    assert Kind.FP32_ON_GPU not in said(in_bf16(hourly(graphs.plan([graphs.node("a", share=GPU)]))), nowhere)


def test_gpus_that_wait_are_said_with_how_few_are_as_fast(nowhere):
    """Runs of 3, 2, 2 and 1 h take 3 h on three GPUs and on eight: of 24 GPU-hours there 8 are used."""
    costs = {"a": 3.0, "b": 2.0, "c": 2.0, "d": 1.0}
    nodes = [graphs.node(task, share=GPU, cost=cost) for task, cost in costs.items()]
    plan = in_bf16(hourly(graphs.plan(nodes)))
    found = said(plan, nowhere, *of_sizes(map(Gpus, [3, 8])))
    assert found == {
        Kind.IDLE_GPUS: "on 8 GPUs the GPUs would be idle for 67% of the time, since the critical path sets the time; "
        "4 GPUs take about as long"
    }


def test_gpus_that_a_setting_keeps_idle_name_the_setting(nowhere):
    plan = in_bf16(hourly(graphs.plan([graphs.node(t, share=GPU) for t in "abcdefgh"])))
    config = apply_sets(demo(), ["cluster.max_concurrent=2"])
    found = bill(plan, nowhere, None, *of_sizes([Gpus(8)]))
    clock = replace(found.clocks[0], seconds=found.clocks[0].seconds * 4, busy=0.25)
    [caution] = waste(replace(found, clocks=(clock,)), config, nowhere)
    assert "idle for 75% of the time, since cluster.max_concurrent is 2; 2 GPUs take about as long" in caution.text


def test_a_cluster_without_gpus_and_runs_without(nowhere):
    cpus = asked([Machine(name="m", cpus=4)])
    plan = in_bf16(hourly(graphs.plan([graphs.node("a", share=GPU)])))
    assert "runs ask for GPUs, and 4 cores has none" in said(plan, nowhere, cpus)[Kind.NO_GPU]
    on_cores = said(hourly(graphs.plan([graphs.node("a")])), nowhere, *of_sizes([Gpus(2)]))
    assert "of 2 GPUs the GPUs would be idle" in on_cores[Kind.GPUS_NOT_USED]


def test_days_on_cores_are_said_where_the_runs_would_take_gpus(nowhere):
    plan, here = hourly(graphs.plan([graphs.node("a", cost=72.0)])), asked([Machine(name="m", cpus=1)])
    text = said(plan, nowhere, here, config=paper())[Kind.NO_GPU]
    assert "there is no GPU here" in text
    assert "for 3 days; --gpus 1,8" in text
    assert not said(plan, nowhere, here)  # the demo asks for none
    assert not said(hourly(graphs.plan([graphs.node("a", cost=5.0)])), nowhere, here, config=paper())


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (3.0, ""),
        (2.0, "it takes 3.0 core-hours, 2.0 are at hand; they suffice for 2 of 3 seeds"),
        (0.5, "it takes 3.0 core-hours, 0.5 are at hand; they suffice for no seed"),
    ],
)
def test_more_seeds_than_hours(nowhere, budget, text):
    one = graphs.node("a")
    nodes = [replace(one, spec=replace(one.spec, seed=seed)) for seed in (1, 2, 3)]
    assert said(hourly(graphs.plan(nodes)), nowhere, budget=budget).get(Kind.BUDGET, "") == text


def test_hours_that_suffice_as_expected_but_not_if_all_takes_longer(nowhere):
    node = replace(graphs.node("a", cost=3600.0), cost_low=1800.0, cost_high=7200.0)
    text = said(graphs.plan([node]), nowhere, budget=1.5)[Kind.BUDGET]
    assert text == "it may take up to 2.0 core-hours, more than the 1.5 at hand"


def test_more_searches_than_hours(nowhere):
    search = graphs.fields(target=3)
    plan = graphs.searched(hourly(graphs.fan(["a"], ["x"])), search)
    text = said(plan, nowhere, search=search, budget=4.0)[Kind.BUDGET]
    assert text == "it takes 5.0 core-hours, 4.0 are at hand; without searches it takes 3.0"


def test_hours_of_a_search_that_suffice_for_no_trial(nowhere):
    search = graphs.fields(gpu_hours=1.5)
    plan = graphs.searched(hourly(graphs.fan(["a"], ["x"])), search)
    config = demo().model_copy(update={"search": search})
    text = said(plan, nowhere, search=search, config=config)[Kind.NO_TRIALS]
    assert text.startswith("the 1.5 hours of the search suffice for no trial of a (1 of 2 runs)")
