"""An encoder and a trained head as the model of transformers that computes the same, and back again.

transformers has a class for every architecture and kind of head. Whether it computes what a head of ours does is not
believed but tried: its weights must be exactly those of encoder and head, and its outputs on random inputs the same.

Shapes: B sequences, L longest sequence, R rows, G sequences a row.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights
from transformers.models.auto import modeling_auto as auto

from trainables.model.architectures import ARCHITECTURES, Classifier
from trainables.model.batches import Batch, collate
from trainables.model.encoder import without_pooler
from trainables.model.heads import SequenceHead, SpanHead, TaggingHead, TaskHead, new_head
from trainables.model.network import Network
from trainables.model.trained_head import HeadError, HeadFacts, TrainedHead
from trainables.tasks.formats.base import Encoded, Format, Head
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.registry import task

AUTO_CLASSES: Mapping[Head, Any] = MappingProxyType({
    Head.CLASSIFICATION: auto.AutoModelForSequenceClassification,
    Head.CHOICE: auto.AutoModelForMultipleChoice,
    Head.TAGGING: auto.AutoModelForTokenClassification,
    Head.SPAN: auto.AutoModelForQuestionAnswering,
})  # fmt: skip
"""Kind of head -> the class of transformers that loads such models."""
_MAPPINGS = MappingProxyType({
    Head.CLASSIFICATION: auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    Head.CHOICE: auto.MODEL_FOR_MULTIPLE_CHOICE_MAPPING,
    Head.TAGGING: auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    Head.SPAN: auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING,
})  # fmt: skip
_DROPOUTS = ("classifier_dropout", "classifier_dropout_prob", "cls_dropout")
"""What architectures call the dropout of their heads."""
_REMEDY = "its encoder can be exported, and the head is in the run's folder"
TOLERANCE = 1e-4
"""Of outputs, relative to the largest; far above rounding in fp32 and far below any other formula."""
_LENGTHS = (9, 4, 7, 5)
"""Sub-words of the sequences on which outputs are compared; of different lengths, so that some are padded."""


class ConversionError(ValueError):
    """A model that transformers has no equal class for."""


def converted(encoder: PreTrainedModel, trained: TrainedHead) -> PreTrainedModel:
    """The model of transformers with these weights, in evaluation mode; it shares their memory.

    Raises ConversionError where there is no such class, where its weights are not exactly those of the encoder and the
    head, and where its outputs differ; HeadError for a head that this version has no task for.
    """
    facts = trained.facts
    format_of(facts)
    found = _MAPPINGS[facts.kind].get(type(encoder.config), None)
    own = ARCHITECTURES[encoder.config.model_type].head(facts.kind)
    if found is None or own is None:
        name = AUTO_CLASSES[facts.kind].__name__
        raise ConversionError(f"transformers has no {name} for {encoder.config.model_type}; {_REMEDY}")
    if own.differs:
        raise ConversionError(f"{found.__name__} {own.differs}, so it would be another model; {_REMEDY}")
    with no_init_weights():
        model: PreTrainedModel = found(configured(encoder.config, facts)).to(torch.float32)
    weights = {f"{model.base_model_prefix}.{key}": tensor for key, tensor in encoder.state_dict().items()}
    weights |= {_name(key, own): tensor for key, tensor in trained.weights.items()}
    wanted = model.state_dict()
    if wanted.keys() != weights.keys() or any(wanted[key].shape != weights[key].shape for key in wanted):
        more, less = sorted(wanted.keys() - weights.keys()), sorted(weights.keys() - wanted.keys())
        raise ConversionError(
            f"{found.__name__} has other layers than this {facts.kind} head (it has {', '.join(more) or 'none'} more, "
            f"{', '.join(less) or 'none'} less, or of other sizes); {_REMEDY}"
        )
    model.load_state_dict(weights, strict=True, assign=True)
    model.eval()
    _check_equal(model, encoder, trained)
    return model


def taken_apart(model: PreTrainedModel, facts: HeadFacts) -> Network:
    """Encoder and head of a model that `converted` made; the inverse. They share its memory."""
    prefix, own = model.base_model_prefix, ARCHITECTURES[model.config.model_type].head(facts.kind)
    assert own
    state = model.state_dict()
    head = trained_head(facts, model.config)
    head.load_state_dict({key: state.pop(_name(key, own)) for key in head.state_dict()}, strict=True, assign=True)
    with no_init_weights():
        encoder = AutoModel.from_config(model.config, dtype=torch.float32, **without_pooler(model.config))
    encoder.load_state_dict({key.removeprefix(f"{prefix}."): each for key, each in state.items()}, strict=True,
                            assign=True)  # fmt: skip
    return Network(encoder.eval(), {facts.task: head}).eval()


def configured(config: PretrainedConfig, facts: HeadFacts) -> PretrainedConfig:
    """The encoder's configuration with what the head adds; nothing of the encoder changes."""
    made = copy.deepcopy(config)
    labels = facts.labels or ("LABEL_0", "LABEL_1")  # start and end of a span
    made.id2label = dict(enumerate(labels))
    made.label2id = {label: number for number, label in enumerate(labels)}
    made.problem_type = "single_label_classification" if facts.kind is Head.CLASSIFICATION else None
    for name in _DROPOUTS:
        if hasattr(made, name):
            setattr(made, name, facts.dropout)
    own = ARCHITECTURES[config.model_type].head(facts.kind)
    for name, value in own.settings if own else ():
        setattr(made, name, value)
    return made


