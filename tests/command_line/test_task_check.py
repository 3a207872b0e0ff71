"""`xstilts tasks --check FILE`: verdicts, findings and examples of tasks of one's own, and the exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.plain_yaml import write_yaml
from sweep.command_line.main import main
from tests.made.pair_tasks import pair_rows, write_pairs
from trainables.tasks.task import Split

PAIRS = """\
from tests.made.pair_tasks import pair_task
from trainables.tasks.task import Task

def pairs() -> Task:
    return pair_task(CHANGES)
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tasks(*changes):
    Path("own.py").write_text(PAIRS.replace("CHANGES", ", ".join(changes)), encoding="utf-8")


def check(*words):
    return main(["tasks", "--check", "own.py", *words])


def test_a_sound_task_is_shown_and_exits_with_0(capsys):
    tasks()
    write_pairs(Path("rows"))
    assert check("--data", "rows") == 0
    out = capsys.readouterr().out
    assert re.match(r"pairs +target +pair +sound *\n", out)
    assert "tokenizer of bundled" in out
    assert re.search(r"train +stopping +test *\n +en +24 +12 +12 *\n +de +12 *\n +all +24 +12 +24 *\n", out)
    assert re.search(r"yes +12 +50\.0% +█", out)
    assert "as the model sees them: train en" in out
    assert "<s> ▁en ▁train ▁number ▁0 ▁is ▁red </s> </s> ▁en ▁train ▁number ▁0 ▁is ▁it </s>" in out
    assert out.count("label  ") == 5


def test_a_task_with_problems_exits_with_1_and_says_them_once(capsys):
    tasks('metrics=("acuracy",)')
    rows = pair_rows(Split.TEST, "de", 12)
    rows["a"][0], rows["b"][0] = (pair_rows(Split.TRAIN, "en", 1)[name][0] for name in ("a", "b"))
    write_pairs(Path("rows"), test_de=rows)
    assert check("--data", "rows") == 1
    out = capsys.readouterr().out
    assert re.match(r"pairs +target +pair +2 problems *\n", out)
    assert out.count("unknown metric 'acuracy'; did you mean 'accuracy'?") == 1
    assert "train en; stopping en;" in out
    assert "1 of 12 rows are training rows, too, by text" in out


def test_what_rows_hold_is_shown_plain_and_never_as_markup(capsys):
    tasks()
    rows = pair_rows(Split.TRAIN, "en", 24)
    rows["a"][0] = "\x1b[31mred\u202e [bold]"
    write_pairs(Path("rows"), train_en=rows)
    assert check("--data", "rows") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[ bold ]" in out


def test_a_task_that_cannot_encode_its_rows_is_no_fault_of_the_program(capsys):
    tasks("cap=lambda examples, limit: 1 / 0")
    write_pairs(Path("rows"))
    assert check("--data", "rows") == 1
    assert "it raises ZeroDivisionError: division by zero" in capsys.readouterr().out


REVIEWS = """\
reviews:
  role: intermediate
  format: pair
  labels: [good, bad]
  files:
    train: {en: train.jsonl}
    stopping: {en: stopping.jsonl}
"""


def write_reviews(extra=""):
    for split in ("train", "stopping"):
        rows = [{"text_a": f"{split} {row}", "text_b": "?", "label": ("good", "bad")[row % 2]} for row in range(12)]
        rows += [{"text_a": "in both", "text_b": "?", "label": "good"}] if extra else []
        Path(f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    Path("own.yaml").write_text(REVIEWS + extra, encoding="utf-8")


def test_files_of_ones_own_need_neither_data_nor_network(capsys, monkeypatch):
    monkeypatch.setattr("trainables.data.hub.HubData.table", lambda self, source: pytest.fail("the hub was asked"))
    write_reviews()
    assert main(["tasks", "--check", "own.yaml"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"reviews +intermediate +pair +sound *\n", out)
    assert "Rows of their own files; tokenizer of bundled." in out


@pytest.mark.parametrize(
    ("extra", "code", "kind"), [("  # none\n", 1, "problem"), ("  shares_rows: on\n", 0, "remark")]
)
def test_shared_rows_are_a_problem_unless_the_task_says_that_there_are_some(extra, code, kind, capsys):
    write_reviews(extra)
    assert main(["tasks", "--check", "own.yaml"]) == code
    assert re.search(rf"{kind} +shared rows +stopping en +1 of 13 rows are training rows, too", capsys.readouterr().out)


def test_files_that_a_task_cannot_name_are_its_problem(capsys):
    tasks("sources={'a': {split: (lambda code: 1 / 0) for split in pair_task().languages}}")
    assert check("--data", "demo") == 1
    out = capsys.readouterr().out
    assert "train en: naming its files raises ZeroDivisionError" in out
    assert "as the model sees them" not in out


def test_a_repository_without_network_is_one_problem(tmp_path):
    """In a process that is told to be offline, with nothing of the hub in its cache."""
    languages = ("de", "en", "fr", "sw")
    rows = {code: {"config": code, "split": "test"} for code in languages}
    trained = {"en": {"config": "en", "split": "train"}}
    hub = {"repository": "a/b", "revision": "0" * 40, "train": trained, "stopping": trained, "dev": rows, "test": rows}
    says = {"role": "target", "format": "pair", "labels": ["good", "bad"], "hub": hub}
    Path("own.yaml").write_text(write_yaml({"mine": says, "other": says}), encoding="utf-8")
    call = "import sys; from sweep.command_line.main import main; sys.exit(main(sys.argv[1:]))"
    ended = subprocess.run(
        [sys.executable, "-c", call, "tasks", "--check", "own.yaml"], capture_output=True, text=True, check=False,
        timeout=100, env=os.environ | {
            "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "COLUMNS": "300",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert len(re.findall(r"\b(?:target) +pair +1 problem\b", ended.stdout)) == 2
    said = " ".join(ended.stdout.split())
    assert said.count("cannot be read: ConnectionError: Couldn't reach 'a/b' on the Hub") == 2
    assert said.count("No rows of a/b were looked at: train, stopping, dev, test") == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--check", "nowhere.py"], "nowhere.py is no file"),
        (["--check", "own.txt"], "unknown kind of file of tasks '.txt'"),
        (["--check", "own.py", "--data", "nowhere"], "data 'nowhere' is no folder"),
        (["--check", "own.py", "--data", "rows", "--encoder", "bundeld"], "unknown encoder 'bundeld'"),
        (["--encoder", "bundled"], "--encoder bundled: its tokenizer is used by --check FILE only"),
    ],
)
def test_bad_input_exits_with_2(words, says, capsys):
    tasks()
    Path("own.txt").write_text("x", encoding="utf-8")
    Path("rows").mkdir()
    assert main(["tasks", *words]) == 2
    assert says in capsys.readouterr().err
