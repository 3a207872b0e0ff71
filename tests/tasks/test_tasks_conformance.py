"""One suite over every registered task and every corpus at hand: what a task declares must be what its rows give."""

from __future__ import annotations

import functools

import pytest

from tests.made.conformance import Conformance
from tests.made.texts import MIRROR, tokenizer
from trainables.data.hub import open_data
from trainables.data.mlm import load_mlm
from trainables.ledger.spec import MlmSettings
from trainables.tasks import languages
from trainables.tasks.registry import intermediates, targets, task, tasks
from trainables.tasks.task import Role, Split

CORPORA = ["demo", *([str(MIRROR)] if MIRROR.is_dir() else [])]
SCORED = [known.name for known in tasks().values() if known.role is not Role.MLM]


@pytest.fixture(params=CORPORA, ids=lambda name: "demo" if name == "demo" else "mirror")
def corpus(request):
    return opened(request.param)


@functools.cache
def opened(name):
    return open_data(name)


@pytest.mark.parametrize("name", SCORED)
class TestEveryTask(Conformance):
    """Every scored task on every corpus."""


def test_mlm_gives_text_within_the_declared_length(corpus):
    known = task("mlm")
    codes = tuple(code for code in ("en", "de", "zh", "ar") if code in languages.XTREME)
    loaded = load_mlm(MlmSettings(languages=codes, sentences=60), corpus)
    assert len(loaded.examples) == 60
    assert {example.language for example in loaded.examples} == set(codes)
    encoded = known.format.encode(loaded.examples, tokenizer(), known.max_length, training=True)
    assert max(map(len, encoded.sequences)) <= known.max_length
    assert bool(loaded.notes) == (corpus.kind == "mirror")


def test_order_is_that_of_table_2():
    order = ["anli", "qqp", "squad", "hellaswag", "ccg", "cosmosqa", "csqa"]
    assert [known.name for known in intermediates()] == order
    order = ["xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc", "tatoeba"]
    assert [known.name for known in targets()] == order


def test_xquad_and_mlqa_share_one_training_run():
    xquad, mlqa = task("xquad"), task("mlqa")
    assert xquad.fine_tuning == mlqa.fine_tuning == "squad-target"
    for split in (Split.TRAIN, Split.STOPPING):
        assert [s.path for s in xquad.files(split, "en")] == [s.path for s in mlqa.files(split, "en")]
    assert task("squad").fine_tuning != "squad-target"


def test_selection_uses_the_only_set_where_there_is_no_dev():
    assert {known.name for known in targets() if known.selection_split is Split.TEST} == {"xquad", "tydiqa", "tatoeba"}
    assert task("bucc").selection_split is Split.DEV
    assert len(task("udpos").languages[Split.DEV]) == 29


def test_languages_are_those_of_xtreme():
    assert len(languages.XTREME) == len(set(languages.XTREME)) == 40
    assert set(languages.XTREME) - set(languages.TATOEBA) == {"en", "ms", "my", "yo"}


def test_tasks_say_in_which_languages_they_can_be_trained():
    found = {name: known.training_languages for name, known in tasks().items() if known.trains}
    assert found["panx"] == found["mlm"] == languages.XTREME
    assert set(languages.UDPOS) - set(found["udpos"]) == {"th", "tl", "yo"}, "treebanks with a test set only"
    assert (found["tydiqa"], found["xnli"], found["pawsx"]) == (languages.TYDIQA, languages.XNLI, languages.PAWSX)
    others = set(found) - {"panx", "mlm", "udpos", "tydiqa", "xnli", "pawsx"}
    assert {found[name] for name in others} == {("en",)}
    assert all(codes[0] == "en" for codes in found.values())
    assert task("tatoeba").training_languages == ()


@pytest.mark.parametrize("name", ["panx", "udpos", "tydiqa", "xnli", "pawsx"])
def test_every_training_language_has_files_of_its_own(name):
    known = task(name)
    for preference in known.sources:
        for split in (Split.TRAIN, Split.STOPPING):
            files = {
                code: tuple((source.path, source.keep) for source in known.files(split, code, preference))
                for code in known.languages_of(split)
            }
            assert len(set(files.values())) == len(files)
