"""`xstilts export` and `xstilts predict` on a small store: what they write, and what they say of bad input."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from unittest import mock

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from sweep.command_line.main import main
from tests.made.encoders import encoder_folder
from tests.made.phases import OPTIONS, planned_with, spec
from trainables.data.hub import demo_folder, load, open_data
from trainables.ledger.exported import Exported, ExportedError, read_exported
from trainables.ledger.spec import EncoderRef, Phase, Precision
from trainables.ledger.store import Store
from trainables.model.base import Base
from trainables.model.names import encoder_fingerprint
from trainables.model.stored import load_stored
from trainables.phases.run import run_to_end
from trainables.tasks.registry import task
from trainables.tasks.task import Split

DEMO = open_data("demo")
TARGETS = (("xnli",), ("udpos",), ("xquad", "mlqa"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return encoder_folder(tmp_path_factory.mktemp("encoders") / "tiny", "xlm-roberta")


@pytest.fixture(scope="module")
def swept(tmp_path_factory, encoder) -> dict[str, str]:
    """Store and ids: the baseline and one intermediate task on three fine-tunings and one retrieval target."""
    store = Store(tmp_path_factory.mktemp("swept") / "store").prepare()
    ref = EncoderRef(name="tiny", revision=encoder_fingerprint(str(encoder)))
    options = dataclasses.replace(OPTIONS, encoder=str(encoder), keep_models=True)

    def computed(phase, *tasks, name, **given):
        made = planned_with(dataclasses.replace(spec(phase, *tasks, **given), encoder=ref), DEMO)
        return run_to_end(made, name, store, options).run_id

    ids = {"squad": computed(Phase.INTERMEDIATE, "squad", name="squad #42")}
    for row, parent in (("none", ""), ("squad", ids["squad"])):
        for tasks in TARGETS:
            ids[f"{row} -> {tasks[0]}"] = computed(
                Phase.TARGET, *tasks, parent=parent, name=f"{row} -> {tasks[0]} #42", learning_rate=1e-3
            )
        ids[f"{row} -> tatoeba"] = computed(Phase.RETRIEVAL, "tatoeba", parent=parent, name=f"{row} -> tatoeba #42")
    store.save_config(f"encoder:\n  name: {encoder}\n")
    return {"store": str(store.root), **ids}


@pytest.fixture
def store(swept, tmp_path) -> Store:
    """A copy that a test may change."""
    return Store(Path(shutil.copytree(swept["store"], tmp_path / "store")))


@pytest.fixture(scope="module")
def models(swept, tmp_path_factory) -> Path:
    """Every target's model of the baseline, under its name."""
    folder = tmp_path_factory.mktemp("models")
    for tasks in TARGETS:
        for name in tasks:
            words = ["--run", swept[f"none -> {tasks[0]}"], "--task", name, "--to", str(folder / name)]
            assert main(["export", swept["store"], *words]) == 0
    return folder


def said(capsys) -> str:
    return " ".join(capsys.readouterr().err.split())


def dev(record, target):
    """Dev score by protocol.md 5.5: mean over languages, then over metrics."""
    of = task(target)
    split = of.selection_split
    return np.mean([
        np.mean([s.value for s in record.scores if (s.task, s.split, s.metric) == (target, split, metric)])
        for metric in of.metrics
    ])  # fmt: skip


@pytest.mark.parametrize("target", ["xnli", "udpos", "mlqa"])
def test_a_target_gives_the_model_with_the_higher_dev_score(swept, target, tmp_path, capsys):
    store = Store(Path(swept["store"]))
    group = "xquad" if target == "mlqa" else target
    ids = [swept[f"{row} -> {group}"] for row in ("none", "squad")]
    best = max(ids, key=lambda run_id: (dev(store.record(run_id), target), run_id == ids[0]))
    assert main(["export", swept["store"], "--target", target, "--to", str(tmp_path / "out")]) == 0
    found = read_exported(tmp_path / "out")
    assert (found.run_id, found.task, found.kind) == (best, target, "model")
    assert found.encoder.name == "tiny"
    assert {(score.task, score.split) for score in found.scores} == {(target, "dev")}
    assert "highest of 2 candidates" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "xstilts.json",
    }  # fmt: skip


