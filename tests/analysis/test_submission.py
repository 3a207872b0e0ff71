"""A submission holds the selected models' predictions as XTREME reads them, and scores what the records say."""

import dataclasses
import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.submission import xtreme_layout
from analysis.submission.command import main
from analysis.submission.writer import write_submission
from tests.made.records import DATA, plan_of, record, target_spec
from tests.made.submissions import FEW, WINNER, add_run, make_store, save, tree
from tests.made.xtreme import XTREME_LANGUAGES, evaluate, read_lines
from trainables.data.mirror import MirrorData
from trainables.ledger.record import Score
from trainables.ledger.store import Store
from trainables.tasks import registry
from trainables.tasks.task import Split


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store with all nine targets, its submission and the folder of that."""
    store = make_store(tmp_path_factory.mktemp("whole") / "store")
    folder = store.root.parent / "out"
    return store, folder, write_submission(store, folder)


# the whole submission


def test_the_model_selected_on_dev_is_written_for_every_target(whole):
    _, _, submission = whole
    assert not submission.missing
    chosen = {model.target: str(model.variant) for model in submission.models}
    assert chosen == {name: WINNER.get(name, "none") for name in xtreme_layout.TASKS}


def test_every_file_that_xtreme_reads_is_there_and_no_other(whole):
    _, folder, _ = whole
    expected = {
        f"{side}/{task}/test-{code}.{'json' if task in ('xquad', 'mlqa', 'tydiqa') else 'tsv'}"
        for side in ("predictions", "labels")
        for task, codes in XTREME_LANGUAGES.items()
        for code in codes.split()
    }
    assert set(tree(folder)) == expected | {"README.md"}


def test_files_score_what_the_records_say(whole):
    _, folder, submission = whole
    found = evaluate(folder)
    assert set(found) == set(XTREME_LANGUAGES)
    for model in submission.models:
        by_metric = found[xtreme_layout.folder(model.target)]
        recorded = [s for s in model.run.record.scores if (s.task, s.split) == (model.target, "test")]
        assert len({score.value for score in recorded}) > 1
        for score in recorded:
            if score.metric in by_metric:
                assert by_metric[score.metric][score.language] == pytest.approx(score.value, abs=1e-9)
        means = [sum(values.values()) / len(values) for values in by_metric.values()]
        assert sum(means) / len(means) == pytest.approx(model.score.value, abs=1e-9)
        assert set(by_metric) == set(registry.task(model.target).metrics)


def test_files_are_ascii_so_that_no_encoding_matters(whole):
    _, folder, _ = whole
    for name, content in tree(folder).items():
        if name != "README.md":
            content.decode("ascii")


def test_the_summary_names_models_and_cautions(whole, capsys):
    store, folder, submission = whole
    assert main([str(store.root), "--out", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert (folder / "README.md").read_text() in shown
    assert "bundled:3, demo data. One model for each target, selected on development data." in shown
    run_id = next(model.run.record.run_id for model in submission.models if model.target == "mlqa")
    assert re.search(rf"^\| mlqa +\| SQuAD +\| {run_id} +\| 42 +\| 7 +\| f1 / exact_match +\| ", shown, re.MULTILINE)
    assert "XQuAD, TyDiQA, Tatoeba: one set only" in shown.replace("\n", " ")
    assert "Capped at 32 rows a language" in shown
    assert "Tatoeba is in the order of the data" in shown
    assert "## Missing\n\nNothing.\n" in shown


# seeds, sweeps and the order of Tatoeba


def test_of_several_seeds_one_is_submitted(tmp_path, capsys):
    store = Store(tmp_path / "store").prepare()
    runs = {seed: add_run(store, ("pawsx",), seed=seed) for seed in (43, 42)}
    for seed, options in ((42, []), (43, ["--seed", "43"])):
        assert main([str(store.root), "--out", str(tmp_path / "out"), *options]) == 0
        shown = capsys.readouterr().out
        assert runs[seed].run_id in shown
        assert "Of several seeds one is submitted" in shown
        recorded = {s.language: s.value for s in store.record(runs[seed].run_id).scores if s.split == "test"}
        assert evaluate(tmp_path / "out")["pawsx"]["accuracy"] == pytest.approx(recorded)
    assert main([str(store.root), "--seed", "7"]) == 2
    assert "no run has seed 7; seeds here: 42, 43" in capsys.readouterr().err


def test_where_and_sweep_choose_among_several_sweeps(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    [parent] = [run_id for run_id in store.run_ids() if store.record(run_id).name == "squad #42"]
    failing = target_spec("panx", parent=parent)
    store.fail(failing.run_id, "squad -> panx #42", "out of memory")
    plan = plan_of(store, (failing, "squad -> panx #42"))
    store.save_plan(plan)
    add_run(store, ("xnli",), data=dataclasses.replace(DATA, source="hub"))
    assert main([str(store.root)]) == 2
    assert "more than one sweep" in capsys.readouterr().err
    assert main([str(store.root), "--where", "data.source=hub"]) == 0
    assert (store.root / "submission" / "predictions" / "xnli").is_dir()
    assert main([str(store.root), "--sweep", plan.sweep]) == 1
    assert "- panx: no model selected: " in capsys.readouterr().out
    assert {path.name for path in (store.root / "submission" / "predictions").iterdir()} == {"pawsx"}


def test_tatoeba_in_the_order_of_xtreme(tmp_path, capsys):
    mirror = tmp_path / "mirror"
    sentences = {"afr": ["we", "Tom", "a", '"Yes"'], "deu": ["b", "a", "B", "A"]}
    for code, english in sentences.items():
        path = mirror / "google" / "xtreme" / f"tatoeba.{code}" / "validation.parquet"
        path.parent.mkdir(parents=True)
        columns = {
            "source_sentence": [f"{code} {n}\n" for n in range(4)],
            "target_sentence": [f"{e}\n" for e in english],
        }
        pq.write_table(pa.table(columns), path)
    sources = [s for code in ("af", "de") for s in registry.task("tatoeba").files(Split.TEST, code)]
    data = dataclasses.replace(
        DATA, source="mirror", fingerprint=MirrorData(mirror).fingerprint(sources), languages=("af", "de"),
        train_rows=0, eval_rows=0,
    )  # fmt: skip
    store = Store(tmp_path / "store").prepare()
    spec = target_spec("tatoeba", data=data)
    names = {code: [f"tatoeba.{iso}.validation.{n}" for n in range(4)] for code, iso in (("af", "afr"), ("de", "deu"))}
    found = {"af": [0, 1, 2, 0], "de": [3, 1, 2, 0]}
    table = [
        ("test", code, names[code][line], [names[code][found[code][line]]], [names[code][line]])
        for code in names
        for line in range(4)
    ]
    save(store, spec.run_id, "tatoeba", table)
    values = {"af": 75.0, "de": 50.0}
    scores = [
        Score(task="tatoeba", split="test", language=c, metric="accuracy", value=values[c], rows=4) for c in values
    ]
    store.finish(record(spec, scores))

    assert main([str(store.root), "--data", str(mirror)]) == 0
    assert "--data puts" not in capsys.readouterr().out
    folder = store.root / "submission"
    # af: "Yes" Tom a we are lines 3 1 2 0; de: A B a b are lines 3 2 1 0
    assert read_lines(folder / "labels" / "tatoeba" / "test-af.tsv") == ["3", "1", "2", "0"]
    assert read_lines(folder / "predictions" / "tatoeba" / "test-af.tsv") == ["0", "1", "2", "0"]
    assert read_lines(folder / "labels" / "tatoeba" / "test-de.tsv") == ["3", "2", "1", "0"]
    assert read_lines(folder / "predictions" / "tatoeba" / "test-de.tsv") == ["0", "2", "1", "3"]

    path = mirror / "google" / "xtreme" / "tatoeba.afr" / "validation.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    assert main([str(store.root), "--data", str(mirror)]) == 1
    assert f"- tatoeba: the data given is not the data that run {spec.run_id} read" in capsys.readouterr().out
    path.unlink()
    assert main([str(store.root), "--data", str(mirror)]) == 1
    assert "does not exist" in capsys.readouterr().out
    assert main([str(store.root), "--data", str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err


# broken input and the folder


def test_an_earlier_submission_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "out"
    write_submission(make_store(tmp_path / "first", FEW), folder)
    write_submission(make_store(tmp_path / "second", [("tydiqa",)]), folder)
    assert {name.split("/")[1] for name in tree(folder) if "/" in name} == {"tydiqa"}
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "out"}


def test_a_failure_leaves_the_earlier_submission(tmp_path, monkeypatch, capsys):
    store, folder = make_store(tmp_path / "store", FEW), tmp_path / "out"
    write_submission(store, folder)
    before = tree(folder)
    made, failed = type(folder).rename, []

    def rename(self, target):
        if target == folder and not failed:
            failed.append(self)
            raise OSError("no space left on device")
        return made(self, target)

    monkeypatch.setattr(type(folder), "rename", rename)
    assert main([str(store.root), "--out", str(folder)]) == 2
    assert "no space left" in capsys.readouterr().err
    assert tree(folder) == before
    assert {path.name for path in tmp_path.iterdir()} == {"store", "out"}


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 2
    assert "holds thesis.tex, so it is no earlier submission" in capsys.readouterr().err
    assert tree(tmp_path / "out") == {"thesis.tex": b"mine"}
    assert main([str(store.root), "--out", str(tmp_path / "out" / "thesis.tex")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_no_store_no_runs_no_sweep(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert f"there is no store at {tmp_path / 'nowhere'}" in capsys.readouterr().err
    Store(tmp_path).prepare()
    assert main([str(tmp_path)]) == 2
    assert "no finished run" in capsys.readouterr().err
    store = make_store(tmp_path / "store", [("pawsx",)])
    (tmp_path / "other.json").write_text("{}")
    assert main([str(store.root), "--sweep", str(tmp_path / "other.json")]) == 2
    assert "other.json: allowed: the id of a sweep of this store, not a file" in capsys.readouterr().err


def test_help_is_quick_and_imports_no_heavy_library():
    code = (
        "import sys; from analysis.submission import command\n"
        "try: command.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'pandas', 'torch', 'ray', 'scipy', 'pyarrow', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
