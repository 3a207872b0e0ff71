"""Samples of tasks by the pretrained encoder: what can be known of them before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from trainables.data.hub import DataSource, open_data
from trainables.data.labels import with_labels
from trainables.data.loading import load
from trainables.evaluation.embed import cut_to_layer
from trainables.evaluation.frozen import read_vectors
from trainables.ledger.spec import Precision
from trainables.model.encoder import compare_encoder, load_encoder
from trainables.model.finite import check_finite
from trainables.model.precision import attention, use
from trainables.model.tokenizer import load_tokenizer
from trainables.model.word_table import hold_whole_table
from trainables.phases.options import Options
from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Head
from trainables.tasks.formats.readings import readings, with_answers
from trainables.tasks.registry import task as registered
from trainables.tasks.sample import Sample
from trainables.tasks.sampling import shares
from trainables.tasks.task import Split, Task

MOST_TOKENS = 128
"""Sub-words of a sequence; what is longer is cut, or comes in windows."""
MOST_READINGS = 1024
"""Of one sample."""


class FrozenEncoder:
    """The pretrained encoder of a sweep, up to one hidden state.

    Raises, when it is first used, as `load_encoder` does.
    """

    def __init__(self, options: Options, revision: str | None, layer: int) -> None:
        self._options = options
        self._revision = revision
        self._layer = layer

    @cached_property
    def data(self) -> DataSource:
        """The rows."""
        return open_data(self._options.data, self._options.raw)

    def sample(self, name: str, split: Split, languages: Sequence[str], rows: int) -> Sample:
        """About so many rows of a task, spread evenly over its languages and their rows.

        Of questions with choices so many choices. Raises DataError for rows that are not there or cannot be read.
        """
        preference = self._options.repositories.get(name, "")
        of = with_labels(registered(name), self.data, preference)
        alternatives = len(of.format.labels) if of.format.head is Head.CHOICE else 1
        examples = [
            example
            for code, count in shares(max(1, rows // alternatives), list(languages)).items()
            for example in load(of, split, code, self.data, limit=count, preference=preference).examples
        ]
        return self._read(of, tuple(languages), examples)

    def _read(self, of: Task, languages: tuple[str, ...], examples: Sequence[Example]) -> Sample:
        head = of.format.head
        limit = min(of.max_length, MOST_TOKENS)
        encoded = of.format.encode(examples, self._tokenizer, limit, training=of.trains)
        if head is Head.SPAN:
            encoded = with_answers(encoded)
        asked = readings(encoded, head, MOST_READINGS)
        vectors, whole = read_vectors(
            self._encoder, encoded, asked, pad_id=self._tokenizer.pad_token_id, max_tokens=self._options.eval_tokens
        )
        if asked.group > 1:
            grouped = vectors.reshape(-1, asked.group, vectors.shape[1])
            vectors = (grouped - grouped.mean(axis=1, keepdims=True)).reshape(vectors.shape)
        return Sample(
            task=of.name, languages=languages, head=head, vectors=vectors.astype(np.float64), labels=asked.labels,
            text=whole.mean(axis=0, dtype=np.float64), rows=len(examples),
        )  # fmt: skip

    @cached_property
    def _tokenizer(self) -> PreTrainedTokenizerFast:
        compare_encoder(self._options.encoder, self._revision)
        return load_tokenizer(self._options.encoder, self._revision)

    @cached_property
    def _encoder(self) -> PreTrainedModel:
        torch.set_num_threads(self._options.threads)
        use(Precision.FP32)
        device = torch.device(self._options.device)
        encoder = load_encoder(
            self._options.encoder, self._revision, attn_implementation=attention(device, Precision.FP32), mapped=True
        )
        check_finite(encoder, f"encoder {self._options.encoder!r}")
        if device.type != "cpu":
            hold_whole_table(encoder)
        cut_to_layer(encoder, self._layer)
        return encoder.to(device)
