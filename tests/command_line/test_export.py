"""`xstilts export` on a small store: what it writes, and what it says of bad input."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from unittest import mock

import huggingface_hub
import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModel, AutoTokenizer

from sweep.command_line.main import main
from tests.made.encoders import encoder_folder
from tests.made.swept import said
from trainables.ledger.exported import read_exported
from trainables.ledger.store import Store
from trainables.model.base import Base
from trainables.model.stored import load_stored
from trainables.tasks.registry import task


@pytest.fixture
def store(swept, tmp_path) -> Store:
    """A copy that a test may change."""
    return Store(Path(shutil.copytree(swept["store"], tmp_path / "store")))


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


@pytest.mark.parametrize("kept", ["", "[" * 50_000, "encoder: &a [*a]", "encoder: {name: /elsewhere/other}"])
def test_an_encoder_that_has_moved_can_be_pointed_at(store, tmp_path, swept, encoder, capsys, kept):
    (store.root / "config.yaml").write_text(kept)
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