def test_a_retrieval_target_gives_the_encoder_that_embeds(swept, tmp_path, capsys, encoder):
    store = Store(Path(swept["store"]))
    ids = [swept[f"{row} -> tatoeba"] for row in ("none", "squad")]
    wins = dev(store.record(ids[1]), "tatoeba") > dev(store.record(ids[0]), "tatoeba")
    assert main(["export", swept["store"], "--target", "tatoeba", "--to", str(tmp_path / "out")]) == 0
    found = read_exported(tmp_path / "out")
    assert (found.kind, found.layer, found.run_id) == ("encoder", 1, swept["squad"] if wins else "")
    told = capsys.readouterr().out
    assert ("the pretrained encoder" in told) is not wins
    whole = AutoModel.from_pretrained(tmp_path / "out").state_dict()
    base = AutoModel.from_pretrained(encoder).state_dict()
    same = all(torch.equal(whole[name], base[name]) for name in base if "pooler" not in name)
    assert same is not wins


def test_an_intermediate_run_gives_its_encoder_or_the_model_of_a_task(swept, encoder, tmp_path):
    words = ["export", swept["store"], "--run", swept["squad"]]
    assert main([*words, "--to", str(tmp_path / "encoder")]) == 0
    assert main([*words, "--task", "squad", "--to", str(tmp_path / "model")]) == 0
    assert [read_exported(tmp_path / name).kind for name in ("encoder", "model")] == ["encoder", "model"]
    one = AutoModel.from_pretrained(tmp_path / "encoder", add_pooling_layer=False)
    folder = Store(Path(swept["store"])).fetch(swept["squad"], "encoder")
    other = load_stored(folder, base=Base(name=str(encoder)))
    ids = AutoTokenizer.from_pretrained(tmp_path / "encoder")("Ein Satz.", return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(one(**ids).last_hidden_state, other(**ids).last_hidden_state)


def test_the_lines_of_the_card_run_as_they_stand(models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("xnli", "udpos", "mlqa"):
        text = (models / name / "README.md").read_text()
        lines = text.split("```python\n")[1].split("```")[0].replace("DIR", str(models / name))
        exec(compile(lines, name, "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3
    assert shown[0].strip("[]'") in task("xnli").format.labels


def test_the_card_says_where_the_model_is_from(swept, tmp_path):
    assert main(["export", swept["store"], "--run", swept["squad -> xnli"], "--to", str(tmp_path / "out")]) == 0
    _, front, text = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["pipeline_tag"] == "text-classification"
    assert told["language"] == ["en", "de", "zh"]
    assert told["license"] == "unknown"
    assert "datasets" not in told  # rows of the demo are none of those data sets
    digest = read_exported(tmp_path / "out").files["config.json"]
    for part in (swept["squad"], swept["squad -> xnli"], "see <https://huggingface.co/datasets/rajpurkar/squad>",
                 "95 % interval", "A demonstration", "`learning_rate` 0.0001; `epochs` 1.0;", digest):  # fmt: skip
        assert part in text
    assert "Test scores of XNLI are left out" in text
    assert "XNLI, test" not in text


def test_test_scores_are_on_the_card_once_the_store_says_that_they_are_opened(store, tmp_path, swept):
    words = ["export", str(store), "--run", swept["none -> xnli"], "--to"]
    assert main([*words, str(tmp_path / "a")]) == 0
    assert store.openings() == ()
    assert main([*words, str(tmp_path / "b"), "--open-test"]) == 0
    [opening] = store.openings()
    assert (opening.target, opening.runs, opening.by) == ("xnli", (swept["none -> xnli"],), "export")
    assert main([*words, str(tmp_path / "c")]) == 0
    cards = [(tmp_path / name / "README.md").read_text() for name in "abc"]
    assert ["XNLI, test:" in card for card in cards] == [False, True, True]
    splits = [{score.split for score in read_exported(tmp_path / name).scores} for name in "abc"]
    assert splits == [{"dev"}, {"dev", "test"}, {"dev", "test"}]


def test_names_are_no_markup_on_the_card(store, tmp_path, swept):
    record = store.record(swept["none -> xnli"])
    store.recompute(record.run_id)
    store.finish(dataclasses.replace(record, name="<script>[x](y)`|\x1b[31m"))
    assert main(["export", str(store), "--run", record.run_id, "--to", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "<script>" not in card
    assert "\x1b" not in card
    assert "&lt;script>\\[x\\](y)\\`\\|" in card


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--target xnil", "--target: unknown target of this sweep 'xnil'; did you mean 'xnli'?"),
        ("--target panx", "unknown target of this sweep 'panx'"),
        ("--target xnli --seed 7", "--seed 7: no run has this seed; seeds here: 42"),
        ("--target xnli --task xnli", "--task chooses among the tasks of a --run"),
        ("--run 0123456789ab", "unknown run of this store '0123456789ab'"),
        ("--run {xquad}", "measures xquad and mlqa; say which with --task"),
        ("--run {xquad} --task mlqq", "unknown task of run {xquad} 'mlqq'; did you mean 'mlqa'?"),
        ("--run {tatoeba} --task tatoeba", "embeds sentences and trains nothing"),
        ("--run {squad} --seed 42", "--seed chooses among the runs of a --target"),
        ("--target xnli --push a/b/c", "--push a/b/c: "),
        ("--target xnli --encoder nowhere", "unknown encoder 'nowhere'"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_sentence(swept, words, message, tmp_path, capsys):
    known = {"xquad": swept["none -> xquad"], "tatoeba": swept["none -> tatoeba"], "squad": swept["squad"]}
    given = words.format(**known).split()
    assert main(["export", swept["store"], *given, "--to", str(tmp_path / "out")]) == 2
    assert message.format(**known) in said(capsys)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_kept_says_how_to_get_it(store, tmp_path, swept, capsys):
    run_id = swept["none -> xnli"]
    record = store.record(run_id)
    kept = {name: each for name, each in record.files.items() if name.startswith("predictions")}
    shutil.rmtree(store.root / "runs" / run_id / "encoder")
    shutil.rmtree(store.root / "runs" / run_id / "heads")
    store.finish(dataclasses.replace(record, files=kept))
    assert main(["export", str(store), "--run", run_id, "--to", str(tmp_path / "out")]) == 2
    told = said(capsys)
    assert f"the model of run {run_id} (none -> xnli #42) is not kept" in told
    assert f"xstilts run --config {store}/config.yaml --store {store} --keep all --recompute {run_id}" in told


@pytest.mark.parametrize("file", ["encoder/delta.safetensors", "heads/xnli.safetensors"])
def test_a_damaged_file_of_a_run_is_named_and_not_exported(store, tmp_path, swept, capsys, file):
    path = store.root / "runs" / swept["none -> xnli"] / file
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert main(["export", str(store), "--run", swept["none -> xnli"], "--to", str(tmp_path / "out")]) == 2
    assert f"{path} is not what was written" in said(capsys)
    assert not (tmp_path / "out").exists()


def test_a_selection_that_does_not_stand_says_why(store, tmp_path, swept, capsys):
    store.recompute(swept["none -> udpos"])
    assert main(["export", str(store), "--target", "udpos", "--to", str(tmp_path / "out")]) == 2
    assert "the selection of POS does not stand: 1 of 2 candidates without a dev score: baseline" in said(capsys)


def test_an_encoder_that_has_moved_can_be_pointed_at(store, tmp_path, swept, encoder, capsys):
    (store.root / "config.yaml").unlink()
    words = ["export", str(store), "--run", swept["none -> tatoeba"], "--to", str(tmp_path / "out")]
    assert main(words) == 2
    assert "the pretrained encoder 'tiny' was a folder, and the store does not say where it is" in said(capsys)
    moved = shutil.copytree(encoder, tmp_path / "moved")
    assert main([*words, "--encoder", str(moved)]) == 0
    (moved / "config.json").write_text((moved / "config.json").read_text() + "\n")
    assert main([*words, "--encoder", str(moved), "--force"]) == 2
    assert "is not what this run was planned with" in said(capsys)
    assert (tmp_path / "out" / "xstilts.json").exists()  # the earlier export stands


def test_a_delta_without_the_encoder_that_it_changes_is_not_exported(swept, tmp_path, encoder, capsys):
    words = ["export", swept["store"], "--run", swept["none -> xnli"], "--to", str(tmp_path / "out"), "--encoder"]
    changed = encoder_folder(tmp_path / "changed", "xlm-roberta", initializer_range=0.5)
    model = AutoModel.from_pretrained(changed)
    model.embeddings.word_embeddings.weight.data[7] += 1
    model.save_pretrained(changed)
    assert main([*words, str(changed)]) == 2
    assert "which has changed: its word embedding has the SHA-256" in said(capsys)
    assert main([*words, str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in said(capsys)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_things_is_never_replaced(swept, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["export", swept["store"], "--run", swept["none -> xnli"], "--to", str(out)]
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    for more in ([], ["--force"]):
        assert main([*words, *more]) == 2
        assert "the folder is not empty; allowed: a new or an empty one" in said(capsys)
    assert (out / "thesis.txt").read_text() == "years of work"
    (out / "thesis.txt").unlink()
    assert main(words) == 0
    assert main(words) == 2
    assert "--force replaces it" in said(capsys)
    assert main([*words, "--force"]) == 0
    assert main([*words[:-1], str(out / "config.json")]) == 2
    assert "it is a file" in said(capsys)


class Client:
    """Stands for the hub's client: the same interface, no network."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.api = mock.create_autospec(huggingface_hub.HfApi, instance=True)
        self.files: dict[str, bytes] = {}
        self.api.create_repo.return_value = huggingface_hub.RepoUrl("https://huggingface.co/me/model")
        self.api.upload_folder.side_effect = fails or self._upload

    def _upload(self, *, repo_id, folder_path, **_):
        self.files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}


def test_a_push_makes_the_repository_and_uploads_the_folder(swept, tmp_path, monkeypatch, capsys):
    client = Client()
    monkeypatch.setattr("sweep.command_line.pushing.HfApi", lambda: client.api)
    words = ["export", swept["store"], "--run", swept["none -> xnli"], "--to", str(tmp_path / "out")]
    assert main([*words, "--push", "me/model", "--private"]) == 0
    client.api.create_repo.assert_called_once_with("me/model", repo_type="model", private=True, exist_ok=True)
    assert client.api.upload_folder.call_args.kwargs["repo_id"] == "me/model"
    assert client.files == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert "Pushed: https://huggingface.co/me/model" in capsys.readouterr().out


def test_a_push_that_fails_leaves_the_folder_and_says_how_to_go_on(swept, tmp_path, monkeypatch, capsys):
    client = Client(OSError("no network"))
    monkeypatch.setattr("sweep.command_line.pushing.HfApi", lambda: client.api)
    out = tmp_path / "out"
    words = ["export", swept["store"], "--run", swept["none -> xnli"], "--to", str(out), "--push", "me/model"]
    assert main(words) == 2
    told = said(capsys)
    assert "it was not pushed to me/model (OSError: no network)" in told
    assert f"hf upload me/model {out}" in told
    assert read_exported(out)


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
