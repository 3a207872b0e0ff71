"""Every architecture against the plain way: transformers' own classes, padded, with eager attention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from tests.made.encoders import ROWS, encoder, encoder_folder, tokenizer_of
from tests.made.families import AUTO, KINDS, MIXED, TASKS, UNPADDED, all_heads, loaded, plain, rows_for, texts
from trainables.evaluation.embed import embedding_layers
from trainables.evaluation.predict import to_the_end
from trainables.ledger.spec import MlmLength, Optimisation
from trainables.model.architectures import ARCHITECTURES, Classifier
from trainables.model.batches import collate
from trainables.model.encoder import load_encoder
from trainables.model.layers import layers_of
from trainables.model.mlm_head import pretrained_mlm_head
from trainables.model.network import Network
from trainables.model.vocabulary import restore, trim, used_ids
from trainables.tasks.formats.base import Encoded, Head
from trainables.tasks.formats.ragged import Ragged
from trainables.training.keeper import Keeping
from trainables.training.loop import Training, TrainingSet
from trainables.training.optimiser import decay_factor, new_optimiser

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("unpadded", [False, True], ids=["padded", "unpadded"])
@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_are_those_of_transformers_for_batches_of_mixed_lengths(kind, unpadded, tmp_path):
    folder = encoder_folder(tmp_path, kind)
    encoded = texts(kind, MIXED)
    net = loaded(folder, unpadded=unpadded)
    assert net.is_unpadded is (unpadded and kind in UNPADDED)
    batch = collate(encoded, np.arange(len(MIXED)), tokenizer_of(kind).pad_token_id)
    with torch.no_grad():
        found = net.states(batch)
    expected = torch.cat(plain(kind, encoded, folder))
    assert expected.abs().max() > 0.1
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("xlm-roberta", "xlm-roberta-xl")])
def test_every_sub_word_is_of_type_0(kind, tmp_path):
    folder = encoder_folder(tmp_path, kind, type_vocab_size=2)
    encoded = texts(kind, [9, 20])
    net = loaded(folder, unpadded=True)
    kinds_of_types = "token_type_ids" in transformers.AutoModel.from_pretrained(folder).forward.__code__.co_varnames
    batch = collate(encoded, np.arange(2), tokenizer_of(kind).pad_token_id)
    with torch.no_grad():
        found = net.states(batch).split(batch.lengths)
    for own, row in zip(found, encoded.sequences, strict=True):
        options = {"token_type_ids": torch.zeros(1, len(row), dtype=torch.long)} if kinds_of_types else {}
        alone = Encoded(examples=[], sequences=Ragged.of([row]), owners=np.zeros(1, np.int32))
        assert torch.allclose(own, plain(kind, alone, folder, **options)[0], atol=1e-5)


LONG = {
    "xlm-roberta": {"num_attention_heads": 1, "num_hidden_layers": 1},
    "modernbert": {"num_attention_heads": 1, "num_hidden_layers": 2},
    "eurobert": {"num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 1},
}


@pytest.mark.parametrize(
    ("kind", "positions"), [*((kind, 150) for kind in KINDS), *((kind, 8192 + 2) for kind in LONG)]
)
def test_inputs_may_be_as_long_as_there_are_positions(kind, positions, tmp_path):
    """The longest input beside a short one, which it does not disturb."""
    shift = tokenizer_of(kind).pad_token_id + 1 if ARCHITECTURES[kind].shifts_positions else 0
    changes = LONG[kind] if positions > 8192 else {}
    folder = encoder_folder(tmp_path, kind, max_position_embeddings=positions, **changes)
    encoded = texts(kind, [positions - shift, 6])
    net = loaded(folder, unpadded=True)
    with torch.inference_mode():
        found = net.states(collate(encoded, np.arange(2), tokenizer_of(kind).pad_token_id))
    short = Encoded(examples=[], sequences=Ragged.of([encoded.sequences[1]]), owners=np.zeros(1, np.int32))
    assert torch.allclose(found[-6:], plain(kind, short, folder)[0], atol=1e-5)
    made = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        whole = made(torch.from_numpy(encoded.sequences[0][None].astype(np.int64))).last_hidden_state[0]
    assert torch.allclose(found[:-6], whole, atol=2e-5)


@pytest.mark.parametrize("head", [*TASKS, Head.MLM])
@pytest.mark.parametrize("kind", sorted(UNPADDED))
def test_without_padding_losses_and_gradients_are_those_of_padded_batches(kind, head):
    """fp64: the sums differ by rounding only, which in EuroBERT's norms is that of fp32."""
    encoded, found = rows_for(kind, head), []
    for unpadded in (False, True):
        made = encoder(kind, seed=2)
        made.set_attn_implementation("sdpa")
        net = Network(made, {head: all_heads(kind, made.config)[head]}).double().eval()
        if unpadded:
            net.use_unpadded()
        assert net.is_unpadded is unpadded
        batch = collate(encoded, np.arange(encoded.num_rows), tokenizer_of(kind).pad_token_id)
        loss = net.loss_sum(head, batch)
        loss.backward()
        grown = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}
        found.append((loss.detach(), grown))
    (loss, padded), (other, without) = found
    rounding = 1e-5 if kind == "eurobert" else 1e-9
    assert torch.allclose(loss, other, rtol=rounding)
    assert padded.keys() == without.keys()
    largest = max(grown.abs().max().item() for grown in padded.values())
    assert largest > 0.001
    assert all(torch.allclose(padded[name], without[name], rtol=0, atol=rounding * largest) for name in padded)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ARCHITECTURES[kind].can_be_cut])
