"""Names of what runs leave in their folders of the store, beside their records."""

from __future__ import annotations

from enum import StrEnum

ENCODER = "encoder"
"""The encoder: configuration, tokenizer, and weights, whole or as what has changed since the pretrained one."""
HEADS = "heads"
"""The trained heads: `heads/<task>.safetensors`."""
PREDICTIONS = "predictions"
"""`predictions/<task>.parquet`."""


class Keep(StrEnum):
    """Which models a sweep keeps when it has ended."""

    SELECTED = "selected"
    """Of every target the model that its dev scores select: fine-tuned, or the encoder where nothing is trained."""
    ALL = "all"
    """Of every run."""
    NONE = "none"
    """None: records and predictions alone."""
