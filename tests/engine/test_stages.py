"""Runs in other languages, chains and MLM alone on the built-in corpus, each against the plain way to the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.made.phases import OPTIONS, planned_with, spec
from trainables.data.hub import demo_folder, open_data
from trainables.data.loading import load
from trainables.ledger.record import Record
from trainables.ledger.spec import EncoderRef, MlmSettings, Phase, RunSpec
from trainables.ledger.store import Store
from trainables.model.names import encoder_fingerprint
from trainables.model.stored import is_delta, load_stored
from trainables.phases.export import write_encoder, write_model
from trainables.phases.run import run, run_to_end
from trainables.report import Advanced
from trainables.tasks.registry import task
from trainables.tasks.sampling import spread
from trainables.tasks.task import Split


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store")).prepare()


def _again(wanted: RunSpec, **changes: object) -> RunSpec:
    """The spec with other fields, planned anew; `train_languages` and `train_rows` are of its data."""
    own = {name: changes.pop(name) for name in ("train_languages", "train_rows") if name in changes}
    data = dataclasses.replace(wanted.data, fingerprint="", **own)
    return planned_with(dataclasses.replace(wanted, data=data, **changes), open_data("demo"))


def _mlm_alone(**changes: object) -> RunSpec:
    alone = spec(Phase.INTERMEDIATE, "qqp", mlm=True)
    settings = dataclasses.replace(alone.optimisation, batch_sizes={"mlm": 8})
    return _again(alone, tasks=("mlm",), optimisation=settings, **changes)


def _weights(store: Store, record: Record) -> dict[str, torch.Tensor]:
    return load_stored(store.fetch(record.run_id, "encoder")).state_dict()


def _assert_same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def _joined_table(root: Path, repository: str, *configs: str, split: str, limit: int) -> None:
    """In the place of the English file: the first rows of each configuration's share, one after another."""
    tables = [pq.read_table(demo_folder() / repository / config / f"{split}.parquet") for config in configs]
    places = [spread(len(each), limit) if split == "train" else list(range(limit)) for each in tables]
    path = root / repository / "PAN-X.en" / f"{split}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(each.take(own) for each, own in zip(tables, places, strict=True)), path)


def test_rows_of_several_languages_are_one_table_of_them(store, tmp_path):
    """The plain way: a folder whose English files hold the German and then the Swahili rows."""
    wanted = _again(spec(Phase.INTERMEDIATE, "panx"), train_languages=("sw", "de"))
    found = run_to_end(wanted, "panx@de+sw", store, OPTIONS)
    for split, limit in (("train", 12), ("validation", 3)):
        _joined_table(tmp_path, "google/xtreme", "PAN-X.de", "PAN-X.sw", split=split, limit=limit)
    english = dataclasses.replace(wanted.data, train_languages=(), train_rows=0, source="mirror")
    plain = planned_with(dataclasses.replace(wanted, data=english), open_data(str(tmp_path)))
    joined = run_to_end(plain, "plain", store, dataclasses.replace(OPTIONS, data=str(tmp_path)))
    _assert_same(_weights(store, found), _weights(store, joined))
    assert found.dev_curve == joined.dev_curve
    assert {score.language for score in found.scores} == {"de+sw"}
    assert [score.value for score in found.scores] == [score.value for score in joined.scores]
    assert [(use.config, use.split, use.rows) for use in found.data_use] == [
        ("PAN-X.de", "train", 12), ("PAN-X.sw", "train", 12),
        ("PAN-X.de", "validation", 3), ("PAN-X.sw", "validation", 3),
    ]  # fmt: skip
    other = run_to_end(spec(Phase.INTERMEDIATE, "panx"), "panx", store, OPTIONS)
    assert any(
        not torch.equal(a, b) for a, b in zip(*(_weights(store, r).values() for r in (found, other)), strict=True)
    )


def test_a_target_that_is_trained_in_another_language_is_measured_in_all(store):
    wanted = _again(spec(Phase.TARGET, "tydiqa"), train_languages=("sw",))
    found = run_to_end(wanted, "tydiqa, trained in Swahili", store, OPTIONS)
    assert {(s.split, s.language) for s in found.scores} == {("stopping", "sw"), ("test", "en")}
    [used] = [use for use in found.data_use if use.split == "train"]
    ids = [e.id for e in load(task("tydiqa"), Split.TRAIN, "sw", open_data("demo"), limit=24).examples]
    assert used.rows == len(ids) == 24
    assert all(each.startswith("swahili-") for each in ids)


