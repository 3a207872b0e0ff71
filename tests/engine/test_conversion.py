"""Every architecture and kind of head as the model of transformers: the same outputs, or refused in one sentence."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from transformers import AutoModel

from tests.made.encoders import encoder
from trainables.model import conversion
from trainables.model.architectures import ARCHITECTURES
from trainables.model.conversion import AUTO_CLASSES, ConversionError, converted, taken_apart
from trainables.model.encoder import without_pooler
from trainables.model.heads import new_head
from trainables.model.trained_head import HeadError, HeadFacts, TrainedHead, load_head, save_head
from trainables.tasks.registry import task

TASKS = ("xnli", "hellaswag", "udpos", "xquad")
REFUSED = {
    ("electra", "xnli"): "ElectraForSequenceClassification has GELU where this tool trains tanh",
    ("electra", "hellaswag"): "ElectraForMultipleChoice has GELU where this tool trains tanh",
    ("eurobert", "hellaswag"): "transformers has no AutoModelForMultipleChoice for eurobert",
    ("eurobert", "xquad"): "transformers has no AutoModelForQuestionAnswering for eurobert",
    ("nomic_bert", "hellaswag"): "transformers has no AutoModelForMultipleChoice for nomic_bert",
    ("nomic_bert", "xquad"): "transformers has no AutoModelForQuestionAnswering for nomic_bert",
    ("jina_embeddings_v3", "hellaswag"): "transformers has no AutoModelForMultipleChoice for jina_embeddings_v3",
}


def bare(kind):
    """A tiny encoder without pooling layer, as runs have it."""
    whole = encoder(kind)
    made = AutoModel.from_config(whole.config, **without_pooler(whole.config))
    state = whole.state_dict()
    made.load_state_dict({name: state[name] for name in made.state_dict()})
    return made.eval()


def trained(config, name, **changes):
    """A head all of whose weights are random."""
    form = task(name).format
    head = new_head(form, config)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    facts = HeadFacts(task=name, kind=form.head, labels=form.labels, max_length=64, dropout=0.1)
    return TrainedHead(facts=dataclasses.replace(facts, **changes), weights=head.state_dict())


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_has_an_equal_model_or_is_refused(kind, name, tmp_path):
    """The saved model computes by itself what the classes of transformers say; weights come back as they were."""
    own = bare(kind)
    head = trained(own.config, name)
    if (kind, name) in REFUSED:
        with pytest.raises(ConversionError, match=f"^{REFUSED[kind, name]}.*; its encoder can be exported"):
            converted(own, head)
        return
    model = converted(own, head)
    model.save_pretrained(tmp_path)
    loaded, told = AUTO_CLASSES[head.facts.kind].from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told.values())
    network = taken_apart(loaded, head.facts)
    for given, found in ((own.state_dict(), network.encoder.state_dict()),
                         (head.weights, network.heads[name].state_dict())):  # fmt: skip
        assert given.keys() == found.keys()
        assert all(torch.equal(given[key], found[key]) for key in given)


def test_a_class_that_computes_something_else_is_found_out(monkeypatch):
    """Electra's own class for pairs has another activation: without the note of that, its outputs tell."""
    noted = ARCHITECTURES["electra"]
    silent = dataclasses.replace(noted, classifier=dataclasses.replace(noted.classifier, differs=""))
    monkeypatch.setattr(conversion, "ARCHITECTURES", {"electra": silent})
    own = bare("electra")
    with pytest.raises(ConversionError, match="computes other outputs than the head that was trained"):
        converted(own, trained(own.config, "xnli"))


def test_a_class_with_other_layers_is_refused(monkeypatch):
    noted = ARCHITECTURES["bert"]
    wrong = dataclasses.replace(noted, classifier=dataclasses.replace(noted.classifier, dense="dense"))
    monkeypatch.setattr(conversion, "ARCHITECTURES", {"bert": wrong})
    own = bare("bert")
    with pytest.raises(ConversionError, match=r"has other layers .*bert\.pooler\.dense\.bias, bert\.pooler.* more"):
        converted(own, trained(own.config, "xnli"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "xnil"}, "the head's unknown task 'xnil'; did you mean 'xnli'"),
        ({"labels": ("yes", "no")}, "for the labels yes, no; task xnli of this version"),
    ],
)
def test_a_head_for_what_is_not_known_here_is_an_error(changes, said):
    own = bare("bert")
    with pytest.raises(HeadError, match=said):
        converted(own, trained(own.config, "xnli", **changes))


def test_a_head_is_read_as_it_was_written(tmp_path):
    own = bare("bert")
    head = new_head(task("udpos").format, own.config)
    facts = HeadFacts(task="udpos", kind="tagging", labels=task("udpos").format.labels, max_length=77, dropout=0.25)
    save_head(head, facts, tmp_path / "udpos.safetensors")
    found = load_head(tmp_path / "udpos.safetensors")
    assert found.facts == facts
    assert all(torch.equal(found.weights[name], each) for name, each in head.state_dict().items())
    assert found.weights.keys() == head.state_dict().keys()


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"what"])
def test_a_file_that_holds_no_head_is_named(tmp_path, content):
    (tmp_path / "xnli.safetensors").write_bytes(content)
    with pytest.raises(HeadError, match=r"xnli\.safetensors (cannot be read|holds a head of format None)"):
        load_head(tmp_path / "xnli.safetensors")
