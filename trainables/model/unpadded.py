"""Unpadded batches: the encoder sees the sub-words of all sequences in one row, and attention keeps sequences apart.

No padding is computed, and of the last layer only what is read. On a GPU attention is the variable-length flash kernel
of PyTorch, which needs half precision; on a CPU it goes by groups of sequences of similar length (model/grouped.py).

Shapes: B sequences, L longest, T sub-words of all sequences together, P read ones, A attention heads, D size of a head,
H hidden.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PretrainedConfig, PreTrainedModel

from trainables.model.architectures import ARCHITECTURES
from trainables.model.batches import Batch
from trainables.model.buckets import COARSEST, fill, fill_reads
from trainables.model.grouped import Groups, group
from trainables.model.grouped import attention as grouped_attention
from trainables.model.layers import layers_of

NAME = "unpadded"
"""Name of the attention among transformers' implementations."""

Drop = Callable[[Tensor, float], Tensor]
"""Draws dropout at a rate."""

_PADDED_POSITIONS = {"xlm-roberta", "roberta", "camembert"}
"""Model types whose positions begin after the padding id."""
_ROTARY = {"modernbert", "eurobert"}
"""Model types that turn queries and keys by their positions, which here are those within each sequence."""


def supports(config: PretrainedConfig) -> bool:
    """Whether encoders of this kind are known: attention between sub-words alone, whose positions can be given."""
    return config.model_type in _PADDED_POSITIONS | _ROTARY | {"bert"}


def register() -> None:
    """Make the attention known to transformers under its name; as often as one likes."""
    AttentionInterface.register(NAME, attention)


def states(
    encoder: PreTrainedModel,
    ids_BL: Tensor,
    batch: Batch,
    reads_P: Tensor | None,
    *,
    drop: Drop,
    stack: Callable[..., Tensor],
    filled: bool = False,
) -> Tensor:
    """Last hidden states [P, H] of an encoder with this attention, at the sub-words `reads_P` or at all T.

    `drop` draws the dropout of attention on a CPU; `stack` is `layers` or `compiled_layers`. `filled` has the row and
    the reads filled up to buckets (model/buckets.py) on their way.
    """
    config: PretrainedConfig = encoder.config
    first = config.pad_token_id + 1 if config.model_type in _PADDED_POSITIONS else 0
    ids_T, positions_T, starts = ids_BL.flatten()[batch.places_T], batch.offsets_T + first, batch.starts
    size_P, lengths, longest = len(ids_T) if reads_P is None else len(reads_P), batch.lengths, max(batch.lengths)
    if filled:
        padding = encoder.get_input_embeddings().padding_idx  # of a trimmed table, unlike the configuration's
        ids_T, positions_T, starts = fill(ids_T, positions_T, starts, padding or 0)
        lengths = (*lengths, len(ids_T) - sum(lengths))
        longest = max(config.max_position_embeddings, COARSEST)
        reads_P = reads_P if reads_P is None else fill_reads(reads_P)
    groups = group(lengths) if ids_T.device.type == "cpu" else None
    apart = {"starts": starts, "longest": longest, "groups": groups, "drop": drop}
    hidden_1TH, turned = _embedded(encoder, ids_T[None], positions_T[None])
    found_PH = stack(layers_of(encoder), hidden_1TH, reads_P, turned=turned, **apart)[:size_P]
    norm = ARCHITECTURES[config.model_type].last_norm
    return encoder.get_submodule(norm)(found_PH) if norm else found_PH


def _embedded(encoder: Any, ids_1T: Tensor, positions_1T: Tensor) -> tuple[Tensor, Any]:
    """What goes into the first layer, [1, T, H], and what every layer turns queries and keys by, if it does."""
    kind = encoder.config.model_type
    if kind == "modernbert":
        hidden_1TH = encoder.embeddings(input_ids=ids_1T)
        kinds = set(encoder.config.layer_types)
        return hidden_1TH, {each: encoder.rotary_emb(hidden_1TH, positions_1T, each) for each in kinds}
    if kind == "eurobert":
        hidden_1TH = encoder.embed_tokens(ids_1T)
        return hidden_1TH, encoder.rotary_emb(hidden_1TH, positions_1T)
    return encoder.embeddings(input_ids=ids_1T, position_ids=positions_1T), None


