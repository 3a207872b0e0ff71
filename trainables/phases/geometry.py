"""Geometry of an encoder without its weights, and what a probe of it is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProbeRequest:
    """What is to be probed.

    Attributes:
        layers: of the encoder; on a CPU fewer are timed, since what one costs all cost.
        hidden: width of the hidden states.
        inner: width inside the feed-forward blocks, as if they had two matrices.
        vocabulary: rows of the word embedding; on a CPU fewer are timed.
        bf16: the arithmetic of training.
        device: `cpu` or `cuda`.
        threads: of a CPU.
        folder: where a file may be written and read for a moment.
    """

    layers: int
    hidden: int
    inner: int
    vocabulary: int
    bf16: bool
    device: str
    threads: int
    folder: str


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds of an update, or of a forward pass, over so many sub-words; `masked` of them were predicted (MLM)."""

    seconds: float
    tokens: float
    masked: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What a probe has timed, and on which geometry.

    Attributes:
        device: as records have it.
        layers: that were there.
        layer_weights: of all of them.
        table_weights: of the whole word embedding.
        trimmed_weights: of the rows that `small` and `large` trained.
        small: an update on few sub-words.
        large: one on many.
        whole: one on as few as `small`, with the whole word embedding.
        mlm: one of masked sub-words.
        forward: an evaluation.
        disk_bytes: written durably and read again with their digest.
        disk_seconds: that this took.
    """

    device: str
    layers: int
    layer_weights: float
    table_weights: float
    trimmed_weights: float
    small: Timed
    large: Timed
    whole: Timed
    mlm: Timed
    forward: Timed
    disk_bytes: float
    disk_seconds: float
