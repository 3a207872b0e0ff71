"""`xstilts predict` with models of a small store: what it writes, and what it says of bad rows."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sweep.command_line.main import main
from tests.made.swept import DEMO, said
from trainables.data.hub import demo_folder, load
from trainables.ledger.exported import Exported, ExportedError, read_exported
from trainables.ledger.spec import Precision
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def demo_rows(name: str, split: Split, language: str) -> Path:
    source = task(name).files(split, language)[0]
    return demo_folder() / source.repository / source.config / f"{source.split}.parquet"


def stored(swept, name):
    group = "xquad" if name == "mlqa" else name
    path = Store(Path(swept["store"])).fetch(swept[f"none -> {group}"], f"predictions/{name}.parquet")
    return {(row["split"], row["language"], row["id"]): row["prediction"] for row in pq.read_table(path).to_pylist()}


def predicted(*words, out):
    assert main(["predict", *map(str, words), "--out", str(out)]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("name", ["xnli", "udpos", "xquad", "mlqa"])
@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_rows_of_a_target_get_the_predictions_that_are_stored(swept, models, name, language, tmp_path):
    """The file of the data set as it is; of its rows those that the run has measured."""
    wanted = stored(swept, name)
    for split in {each for each, code, _ in wanted if code == language}:
        lines = predicted(models / name, "--rows", demo_rows(name, Split(split), language), "--language", language,
                          out=tmp_path / "out.jsonl")  # fmt: skip
        own = [line for line in lines if line.get("language", language) == language]
        examples = load(task(name), Split(split), language, DEMO).examples
        assert len(own) == len(examples)
        found = {example.id: line["prediction"] for example, line in zip(examples, own, strict=True)}
        rows = {key[2]: each for key, each in wanted.items() if key[:2] == (split, language)}
        assert len(rows) == 6
        for row_id, prediction in rows.items():
            assert found[row_id] == (prediction if name == "udpos" else prediction[0])


PAIRS = [
    {"text_a": "It rains.", "text_b": "It is wet.", "label": "entailment"},
    {"text_a": "Sie, sagte \"nein\"\n", "text_b": "", "label": "neutral"},
    {"text_a": "三", "text_b": "四"},
]  # fmt: skip


def written(rows, path):
    """Rows in the kind of file that the suffix says."""
    if path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows([{name: row.get(name, "") for name in rows[0]} for row in rows])
    return path


def test_every_kind_of_file_gives_the_same_predictions(models, tmp_path):
    found = [
        predicted(models / "xnli", "--rows", written(PAIRS, tmp_path / f"rows{kind}"), out=tmp_path / "out.jsonl")
        for kind in (".jsonl", ".csv", ".tsv", ".parquet")
    ]
    assert found[0] == found[1] == found[2] == found[3]
    assert [line["id"] for line in found[0]] == ["1", "2", "3"]
    assert all(sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5) for line in found[0])
    model = AutoModelForSequenceClassification.from_pretrained(models / "xnli")
    tokenizer = AutoTokenizer.from_pretrained(models / "xnli")
    with torch.no_grad():
        logits = model(**tokenizer("It rains.", "It is wet.", return_tensors="pt")).logits[0]
    plain = dict(zip(task("xnli").format.labels, logits.softmax(-1).tolist(), strict=True))
    assert found[0][0]["probabilities"] == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".parquet"])
def test_predictions_are_written_in_the_kind_of_file_that_is_named(models, tmp_path, kind):
    rows = written(PAIRS, tmp_path / "rows.jsonl")
    plain = predicted(models / "xnli", "--rows", rows, out=tmp_path / "out.jsonl")
    assert main(["predict", str(models / "xnli"), "--rows", str(rows), "--out", str(tmp_path / f"out{kind}")]) == 0
    if kind == ".parquet":
        assert pq.read_table(tmp_path / "out.parquet").to_pylist() == plain
        return
    with (tmp_path / f"out{kind}").open(newline="") as file:
        found = list(csv.DictReader(file, delimiter="," if kind == ".csv" else "\t"))
    assert [(line["id"], line["prediction"]) for line in found] == [(each["id"], each["prediction"]) for each in plain]
    assert float(found[0]["probability_neutral"]) == plain[0]["probabilities"]["neutral"]


def test_the_score_is_over_the_rows_that_say_what_is_right(models, tmp_path, capsys):
    [first, second, _] = predicted(models / "xnli", "--rows", written(PAIRS, tmp_path / "rows.jsonl"),
                                   out=tmp_path / "out.jsonl")  # fmt: skip
    right = (first["prediction"] == "entailment") + (second["prediction"] == "neutral")
    assert f"en: accuracy {50.0 * right:.1f} over 2 rows" in capsys.readouterr().out


def test_without_a_file_predictions_go_to_the_terminal_and_the_score_beside_them(models, tmp_path, capsys):
    rows = written([{"question": "Wer?", "context": "\x9b Ada war es.", "answers": "Ada", "language": "de", "id": 7}],
                   tmp_path / "rows.jsonl")  # fmt: skip
    assert main(["predict", str(models / "mlqa"), "--rows", str(rows)]) == 0
    told = capsys.readouterr()
    assert "\x9b" not in told.out
    [line] = map(json.loads, told.out.splitlines())
    assert (line["id"], line["language"]) == ("7", "de")
    assert line["prediction"] in "\x9b Ada war es."
    assert "de: f1 " in told.err


def test_words_may_be_a_list_or_apart_by_blanks(models, tmp_path):
    rows = [{"words": ["Das", "ist", "gut"]}, {"words": "Das ist gut"}, {"words": '["Das", "ist", "gut"]'}]
    found = []
    for row in rows[:2]:
        found += predicted(models / "udpos", "--rows", written([row], tmp_path / "r.jsonl"), out=tmp_path / "o.jsonl")
    found += predicted(models / "udpos", "--rows", written(rows[2:], tmp_path / "r.csv"), out=tmp_path / "o.jsonl")
    assert found[0] == found[1] == found[2]
    assert len(found[0]["prediction"]) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "rows.csv",
            "premis,hypothesis\na,b\n",
            "rows.csv: columns premis, hypothesis; allowed for xnli: premise, hypo",
        ),
        ("rows.csv", "premis,hypothesis\na,b\n", "'premis' may be 'premise'"),
        (
            "rows.csv",
            "text_a,text_b,label\na,b,entailmnt\n",
            "row 1: label is 'entailmnt', allowed: contradiction, ent",
        ),
        ("rows.csv", "text_a,text_b\na,b\nc\n", "row 2: 1 cells, the headings are 2"),
        ("rows.csv", "text_a,text_a\na,b\n", "has several columns text_a"),
        ("rows.csv", 'text_a,text_b\n"a,b\n', "unexpected end of data"),
        ("rows.csv", "", "columns none; allowed for xnli"),
        ("rows.csv", "text_a,text_b\n", "rows.csv has no rows"),
        ("rows.jsonl", '{"text_a": "a", "text_b": 3}\n', "row 1: text_b is 3, expected text"),
        ("rows.jsonl", '{"text_a": "a", "text_b": "b"}\n{"text_a": "a"}\n', "row 2: no text_b; it has text_a"),
        ("rows.jsonl", '{"text_a": "a", "text_b": "b", "label": 1}\n', "row 1: label is 1, allowed: contradiction"),
        ("rows.jsonl", '{"text_a": "a"\n', "line 1: it is no JSON"),
        ("rows.jsonl", "[1]\n", "line 1: it is [1]; allowed: one object a line"),
        ("rows.jsonl", '{"text_a": "\\ud800", "text_b": "b"}\n', "line 1: it is no JSON"),
        ("rows.jsonl", b"\xff\xfe", "is no UTF-8 text"),
        ("rows.parquet", b"PAR1", "cannot be read as parquet"),
        ("rows.xlsx", b"", "unknown kind of file '.xlsx'"),
    ],
)
def test_bad_rows_are_named_with_what_is_allowed(models, tmp_path, capsys, name, content, message):
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    assert main(["predict", str(models / "xnli"), "--rows", str(tmp_path / name)]) == 2
    assert message in said(capsys)


def test_a_folder_that_is_no_exported_model_is_refused(models, tmp_path, swept, capsys, encoder):
    rows = written(PAIRS, tmp_path / "rows.jsonl")
    words = ["--rows", str(rows)]
    assert main(["predict", str(encoder), *words]) == 2
    assert "is no exported model" in said(capsys)
    assert main(["export", swept["store"], "--run", swept["squad"], "--to", str(tmp_path / "encoder")]) == 0
    assert main(["predict", str(tmp_path / "encoder"), *words]) == 2
    assert "holds an encoder, which predicts nothing" in said(capsys)
    for file in ("model.safetensors", "tokenizer.json", "xstilts.json"):
        damaged = shutil.copytree(models / "xnli", tmp_path / file)
        path = damaged / file
        path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
        assert main(["predict", str(damaged), *words]) == 2
        assert f"{file}" in (told := said(capsys))
        assert "export it again" in told
    assert main(["predict", str(models / "xnli"), *words, "--out", str(tmp_path / "out.xlsx")]) == 2
    assert "unknown kind of file" in said(capsys)
    assert main(["predict", str(models / "xnli"), "--rows", str(tmp_path / "nothing.csv")]) == 2
    assert "nothing.csv: No such file" in said(capsys)


def test_what_a_folder_says_of_itself_is_read_as_it_was_written(models):
    found = read_exported(models / "xnli")
    assert Exported.from_json(found.to_json()) == found
    assert found.labels == task("xnli").format.labels
    assert found.precision is Precision.FP32
    with pytest.raises(ValueError, match="digest differs"):
        Exported.from_json(found.to_json().replace('"xnli"', '"udpos"', 1))


def test_an_exported_model_with_a_file_gone_is_damaged(models, tmp_path):
    folder = shutil.copytree(models / "xnli", tmp_path / "xnli")
    (folder / "config.json").unlink()
    with pytest.raises(ExportedError, match=r"config\.json cannot be read"):
        read_exported(folder)