def test_a_chain_is_training_on_from_the_encoder_that_was_exported(store, tmp_path):
    first = run_to_end(spec(Phase.INTERMEDIATE, "qqp"), "qqp", store, OPTIONS)
    chained = _again(spec(Phase.INTERMEDIATE, "panx"), parent=first.run_id, train_languages=("sw",))
    second = run_to_end(chained, "qqp>panx@sw", store, OPTIONS)
    assert is_delta(store.fetch(second.run_id, "encoder")), "kept as what has changed since the pretrained encoder"
    folder = tmp_path / "exported"
    folder.mkdir()
    write_encoder(store, first, folder, OPTIONS.encoder)
    exported = EncoderRef(name=str(folder), revision=encoder_fingerprint(str(folder)))
    plain = dataclasses.replace(chained, parent="", encoder=exported)
    alone = run_to_end(plain, "plain", store, dataclasses.replace(OPTIONS, encoder=str(folder)))
    one = _weights(store, second)
    two = load_stored(store.fetch(alone.run_id, "encoder")).state_dict()
    _assert_same(one, two)
    assert second.scores == alone.scores
    assert any(not torch.equal(value, one[name]) for name, value in _weights(store, first).items())


def test_a_chain_of_three_is_kept_as_changes_and_equals_the_chain_kept_whole(store, tmp_path):
    whole = Store(tmp_path).prepare()
    found = []
    for place, options in ((store, OPTIONS), (whole, dataclasses.replace(OPTIONS, store_deltas=False))):
        parent = ""
        for name, languages in (("qqp", ()), ("panx", ("sw",)), ("csqa", ())):
            wanted = _again(spec(Phase.INTERMEDIATE, name), parent=parent, train_languages=languages)
            parent = run_to_end(wanted, name, place, options).run_id
        assert is_delta(place.fetch(parent, "encoder")) is options.store_deltas
        found.append(_weights(place, place.record(parent)))
    _assert_same(*found)


def test_mlm_alone_leaves_an_encoder_and_no_score(store, tmp_path):
    record = run_to_end(_mlm_alone(steps=5), "mlm", store, OPTIONS)
    assert (record.scores, record.dev_curve, record.findings) == ((), (), ())
    assert (record.steps, record.planned_steps, record.best_step) == (5, 5, 5)
    assert store.record(record.run_id) == record, "it can be read"
    assert not any(path.startswith("heads") for path in record.files)
    with pytest.raises(ValueError, match="unknown trained task of run"):
        write_model(store, record, "mlm", tmp_path, OPTIONS.encoder)
    write_encoder(store, record, tmp_path, OPTIONS.encoder)
    assert (tmp_path / "model.safetensors").is_file()


def test_mlm_alone_goes_once_through_its_sentences_in_an_epoch(store):
    record = run_to_end(_mlm_alone(), "mlm", store, OPTIONS)
    assert record.planned_steps == 3, "24 sentences by 8"
    assert {use.config for use in record.data_use} == {"20231101.en", "20231101.sw"}


def test_mlm_alone_that_is_cut_continues_and_ends_bit_identical(store, tmp_path):
    wanted = _mlm_alone(steps=6)
    calm = run_to_end(wanted, "mlm", store, OPTIONS)
    other = Store(tmp_path).prepare()
    other.work(wanted.run_id)
    first = run(wanted, "mlm", other, OPTIONS)
    while not (isinstance(item := next(first), Advanced) and item.stage == "train" and 0 < item.step < 6):
        pass
    first.close()
    assert (other.work(wanted.run_id) / "checkpoint.safetensors").exists()
    cut = run_to_end(wanted, "mlm", other, OPTIONS)
    assert cut.files == calm.files
    _assert_same(_weights(store, calm), _weights(other, cut))


def test_what_follows_mlm_alone_starts_from_its_encoder(store):
    """The embedding of a parent that trained all of it is kept whole by its children too."""
    settings = MlmSettings(languages=("sw",), sentences=16)
    parent = run_to_end(_mlm_alone(mlm=settings), "mlm@sw", store, OPTIONS)
    child = run_to_end(_again(spec(Phase.INTERMEDIATE, "panx"), parent=parent.run_id), "mlm@sw>panx", store, OPTIONS)
    assert not is_delta(store.fetch(child.run_id, "encoder"))
    unseen = _weights(store, parent)["embeddings.word_embeddings.weight"][-100]
    kept = _weights(store, child)["embeddings.word_embeddings.weight"][-100]
    pretrained = _weights(store, run_to_end(spec(Phase.INTERMEDIATE, "qqp"), "qqp", store, OPTIONS))
    assert torch.allclose(unseen, kept, rtol=1e-3)
    assert not torch.allclose(pretrained["embeddings.word_embeddings.weight"][-100], kept, rtol=1e-4, atol=0)
