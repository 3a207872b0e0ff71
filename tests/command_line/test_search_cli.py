"""`--search` and `python -m sweep.search`: what they understand, what they refuse, and what they leave."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from search_spaces.search_fields import SearchFields
from sweep import search
from sweep.cluster.summary import Summary
from sweep.command_line.arguments import UsageError, parse
from sweep.command_line.configuration import configure
from sweep.command_line.main import main
from tests.made import graphs
from trainables.ledger.store import Store


def test_trials_by_phase_become_settings():
    config = configure(parse(["plan", "--preset", "demo", "--search", "intermediate=12,target=6"]))
    assert (config.search.intermediate, config.search.target) == (12, 6)
    assert configure(parse(["plan", "--preset", "demo"])).search.intermediate == 0


@pytest.mark.parametrize("given", ["20h", "gpu-hours=20", "20.0h"])
def test_a_total_of_hours_becomes_a_setting(given):
    config = configure(parse(["plan", "--preset", "demo", "--search", given]))
    assert config.search == SearchFields(gpu_hours=20)
    both = configure(parse(["plan", "--preset", "demo", "--search", f"{given},intermediate=12,target=6"]))
    assert both.search == SearchFields(gpu_hours=20, intermediate=12, target=6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("intermediat=3", "did you mean 'intermediate'"),
        ("target", "--search target: allowed: a number after it, for example target=12"),
        ("gpu-hour=3", "did you mean 'gpu-hours'"),
        ("-3h", r"search.gpu_hours: given '-3'; allowed: a number of at least 0"),
        ("gpu-hours=many", r"search.gpu_hours: given 'many'; allowed: a number of at least 0"),
        ("1.5.2h", r"search.gpu_hours: given '1.5.2'"),
        ("20", "unknown budget '20'; known: intermediate, target, gpu-hours; hours alone as 20h"),
        ("20h,gpu-hours=3", "gpu-hours is given twice"),
        ("target=many", "many"),
        ("retrieval=3", "known: intermediate, target, gpu-hours"),
    ],
)
def test_what_is_no_search_is_named(given, message):
    with pytest.raises((UsageError, ValueError), match=message):
        configure(parse(["plan", "--preset", "demo", f"--search={given}"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--phase", "intermediat", "--tasks", "squad"], "did you mean 'intermediate'"),
        (["--phase", "target", "--tasks", "xnlj", "--data", "demo"], "did you mean 'xnli'"),
        (["--phase", "target", "--tasks", "tatoeba", "--data", "demo", "--encoder", "bundled:1"], "nothing to search"),
        (["--phase", "target", "--tasks", "xnli", "--hours", "-3"], "--hours: given '-3'; allowed: a number above 0"),
        (["--phase", "target", "--tasks", "xnli", "--hours", "nan"], "--hours: given 'nan'; allowed: a number above 0"),
        (["--phase", "target", "--tasks", "xnli", "--encodr", "bundled"], "did you mean '--encoder'"),
        (["--phase", "target", "--tasks", "xnli", "--race"], "--race: a race needs a grid; allowed: no --race here"),
    ],
)
def test_bad_input_ends_with_a_message_and_status_2(capsys, tmp_path, arguments, message):
    assert search.main([*arguments, "--store", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def computed(monkeypatch):
    """What was to be computed: configuration and plan; nothing is."""
    asked = {}

    def compute(setup, console):
        asked.update(config=setup.config, plan=setup.plan, store=setup.store)
        return Summary(plan=setup.plan, done=(), stopped="interrupted")

    monkeypatch.setattr("sweep.command_line.search.compute", compute)
    return asked


def test_hours_of_a_search_without_a_grid_are_spread_over_its_tasks(tmp_path, capsys, computed):
    arguments = ["--phase", "intermediate", "--tasks", "squad,qqp", "--hours", "0.2", "--data", "demo"]
    assert search.main([*arguments, "--encoder", "bundled:1", "--store", str(tmp_path)]) == 130
    out = capsys.readouterr().out
    assert "search: 0.2 core-hours beyond the configured runs (tpe), by cost and expected gain" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("squad", "qqp"))]
    plan = computed["plan"]
    kept = computed["store"].allocation()
    assert kept
    assert kept.trials == {node.run_id: node.trials for node in plan.nodes.values()}
    trials = {node.spec.tasks[0]: str(node.trials) for node in plan.nodes.values()}
    assert {task: number for task, _, number, _ in rows} == trials
    assert all(int(number) > 2 for number in trials.values())


def test_hours_that_buy_no_trial_leave_nothing_of_an_earlier_search(tmp_path, computed):
    """Else its winners would be shown and written as those of this one."""
    store = Store(tmp_path / "store").prepare()
    plan = graphs.fan(["squad"], ["xnli"])
    graph, keeper = graphs.kept_graph(plan, store, graphs.fields(intermediate=3))
    graphs.drive(graph, store)
    keeper.keep(graph)
    assert len(store.studies()) == 1
    arguments = ["--phase", "intermediate", "--tasks", "qqp", "--hours", "1e-9", "--data", "demo"]
    assert search.main([*arguments, "--encoder", "bundled:1", "--store", str(store)]) == 130
    assert store.studies() == ()
    assert store.plan() == computed["plan"]


def test_a_search_in_a_store_that_is_in_use_changes_nothing_in_it(tmp_path, computed, capsys):
    store = Store(tmp_path / "store").prepare()
    arguments = ["--phase", "intermediate", "--tasks", "qqp", "--hours", "0.05", "--data", "demo"]
    with store.driver_lock():
        assert search.main([*arguments, "--encoder", "bundled:1", "--store", str(store)]) == 2
    assert "is in use by another sweep" in capsys.readouterr().err
    assert store.allocation() is None
    assert not store.has_plan


def test_a_file_that_a_plan_does_not_need_cannot_refuse_it(tmp_path, capsys):
    store = Store(tmp_path / "store").prepare()
    for name in ("search_budget.json", "search.json", "race.json"):
        (store.root / name).write_text("{")
    arguments = ["--preset", "quick", "--store", str(store)]
    assert main(["plan", *arguments, "--search", "20h"]) == 2
    assert "search_budget.json is not how the hours of a search were spread" in capsys.readouterr().err
    (store.root / "race.json").unlink()
    assert main(["plan", *arguments]) == 0


@pytest.mark.parametrize("how", ["file", "set"])
def test_a_configured_race_is_off_in_a_search_without_a_grid(tmp_path, capsys, computed, how):
    file = tmp_path / "racing.yaml"
    file.write_text("race: {enabled: on}\ndata: {source: demo}\nencoder: {name: 'bundled:1'}\n")
    given = {
        "file": ["--config", str(file)],
        "set": ["--preset", "demo", "--encoder", "bundled:1", "--set", "race.enabled=on"],
    }
    arguments = ["--phase", "intermediate", "--tasks", "squad", "--store", str(tmp_path / "store")]
    assert search.main([*arguments, *given[how]]) == 130
    assert not computed["config"].race.enabled
    assert "race.enabled is off here: a race needs a grid" in capsys.readouterr().out


def squad_alone(folder):
    """A mirror of the hub that holds SQuAD and nothing else."""
    rows = {
        "id": ["a"], "context": ["Bern lies on the Aare."], "question": ["Where does Bern lie?"],
        "answers": [{"text": ["on the Aare"], "answer_start": [10]}],
    }  # fmt: skip
    for split in ("train", "validation"):
        path = folder / "rajpurkar" / "squad" / "plain_text" / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(rows), path)
    return folder


def test_a_search_of_intermediate_tasks_needs_no_rows_of_a_target(tmp_path, capsys, computed):
    arguments = ["--phase", "intermediate", "--tasks", "squad,qqp", "--mlm", "off,on", "--encoder", "bundled:1"]
    data = squad_alone(tmp_path / "mirror")
    assert search.main([*arguments, "--data", str(data), "--store", str(tmp_path / "store")]) == 130
    assert [node.name for node in computed["plan"].nodes.values()] == ["squad #42"]
    assert not computed["plan"].cells
    out = capsys.readouterr().out
    assert "search: 12 trials (tpe) for each of 1 intermediate runs" in out
    assert "not searched: MLM: no text in any language" in out
    assert "not searched: qqp has no train rows" in out