def format_of(facts: HeadFacts) -> Format:
    """Format of the head's task, with its labels; raises HeadError where the task now has others, or is not known."""
    try:
        of = task(facts.task)
    except ValueError as error:
        raise HeadError(f"the head's {error}") from error
    form = of.open_labels.task(facts.labels).format if of.open_labels else of.format
    if (form.head, form.labels) != (facts.kind, facts.labels):
        raise HeadError(
            f"the head is of kind {facts.kind} for the labels {', '.join(facts.labels)}; task {facts.task} of this "
            f"version is of kind {form.head} with {', '.join(form.labels)}"
        )
    return form


def trained_head(facts: HeadFacts, config: PretrainedConfig) -> TaskHead:
    """A head of this kind, its weights yet to be loaded."""
    return new_head(format_of(facts), config)


def _name(key: str, own: Classifier) -> str:
    """Name in the model of a weight of a head of ours."""
    layer, _, kind = key.rpartition(".")
    return f"{getattr(own, layer)}.{kind}"


@torch.no_grad()
def _check_equal(model: PreTrainedModel, encoder: PreTrainedModel, trained: TrainedHead) -> None:
    """Compare outputs with ours on random sub-words."""
    facts = trained.facts
    head = trained_head(facts, encoder.config)
    head.load_state_dict(dict(trained.weights), strict=True)
    network = Network(encoder, {facts.task: head}).eval()
    batch = collate(
        _tried(encoder.config, facts), np.arange(len(_LENGTHS) // _group(facts)), encoder.config.pad_token_id
    )
    ours = our_logits(network, facts.task, batch)
    theirs = _their_logits(model, batch, facts.kind)
    scale = max(1.0, *(float(each.abs().max()) for each in ours))
    off = max(float((one - other).abs().max()) for one, other in zip(ours, theirs, strict=True))
    if not off <= TOLERANCE * scale:
        raise ConversionError(
            f"{type(model).__name__} computes other outputs than the head that was trained (up to {off:.2g} apart), so "
            f"it would be another model; {_REMEDY}"
        )


def our_logits(network: Network, name: str, batch: Batch) -> list[Tensor]:
    """Logits of every row as the head has them: [C] or [G], [W, C], [2, L]."""
    head = network.heads[name]
    hidden = network.states(batch, head.reads(batch))  # type: ignore[operator]
    if isinstance(head, SequenceHead):
        return list(head.logits(hidden, batch))
    assert isinstance(head, TaggingHead | SpanHead)
    sizes = batch.positions if isinstance(head, TaggingHead) else batch.lengths
    split = head.logits(hidden).split(list(sizes))
    return [each.T for each in split] if isinstance(head, SpanHead) else list(split)


def _their_logits(model: PreTrainedModel, batch: Batch, kind: Head) -> list[Tensor]:
    """The same of a model of transformers."""
    inputs = {"input_ids": batch.ids_BL, "attention_mask": batch.mask_BL}
    if kind is Head.CHOICE:
        inputs = {name: each.view(-1, batch.group, each.shape[-1]) for name, each in inputs.items()}
    found = model(**inputs)
    if kind is Head.SPAN:
        both_B2L = torch.stack([found.start_logits, found.end_logits], 1)
        return [both_2L[:, :length] for both_2L, length in zip(both_B2L, batch.lengths, strict=True)]
    if kind is not Head.TAGGING:
        return list(found.logits)
    read_PC = found.logits[batch.sequence_P, batch.position_P]
    return list(read_PC.split(list(batch.positions)))


def _tried(config: PretrainedConfig, facts: HeadFacts) -> Encoded:
    """Rows of random sub-words, no padding among them; of a tagger every other one is the first of a word."""
    drawn = np.random.default_rng(0)
    ids = [number for number in range(min(config.vocab_size, 1000)) if number != config.pad_token_id]
    rows = len(_LENGTHS) // _group(facts)
    words = [np.arange(1, length, 2, dtype=np.int32) for length in _LENGTHS] if facts.kind is Head.TAGGING else []
    return Encoded(
        examples=[],
        sequences=Ragged.of([drawn.choice(ids, length).astype(np.int32) for length in _LENGTHS]),
        owners=np.arange(rows, dtype=np.int32),
        group=_group(facts),
        word_positions=Ragged.of(words),
        tags=Ragged.of(words),
    )


def _group(facts: HeadFacts) -> int:
    """Sequences a row; of choices two, whatever the task has."""
    return 2 if facts.kind is Head.CHOICE else 1
