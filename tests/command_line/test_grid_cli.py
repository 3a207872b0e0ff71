"""The command line: what it computes, what it says, how it exits, and what it does not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from search_spaces.config_file import load_yaml
from search_spaces.presets import demo, paper
from sweep.cluster.summary import Summary
from sweep.command_line.arguments import parse
from sweep.command_line.configuration import configure
from sweep.grid import main
from tests.made.data import FakeData
from trainables.ledger.record import Record, Score
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.tasks import registry
from trainables.tasks.task import Split

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "ray", "transformers", "datasets")
SMALL = ["--encoder", "bundled:6", "--intermediates", "none,qqp", "--targets", "xnli,tatoeba", "--languages", "en,de"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, on data that needs no disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData())


def record_of(node, scores=True):
    found = []
    for name in node.spec.tasks if scores and node.spec.phase is not Phase.INTERMEDIATE else ():
        task = registry.task(name)
        found += [
            Score(task=name, split=split, language=language, metric=metric, value=50.0, rows=2)
            for split in (Split.DEV, Split.TEST)
            for language in task.languages.get(split, ())
            if language in node.spec.data.languages
            for metric in task.metrics
        ]
    stopping = [
        Score(task=name, split=Split.STOPPING, language="en", metric="accuracy", value=50.0, rows=2)
        for name in node.spec.tasks
    ]
    return Record(run_id=node.run_id, name=node.name, spec=node.spec, scores=tuple(found or stopping))


@pytest.fixture
def runs(monkeypatch):
    """Finish runs at once; those whose name holds `fails` fail. Returns the calls that were made."""

    class Runs:
        fails = "nothing"
        stop = ""

        def __init__(self):
            self.calls = []

        def __call__(self, plan, store, options, place, console, **given):
            self.calls.append((plan, options, place))
            if self.stop == "ctrl-c":
                raise KeyboardInterrupt
            done, failed = [], {}
            for node in plan.nodes.values():
                if self.fails in node.name:
                    store.fail(node.run_id, node.name, "labels are missing")
                    failed[node.run_id] = "labels are missing"
                elif not set(node.parents) & set(failed):
                    store.finish(record_of(node))
                    done.append(node.run_id)
            return Summary(plan=plan, done=tuple(done), computed=tuple(done), failed=failed, stopped=self.stop)

    made = Runs()
    monkeypatch.setattr("sweep.command_line.compute.run_plan", made)
    return made


def test_a_run_leaves_its_configuration_plan_and_report_and_says_where(runs, tmp_path, capsys):
    assert main(["run", "--data", "demo", *SMALL, "--store", "out"]) == 0
    store = tmp_path / "out"
    assert load_yaml(store / "config.yaml", paper()).grid.targets == ("xnli", "tatoeba")
    assert Store(store).plan().nodes.keys() == runs.calls[0][0].nodes.keys()
    lines = capsys.readouterr().out.splitlines()
    assert "neither --preset nor --config: whatever is not said is as published" in lines
    assert f"configuration: {store / 'config.yaml'}" in lines
    table = next(number for number, line in enumerate(lines) if line.startswith("Table 2"))
    assert lines[-1] == f"report: {store / 'report' / 'report.md'}"
    assert table < len(lines) - 1
    assert (store / "report" / "report.md").exists()


def test_the_configuration_that_a_run_wrote_is_the_same_sweep(runs):
    assert main(["run", "--data", "demo", *SMALL, "--store", "one"]) == 0
    assert main(["run", "--config", "one/config.yaml", "--store", "two"]) == 0
    assert runs.calls[0][0].nodes.keys() == runs.calls[1][0].nodes.keys()


def test_without_options_the_sweep_is_the_demo():
    for arguments in ([], ["run"], ["plan", "--store", "x"], ["--preset", "demo", "--address", "auto"]):
        config = configure(parse(arguments))
        assert (config.name, config.grid, config.data) == ("demo", demo().grid, demo().data)


def test_with_options_alone_the_rest_is_as_published():
    config = configure(parse(["run", "--encoder", "bundled:6", "--mlm", "off,on", "--train-rows", "100"]))
    assert config.data.source == "hub"
    assert config.data.train_rows == 100
    assert config.encoder.name == "bundled:6"
    assert config.grid == paper().grid
    assert config.intermediate == paper().intermediate


def test_set_comes_last():
    config = configure(parse(["--preset", "demo", "--set", "grid.seeds=7", "--seeds", "1,2"]))
    assert config.grid.seeds == (7,)


def test_the_store_is_named_after_the_sweep(runs, tmp_path):
    Path("mine.yaml").write_text("encoder: {name: bundled:6}\ngrid: {intermediates: none, targets: tatoeba}\n")
    assert main(["run", "--config", "mine.yaml"]) == 0
    assert (tmp_path / "results" / "mine" / "config.yaml").exists()


def test_options_of_the_run_reach_the_workers(runs):
    sets = ["--set", "cluster.threads=3", "--set", "engine.micro_batch=2", "--set", "cluster.max_concurrent=5"]
    assert main(["run", "--data", "demo", *SMALL, *sets, "--address", "auto", "--set", "cluster.gpus.target=0"]) == 0
    _, options, place = runs.calls[0]
    assert (options.threads, options.micro_batch, options.encoder) == (3, 2, "bundled:6")
    assert (place.address, place.max_concurrent, place.name) == ("auto", 5, "sweep")


def test_a_failed_run_exits_with_1_and_says_why(runs, capsys):
    runs.fails = "qqp #42"
    assert main(["run", "--data", "demo", *SMALL, "--mlm", "off"]) == 1
    out = capsys.readouterr().out
    assert "qqp -> xnli #42 blocked: qqp #42 failed: labels are missing" in out
    assert "report: " in out
    assert main(["status", "--store", "results/sweep"]) == 1
    assert "4 cells: 2 done, 2 blocked" in capsys.readouterr().out


def test_cells_without_data_do_not_spoil_the_exit_code(runs, monkeypatch, capsys):
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData("glue/qqp"))
    assert main(["run", "--data", "demo", *SMALL]) == 0
    assert "no data for 4 cells of rows qqp, qqp+mlm: qqp has no train rows" in capsys.readouterr().out


def test_ctrl_c_exits_with_130(runs, capsys):
    runs.stop = "ctrl-c"
    assert main(["run", "--data", "demo", *SMALL]) == 130
    assert "the same command continues" in capsys.readouterr().err


def test_a_sweep_that_was_told_to_stop_exits_with_130(runs):
    runs.stop = "interrupted"
    assert main(["run", "--data", "demo", *SMALL]) == 130


def test_plan_writes_nothing(tmp_path, capsys):
    assert main(["plan", "--data", "demo", *SMALL]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "6 cells, 1 seed: 6 pending" in capsys.readouterr().out


def test_plan_counts_what_a_store_has(runs, capsys):
    assert main(["run", "--data", "demo", *SMALL]) == 0
    capsys.readouterr()
    assert main(["plan", "--data", "demo", *SMALL]) == 0
    assert "6 cells, 1 seed: 6 done" in capsys.readouterr().out


def test_status_needs_only_the_store(runs, monkeypatch, capsys):
    assert main(["run", "--data", "demo", *SMALL]) == 0
    capsys.readouterr()
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name: pytest.fail("status must not open data"))
    assert main(["status", "--store", "results/sweep"]) == 0
    assert "6 cells: 6 done" in capsys.readouterr().out


def test_tasks_lists_every_task_with_its_rows_and_an_example(monkeypatch, tmp_path, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "mirror" / "google" / "xtreme" / "tatoeba.deu"
    folder.mkdir(parents=True)
    rows = {"source_sentence": ["Guten Tag.\n", "Ja.\n"], "target_sentence": ["Hello.\n", "Yes.\n"]}
    pq.write_table(pa.table(rows), folder / "validation.parquet")
    assert main(["tasks", "--data", "mirror"]) == 0
    out = capsys.readouterr().out
    for name in registry.tasks():
        assert name in out
    assert "2 (1/36)" in out
    assert "tatoeba: foreign=Guten Tag.  english=Hello." in out


BAD_INPUT = {
    "pln": ["unknown command 'pln'", "did you mean 'plan'", "known: run, plan, status, tasks"],
    "run --preset quikc": ["unknown preset 'quikc'", "did you mean 'quick'", "known: demo, grid-demo, quick, paper"],
    "run --tragets xnli": ["unknown option '--tragets'", "did you mean '--targets'", "--intermediates"],
    "run --preset demo --targets xnil": ["unknown target task 'xnil'", "did you mean 'xnli'", "known: xnli, pawsx"],
    "run --preset demo --intermediates qpq": ["task 'qpq'", "did you mean 'qqp'", "known: none, anli"],
    "run --preset demo --languages xx,dee": ["language 'xx'", "language 'dee'", "did you mean 'de'", "known: en"],
    "run --preset demo --encoder bundeld": ["unknown encoder 'bundeld'", "did you mean 'bundled'", "allowed: bundled"],
    "run --preset demo --encoder ./nowhere": ["encoder './nowhere': no such folder", "allowed: bundled"],
    "run --preset demo --mlm maybe": ["--mlm maybe", "given 'maybe'", "allowed: off, on"],
    "run --preset demo --seeds x": ["--seeds x", "given 'x'", "allowed: a whole number"],
    "run --preset demo --train-rows=-1": ["--train-rows -1", "given '-1'", "allowed: a whole number of at least 0"],
    "run --preset demo --set target.epohcs=1": ["unknown target field 'epohcs'", "did you mean 'epochs'"],
    "run --preset demo --config x.yaml": ["--preset demo and --config x.yaml", "allowed: one of them"],
    "run --config x.yaml": ["cannot read x.yaml", "No such file"],
    "run --preset demo xnli": ["unexpected 'xnli'", "lists are separated by commas"],
    "run --seeds": ["--seeds", "expected one argument"],
    "status --store nowhere": ["no sweep in", "nowhere/plan.json does not exist", "--store"],
    "run --preset demo --store file": ["--store file: store: given 'file'; allowed: a folder", "file is no folder"],
    "tasks --data dmeo": ["data 'dmeo' is no folder", "did you mean 'demo'", "allowed: hub, demo"],
}


@pytest.mark.parametrize("command", BAD_INPUT)
def test_bad_input_exits_with_2_and_says_what_is_allowed(command, capsys):
    Path("file").write_text("in the way")
    assert main(command.split()) == 2
    captured = capsys.readouterr()
    for part in BAD_INPUT[command]:
        assert part in captured.err
    assert "Traceback" not in captured.err
    assert not Path("results").exists()


def test_debug_keeps_the_traceback():
    with pytest.raises(ValueError, match="unknown preset"):
        main(["run", "--preset", "quikc", "--debug"])


def test_a_fault_of_the_program_is_not_dressed_up_as_bad_input(monkeypatch):
    monkeypatch.setattr("sweep.command_line.setup.configure", lambda given: {}["missing"])
    with pytest.raises(KeyError):
        main(["plan"])


def modules_after(program, *arguments):
    code = f"import sys, json\n{program}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_and_parsing_import_nothing_heavy():
    program = "from sweep.grid import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not modules_after(program) & {*HEAVY, "pandas", "pydantic", "numpy"}


def test_presets_and_the_configuration_import_nothing_heavy():
    program = "from search_spaces.presets import demo, grid_demo, paper, quick\ndemo(); grid_demo(); paper(); quick()"
    assert not modules_after(program) & {*HEAVY, "pandas"}


def test_plan_and_status_import_no_engine(runs, tmp_path):
    assert main(["run", "--data", "demo", *SMALL]) == 0
    data = tmp_path / "mirror"
    (data / "nyu-mll" / "glue").mkdir(parents=True)
    program = "from sweep.grid import main\nmain(sys.argv[1:])"
    plan = modules_after(program, "plan", "--data", str(data), *SMALL, "--store", str(tmp_path / "results" / "sweep"))
    assert not plan & {*HEAVY, "pandas"}
    assert not modules_after(program, "status", "--store", str(tmp_path / "results" / "sweep")) & {*HEAVY, "pandas"}


def test_a_second_run_with_everything_done_needs_no_ray(tmp_path, runs, monkeypatch):
    assert main(["run", "--data", "demo", *SMALL]) == 0
    config = yaml.safe_load((tmp_path / "results" / "sweep" / "config.yaml").read_text())
    assert config["grid"]["targets"] == ["xnli", "tatoeba"]
    program = (
        "import sweep.planning.planner as planner\nfrom tests.made.data import FakeData\n"
        "planner.open_data = lambda name, raw: FakeData()\n"
        "from sweep.grid import main\nassert main(sys.argv[1:]) == 0"
    )
    store = str(tmp_path / "results" / "sweep")
    assert not modules_after(program, "run", "--data", "demo", *SMALL, "--store", store) & {"ray", "torch"}


def test_a_store_in_use_is_refused(runs, capsys):
    store = Store(Path("results/sweep")).prepare()
    with store.driver_lock():
        assert main(["run", "--data", "demo", *SMALL]) == 2
    assert "in use by another sweep" in capsys.readouterr().err
    assert not (store.root / "config.yaml").exists()
