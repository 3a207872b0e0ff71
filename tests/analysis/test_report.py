"""The report from end to end: store in, files out; broken input is said and costs nothing."""

import dataclasses
import subprocess
import sys

import pytest

from analysis.published.comparable import why_not_comparable
from analysis.report.command import main
from analysis.report.writer import chosen_plan, write_report
from analysis.scores.load import Run
from tests.made.records import DATA, fill, language_scores, plan_of, record, target_spec
from tests.made.reports import in_json, part
from trainables.ledger.cells import Cell
from trainables.ledger.record import DataUse
from trainables.ledger.spec import EncoderRef
from trainables.ledger.store import Store

FILES = {
    "report.html", "report.json", "report.md", "table2.md", "table2.tex", "languages.tex", "scores.csv",
    "scores.parquet", "figures",
}  # fmt: skip


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_from_the_command_line(tmp_path, capsys):
    fill(tmp_path / "store")
    assert main([str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 0
    assert files(tmp_path / "out") == FILES
    shown = capsys.readouterr().out
    assert "Table 2: bundled:3, demo data, 64 training rows, 32 evaluation rows" in shown
    own = ("Report:", "Page:")
    assert max(len(line) for line in shown.splitlines() if not line.startswith(own)) <= 100
    assert shown.splitlines()[-2:] == [f"{name} {tmp_path / 'out' / f'report.{kind}'}"
                                       for name, kind in zip(own[::-1], ("html", "md"), strict=True)]  # fmt: skip
    text = (tmp_path / "out" / "report.md").read_text()
    for section in ("Table 2", "Selection", "Failures and gaps", "More"):
        assert f"## {section}\n" in text
    assert "| XNLI | acc | ANLI+ | 62.0 | 0.5 (ANLI+ + MLM) | 63.0 | 61.0 |" in text
    assert "None: every cell is done." in text
    assert len(text.splitlines()) < 80
    [head, *_] = in_json(tmp_path / "out", "paper")
    assert "the encoder is bundled:3" in head["text"]
    [costs, *_] = in_json(tmp_path / "out", "costs")
    line = ["intermediate", "6", "18", "120", "6,000", "1.00 GiB"]
    assert [value if isinstance(value, str) else value["text"] for value in costs["lines"][0]] == line


def test_the_long_table_is_the_same_in_both_formats(tmp_path):
    import pandas as pd

    store = fill(tmp_path / "store")
    write_report(store, tmp_path / "out")
    parquet = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    csv = pd.read_csv(tmp_path / "out" / "scores.csv", keep_default_na=False)
    assert len(parquet) == len(csv) > 1000
    assert list(parquet.columns) == list(csv.columns)
    assert (parquet["value"] == csv["value"]).all()


def parent_of(store, name):
    """Id of the intermediate run of this name."""
    [run_id] = [run_id for run_id in store.run_ids() if store.record(run_id).name == name]
    return run_id


def test_a_plan_is_kept_and_used_again(tmp_path, capsys):
    store = fill(tmp_path / "store", skip=[("squad", False, "xnli")])
    failing = target_spec("xnli", parent=parent_of(store, "squad #42"))
    store.fail(failing.run_id, "squad -> xnli #42", "out of memory")
    plan = plan_of(store, (failing, "squad -> xnli #42"))
    assert plan.cells[Cell("squad", False, "xnli", 42)] == failing.run_id
    store.save_plan(plan)
    first = write_report(store, tmp_path / "out", plan=plan).path.read_text()
    assert "- **failed**, 1 cell: out of memory" in first
    assert f"- run `{failing.run_id}`: out of memory" in first
    # a second sweep in the same store does not disturb the first one
    store.finish(record(target_spec("xnli", learning_rate=1e-4), language_scores("xnli", 99.0)))
    assert main([str(store.root)]) == 2
    assert "two runs" in (error := capsys.readouterr().err) or "more than one sweep" in error
    assert main([str(store.root), "--sweep", plan.sweep, "--out", str(tmp_path / "two")]) == 0
    assert (tmp_path / "two" / "report.md").read_text() == first


def test_after_a_search_that_was_killed_the_runs_are_those_of_its_plan(tmp_path, capsys):
    """The store also holds a trial that lost, which would make a second sweep of it."""
    store = fill(tmp_path / "store", skip=[("squad", False, "xnli")])
    waiting = target_spec("xnli", parent=parent_of(store, "squad #42"))
    plan = plan_of(store, (waiting, "squad -> xnli #42"))
    store.finish(record(target_spec("xnli", learning_rate=1e-4), language_scores("xnli", 99.0)))
    store.save_studies(())
    assert chosen_plan(store, None) is None
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 2
    store.save_plan(plan)
    assert chosen_plan(store, None) == plan
    assert main([str(store.root)]) == 0
    text = (store.root / "report" / "report.md").read_text()
    assert "99.0" not in text
    assert "**pending**, 1 cell" in text
    # the states of its cells are those of the store now
    store.fail(waiting.run_id, "squad -> xnli #42", "why")
    assert main([str(store.root)]) == 0
    assert "- **failed**, 1 cell: why" in (store.root / "report" / "report.md").read_text()
    (store.root / "plan.json").write_text("[]")
    capsys.readouterr()
    assert main([str(store.root)]) == 2
    assert "plan.json is not a plan (" in capsys.readouterr().err.replace("\n", " ")


def test_the_last_sweep_is_reported_where_none_is_named_and_any_by_its_id(tmp_path):
    store = fill(tmp_path / "store")
    first = plan_of(store)
    store.save_plan(first)
    store.save_studies(())
    other = record(target_spec("xnli", learning_rate=1e-4), language_scores("xnli", 99.0))
    store.finish(other)
    second = dataclasses.replace(first, sweep="", nodes={}, cells={})
    store.save_plan(second)
    assert store.sweeps() == [second.sweep, first.sweep]
    assert chosen_plan(store, None) == second
    assert chosen_plan(store, first.sweep) == first


def test_where_chooses_a_sweep(tmp_path):
    store = fill(tmp_path / "store")
    other = EncoderRef(name="bundled:6", revision="1")
    store.finish(record(target_spec("xnli", encoder=other), language_scores("xnli", 99.0)))
    assert main([str(store.root)]) == 2
    assert main([str(store.root), "--where", "encoder.name=bundled:6"]) == 0
    assert "99.0" in (store.root / "report" / "table2.md").read_text()


def test_no_such_store(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert f"there is no store at {tmp_path / 'nowhere'}" in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_store(tmp_path, capsys):
    Store(tmp_path).prepare()
    assert main([str(tmp_path)]) == 2
    assert "no finished run" in capsys.readouterr().err


def test_an_unknown_task_in_a_record_is_explained(tmp_path, capsys):
    store = Store(tmp_path).prepare()
    spec = dataclasses.replace(target_spec("xnli"), tasks=("xnlo",))
    store.finish(record(spec, [dataclasses.replace(s, task="xnlo") for s in language_scores("xnli", 1.0)]))
    assert main([str(tmp_path)]) == 2
    assert "unknown task 'xnlo'; did you mean 'xnli'?" in capsys.readouterr().err.replace("\n", " ")


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    store = fill(tmp_path / "store")
    (tmp_path / "file").write_text("mine")
    assert main([str(store.root), "--out", str(tmp_path / "file")]) == 2
    assert (tmp_path / "file").read_text() == "mine"
    assert "analysis.report:" in capsys.readouterr().err


def test_what_is_no_sweep_of_the_store_is_refused(tmp_path, capsys):
    store = fill(tmp_path / "store")
    file = tmp_path / "sweep.json"
    file.write_text("{}")
    assert main([str(store.root), "--sweep", str(file)]) == 2
    assert f"--sweep {file}: allowed: the id of a sweep of this store, not a file" in capsys.readouterr().err
    store.save_plan(plan := plan_of(store))
    near = plan.sweep[:-1] + ("0" if plan.sweep[-1] != "0" else "1")
    assert main([str(store.root), "--sweep", near]) == 2
    assert f"did you mean '{plan.sweep}'?" in capsys.readouterr().err


def test_a_sweep_in_which_everything_failed_still_has_a_report(tmp_path):
    store = Store(tmp_path / "store").prepare()
    failing = target_spec("xnli")
    store.fail(failing.run_id, "none -> xnli #42", "no [red] memory")
    text = write_report(store, tmp_path / "out", plan=plan_of(store, (failing, "none -> xnli #42"))).path.read_text()
    assert "- **failed**, 1 cell: no \\[red\\] memory" in text


def test_failures_noted_in_the_store_are_reported(tmp_path):
    store = fill(tmp_path / "store", skip=[("squad", False, "xnli")])
    store.fail("0123456789ab", "squad -> xnli #42", "out of memory")
    text = write_report(store, tmp_path / "out").path.read_text()
    assert "- run `0123456789ab`: out of memory" in text
    assert "- **pending**, 1 cell: no finished run" in text


def large(data, **fields):
    encoder = EncoderRef(name="FacebookAI/xlm-roberta-large", revision="main")
    spec = target_spec("xnli", encoder=encoder, data=dataclasses.replace(DATA, **data))
    use = DataUse(repository="nyu-mll/multi_nli", config="default", split="train", rows=fields.get("rows", 392_702))
    return dataclasses.replace(record(spec, language_scores("xnli", 80.1)), data_use=(use,))


WHOLE = {"source": "hub", "train_rows": 0, "eval_rows": 0}


@pytest.mark.parametrize(
    ("data", "fields", "reason"),
    [
        (WHOLE, {}, ""),
        (WHOLE, {"rows": 4000}, "trained on 4,000 of 392,702 rows"),
        (WHOLE | {"train_rows": 5}, {}, "rows are capped"),
        (WHOLE | {"source": "demo"}, {}, "the data is demo"),
        (WHOLE | {"languages": ("en",)}, {}, "languages are restricted"),
    ],
)
def test_the_paper_is_compared_with_its_own_setting_only(data, fields, reason):
    found = why_not_comparable([Run(record=large(data, **fields))])
    assert found.endswith(reason) if reason else not found


def test_differences_to_the_paper(tmp_path):
    store = Store(tmp_path / "store").prepare()
    store.finish(large(WHOLE))
    text = part(write_report(store, tmp_path / "out"), "paper")
    # dev 80.1 as printed; test 81.1 for the selected model (the baseline) against the printed 80.4
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    xnli = [line[2:5] for line in lines if line[1:2] == ["XNLI acc"] and line[3] not in ("", "–")]
    assert ["80.1", "80.1", "+0.0"] in xnli
    assert ["80.4", "81.1", "+0.7"] in [[each.strip("*") for each in line] for line in xnli]


def test_help_is_quick_and_imports_no_heavy_library():
    code = (
        "import sys; from analysis.report import command\n"
        "try: command.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'pandas', 'torch', 'ray', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