def test_hidden_state_k_is_that_of_transformers_for_every_layer(kind, tmp_path):
    """With the last norm of architectures that have one, which transformers applies to the last state alone."""
    folder, encoded = encoder_folder(tmp_path / "encoder", kind, num_hidden_layers=3), texts(kind, [5, 40, 17])
    whole = load_encoder(str(folder))
    limits = {"pad_id": tokenizer_of(kind).pad_token_id, "max_tokens": 1000}
    found = to_the_end(embedding_layers(whole, encoded, **limits, folder=tmp_path))
    made = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    norm = ARCHITECTURES[kind].last_norm
    for place, row in enumerate(encoded.sequences):
        with torch.no_grad():
            given = made(input_ids=torch.from_numpy(row[None].astype(np.int64)), output_hidden_states=True)
            *lower, _ = given.hidden_states
            states = [made.get_submodule(norm)(state) if norm else state for state in lower] + [given.last_hidden_state]
        assert len(states) == len(layers_of(whole)) + 1 == 4
        for layer, state in enumerate(states):
            expected = nn.functional.normalize(state[0].mean(0), dim=-1)
            assert torch.allclose(found[layer, place], expected, atol=1e-5)


@pytest.mark.parametrize("head", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_heads_compute_what_transformers_own_classes_compute(kind, head, tmp_path):
    """Our head's weights under the names of `Architecture.head`, in transformers' class: the same logits."""
    names: Classifier | None = ARCHITECTURES[kind].head(head)
    if names is None:
        assert not hasattr(transformers, f"{type(encoder(kind)).__name__.removesuffix('Model')}For{AUTO[head]}")
        return
    folder = encoder_folder(tmp_path, kind)
    net = loaded(folder, unpadded=True)
    ours = all_heads(kind, net.encoder.config)[head]
    net.heads[head] = ours.eval()
    config = transformers.AutoConfig.from_pretrained(folder, num_labels=ours.out.out_features)
    config.update(dict(names.settings))
    known = getattr(transformers, f"AutoModelFor{AUTO[head]}").from_config(config, attn_implementation="eager").eval()
    known.base_model.load_state_dict(net.encoder.state_dict(), strict=False)
    for part, name in (("dense", names.dense), ("norm", names.norm), ("out", names.out)):
        assert hasattr(ours, part) is bool(name)
        if name:
            known.get_submodule(name).load_state_dict(getattr(ours, part).state_dict())
    encoded = rows_for(kind, head)
    batch = collate(encoded, np.arange(encoded.num_rows), tokenizer_of(kind).pad_token_id)
    with torch.no_grad():
        states = net.states(batch, ours.reads(batch))
        if head in (Head.CLASSIFICATION, Head.CHOICE):
            found = ours.logits(states, batch)
            size = batch.ids_BL.shape[-1]
            shape = (-1, 4, size) if head is Head.CHOICE else (-1, size)
            expected = known(input_ids=batch.ids_BL.view(shape), attention_mask=batch.mask_BL.view(shape)).logits
        else:
            found = ours.logits(states)
            given = known(input_ids=batch.ids_BL, attention_mask=batch.mask_BL)
            logits = given.logits if head is Head.TAGGING else torch.stack([given.start_logits, given.end_logits], -1)
            reads = ours.reads(batch)
            expected = logits.flatten(0, 1)[batch.places_T if reads is None else batch.places_T[reads]]
    assert expected.std() > 1e-4
    assert torch.allclose(found, expected, atol=1e-5) is not bool(names.differs)


def trained(kind: str, *, trims: bool, path: Path) -> tuple[list[float], torch.Tensor]:
    """Losses of every step and the word embedding after a short training, with the vocabulary trimmed or whole."""
    net = Network(encoder(kind, seed=1), {"pairs": all_heads(kind, encoder(kind).config)[Head.CLASSIFICATION]})
    net.use_unpadded()
    encoded, pad = texts(kind, [12, 5, 30, 9, 9, 21, 14, 3] * 3, seed=8), tokenizer_of(kind).pad_token_id
    trimmed = None
    if trims:
        kept = used_ids([encoded.sequences], ROWS, pad)
        assert len(kept) < ROWS - 50
        trimmed = trim(net, kept)
    settings = Optimisation(
        learning_rate=1e-2, epochs=1, batch_sizes={"pairs": 8}, max_length=64, weight_decay=0.1, evaluations=1
    )
    training = Training(
        network=net, sets=[TrainingSet(name="pairs", encoded=encoded)], settings=settings,
        mlm_length=MlmLength.TASK_EPOCHS, seed=4, evaluate=lambda: (0.0, {"made_up.figure": 0.0}), path=path,
        pad_id=pad, origin="made up", micro_batch=0, micro_tokens=0, keeping=Keeping(seconds=1e9),
    )  # fmt: skip
    losses: list[float] = []
    update = training._update

    def noted(*given):
        tokens = update(*given)
        losses.append(float(training._losses[-1]))
        return tokens

    training._update = noted
    outcome = to_the_end(training.run())
    if trimmed:
        restore(net, trimmed, decay_factor(outcome.best_step, outcome.planned_steps, settings))
    return losses, net.word_embedding.weight.detach()


@pytest.mark.parametrize("kind", KINDS)
def test_training_on_a_trimmed_vocabulary_is_training_on_the_whole(kind, tmp_path):
    (losses, table), (other_losses, other) = (
        trained(kind, trims=trims, path=tmp_path / str(trims)) for trims in (False, True)
    )
    assert losses[0] != losses[-1]
    assert losses == pytest.approx(other_losses, rel=1e-5)
    assert torch.allclose(table, other, atol=1e-5)
    assert (table - encoder(kind, seed=1).get_input_embeddings().weight).abs().max() > 1e-3


@pytest.mark.parametrize("head", ["Model", "ModelForMaskedLM", "ModelForTokenClassification"])
@pytest.mark.parametrize("kind", KINDS)
def test_encoders_come_out_of_checkpoints_with_heads_prefixes_and_shards(kind, head, tmp_path):
    """Whether a checkpoint has a pooling layer, a head, a prefix or several files: the same encoder."""
    made = encoder(kind, head=head)
    made.save_pretrained(tmp_path / "whole")
    made.save_pretrained(tmp_path / "shards", max_shard_size="10KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    inside = made if head == "Model" else made.base_model
    expected = {name: tensor for name, tensor in inside.state_dict().items() if "pooler" not in name}
    for folder in (tmp_path / "whole", tmp_path / "shards"):
        tokenizer_of(kind).save_pretrained(folder)
        found = load_encoder(str(folder))
        assert getattr(found, "pooler", None) is None
        assert found.state_dict().keys() == expected.keys()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in found.state_dict().items())
        if head == "ModelForMaskedLM":
            assert pretrained_mlm_head(str(folder), found.config) is not None


def test_weights_of_norms_do_not_decay():
    for kind in KINDS:
        if kind == "mobilebert":  # its scales without a mean are no norms
            continue
        made = encoder(kind)
        exempt = {id(parameter) for parameter in new_optimiser(made, 0.1).param_groups[1]["params"]}
        for name, parameter in made.named_parameters():
            assert (id(parameter) in exempt) is (parameter.dim() == 1), (kind, name)
