"""Language-model heads of every family against transformers' own classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tests.made.encoders import ROWS, encoder_folder, tokenizer_of
from tests.made.families import KINDS, loaded, rows_for, texts
from trainables.model.batches import collate
from trainables.model.encoder import load_encoder
from trainables.model.mlm_head import embedding_width, load_mlm_head, new_mlm_head, pretrained_mlm_head
from trainables.tasks.formats.base import Head

pytestmark = pytest.mark.usefixtures("one_thread")


def mlm_folder(folder: Path, kind: str) -> Path:
    """A checkpoint with its family's language-model head."""
    return encoder_folder(folder, kind, head="ModelForMaskedLM")


def mlm_logits(folder: Path, ids: torch.Tensor) -> torch.Tensor:
    made = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        return made(input_ids=ids).logits[0]


@pytest.mark.parametrize("table", [False, True], ids=["plain", "kept gradient"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_language_model_head_is_the_pretrained_one_of_the_family(kind, table, tmp_path):
    folder, encoded = mlm_folder(tmp_path, kind), texts(kind, [23])
    net = loaded(folder, unpadded=True)
    head = pretrained_mlm_head(str(folder), net.encoder.config)
    if table:
        net.keep_table_gradient()
    batch = collate(encoded, np.arange(1), 0)
    with torch.no_grad():
        found = head.eval().logits(net.states(batch), net.word_embedding)
    expected = mlm_logits(folder, batch.ids_BL)
    assert expected.std() > 0.01
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_table_gradient_is_that_of_autograd(kind, tmp_path):
    folder, encoded, found = mlm_folder(tmp_path, kind), rows_for(kind, Head.MLM), []
    for kept in (False, True):
        net = loaded(folder, unpadded=True)
        net.heads["mlm"] = pretrained_mlm_head(str(folder), net.encoder.config)
        if kept:
            net.keep_table_gradient()
        net.clear_gradients()
        batch = collate(encoded, np.arange(encoded.num_rows), tokenizer_of(kind).pad_token_id)
        net.loss_sum("mlm", batch).backward()
        found.append({name: parameter.grad.clone() for name, parameter in net.named_parameters()})
    assert all(torch.allclose(grown, found[1][name], rtol=1e-4, atol=1e-5) for name, grown in found[0].items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_without_a_head_has_none_and_a_new_one_fits_the_word_embedding(kind, tmp_path):
    folder = encoder_folder(tmp_path, kind)
    made = load_encoder(str(folder))
    assert load_mlm_head(str(folder), made.config) is None
    head, table = new_mlm_head(made.config), made.get_input_embeddings()
    assert head.logits(torch.zeros(2, 16), table).shape == (2, ROWS)
    assert embedding_width(made.config) == table.embedding_dim


def test_debertas_head_of_either_form_is_found(tmp_path):
    """mDeBERTa-v3's checkpoints have the newer form, and a configuration that says nothing of it."""
    folder = encoder_folder(tmp_path, "deberta-v2", head="ModelForMaskedLM", legacy=False)
    assert any(name.startswith("lm_predictions.") for name in load_file(folder / "model.safetensors"))
    ids = torch.from_numpy(texts("deberta-v2", [9]).sequences[0][None].astype(np.int64))
    expected = mlm_logits(folder, ids)
    for legacy in (False, None):
        held = json.loads((folder / "config.json").read_text()) | {"legacy": legacy}
        (folder / "config.json").write_text(json.dumps({k: v for k, v in held.items() if v is not None}))
        net = loaded(folder, unpadded=False)
        head = pretrained_mlm_head(str(folder), net.encoder.config)
        with torch.no_grad():
            found = head.eval().logits(net.encoder(ids).last_hidden_state[0], net.word_embedding)
        assert torch.allclose(found, expected, atol=1e-5)


def test_euroberts_tied_projection_needs_no_weights(tmp_path):
    folder = encoder_folder(tmp_path, "eurobert", head="ModelForMaskedLM", tie_word_embeddings=True)
    net = loaded(folder, unpadded=True)
    head = pretrained_mlm_head(str(folder), net.encoder.config)
    assert not list(head.parameters())
    batch = collate(texts("eurobert", [12]), np.arange(1), 0)
    with torch.no_grad():
        assert torch.allclose(
            head.logits(net.states(batch), net.word_embedding), mlm_logits(folder, batch.ids_BL), atol=1e-5
        )


def test_names_of_converted_checkpoints_are_understood(tmp_path):
    """mBERT's safetensors call the weights of norms gamma and beta."""
    folder = mlm_folder(tmp_path, "bert")
    weights = load_file(folder / "model.safetensors")
    ids = torch.from_numpy(texts("bert", [9]).sequences[0][None].astype(np.int64))
    expected = mlm_logits(folder, ids)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in weights.items()
    }
    assert old.keys() != weights.keys()
    save_file(old, folder / "model.safetensors", metadata={"format": "pt"})
    net = loaded(folder, unpadded=False)
    head = pretrained_mlm_head(str(folder), net.encoder.config)
    with torch.no_grad():
        found = head.eval().logits(net.encoder(ids).last_hidden_state[0], net.word_embedding)
    assert torch.allclose(found, expected, atol=1e-5)