def layers(stack: nn.ModuleList, hidden_1TH: Tensor, reads_P: Tensor | None, *, turned: Any, **apart: Any) -> Tensor:
    """All layers on one row, [P, H]; `apart` is what attention needs to keep its sequences apart."""
    *lower, last = stack
    for layer in lower:
        hidden_1TH = _layer(layer, hidden_1TH, turned, apart)
    return _layer(last, hidden_1TH, turned, apart, reads_P)[0]


@functools.cache
def compiled_layers(*, graphs: bool) -> Callable[..., Tensor]:
    """`layers`, compiled at its first call for all sizes of batches and all encoders of a geometry.

    The embeddings stay outside, so that a trimmed vocabulary makes no difference. With `graphs` the launches of each
    size are recorded and played again.
    """
    return torch.compile(layers, dynamic=True, mode="reduce-overhead" if graphs else None)


def _layer(
    layer: Any, hidden_1TH: Tensor, turned: Any, apart: Mapping[str, Any], reads_P: Tensor | None = None
) -> Tensor:
    """A layer's output; after attention every sub-word goes its own way, so the others may be left out there."""
    output_1PH: Tensor
    if turned is None:
        seen_1TH, _ = layer.attention.self(hidden_1TH, **apart)
        if reads_P is not None:
            hidden_1TH, seen_1TH = hidden_1TH[:, reads_P], seen_1TH[:, reads_P]
        attended_1PH = layer.attention.output(seen_1TH, hidden_1TH)
        output_1PH = layer.output(layer.intermediate(attended_1PH), attended_1PH)
        return output_1PH
    if isinstance(turned, Mapping):  # ModernBERT: by the kind of layer
        own = turned[layer.attention_type]
        seen_1TH, _ = layer.attn(layer.attn_norm(hidden_1TH), position_embeddings=own, **apart)
        before_mlp = layer.mlp_norm
    else:
        seen_1TH, _ = layer.self_attn(layer.input_layernorm(hidden_1TH), position_embeddings=turned, **apart)
        before_mlp = layer.post_attention_layernorm
    if reads_P is not None:
        hidden_1TH, seen_1TH = hidden_1TH[:, reads_P], seen_1TH[:, reads_P]
    attended_1PH = hidden_1TH + seen_1TH
    output_1PH = attended_1PH + layer.mlp(before_mlp(attended_1PH))
    return output_1PH


def attention(
    module: nn.Module,
    query_1ATD: Tensor,
    key_1ATD: Tensor,
    value_1ATD: Tensor,
    attention_mask: Tensor | None,
    *,
    starts: Tensor,
    longest: int,
    groups: Groups | None,
    drop: Drop,
    scaling: float,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention within each sequence, [1, T, A, D]; sequence b is `starts[b]` to `starts[b + 1]`, int32[B + 1].

    Keys and values may have fewer heads, each for several of the queries' that follow one another. `sliding_window` is
    how many sub-words one sees on either side, itself included; None for all.
    """
    shared = query_1ATD.shape[1] // key_1ATD.shape[1]
    if shared > 1:
        key_1ATD, value_1ATD = (part.repeat_interleave(shared, 1) for part in (key_1ATD, value_1ATD))
    whole = (query_1ATD, key_1ATD, value_1ATD)
    parts = [part.squeeze(0).transpose(0, 1).to(value_1ATD.dtype) for part in whole]
    window = None if sliding_window is None else sliding_window - 1
    if groups:
        return grouped_attention(parts, groups, dropout=dropout, scaling=scaling, drop=drop, window=window)[None], None
    # varlen_attn of torch.nn.attention has no dropout; the operator below it has
    found_TAD = torch.ops.aten._flash_attention_forward(
        *parts, starts, starts, longest, longest, dropout, False, False, scale=scaling,
        window_size_left=window, window_size_right=window,
    )[0]  # fmt: skip
    return found_TAD[None], None
