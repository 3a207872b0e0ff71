"""Options of a run: what a caller may set without changing the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Compile(StrEnum):
    """What is compiled on a GPU: nothing, the encoder's layers, or these with their launches recorded."""

    OFF = "off"
    LAYERS = "layers"
    GRAPHS = "graphs"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run, as opposed to what to compute; no part of the run's identity.

    Attributes:
        data: `hub`, `demo`, or the absolute path of a mirror folder.
        encoder: where the pretrained encoder is loaded from: `bundled[:N]`, a hub id, or an absolute path.
        raw: folders of official releases, by the names of `trainables.data.hub.RELEASES`; absolute.
        repositories: task name -> preferred source (`Task.sources`), where not the default.
        device: `cpu` or `cuda`.
        threads: CPU threads of the arithmetic; fixed, since another number may round differently.
        micro_batch: most rows in one forward pass of training; 0 is no limit.
        micro_tokens: about the most sub-words in one forward pass of training on a CPU, padding included where there is
            some; more take more memory. 0 is no limit. Not used for MLM and wherever every pass would make a gradient
            of the whole embedding's size.
        eval_tokens: sub-words (padding included) in one evaluation batch.
        checkpoint_seconds: shortest time between two checkpoints of a training run.
        checkpoint_share: most of its training time that they may take.
        checkpoint_writers: runs of a store that write one at the same time; 0 is no limit.
        commit: of the code, for the record.
        executor: `module:function` that computes a run; tests and benchmarks have their own.
        token_cache: keep tokenised rows on disk for other runs (data/cache.py).
        keep_table_gradient: on a CPU, keep one gradient buffer for the whole embedding of a run with MLM
            (model/table.py).
        fast_dropout: on a CPU, draw dropout masks the short way (model/dropout.py).
        unpadded: run the encoder on sequences without padding, on a GPU in bf16 only (model/unpadded.py).
        compile: on a GPU, compile the encoder's layers (`Network.use_compiled`).
        trim_vocabulary: train only the embedding rows in use and put the full table back, which changes nothing
            (model/vocabulary.py).
        store_deltas: keep of an encoder that was trained on a trimmed vocabulary what has changed, beside the digest of
            the pretrained one.
        keep_models: leave the fine-tuned encoder and its heads in target runs, too.
        gpus: share of a GPU that the run has; 0 is none.
        row: recipe of the encoder that an intermediate run makes, for the record; empty where its spec tells it.
    """

    data: str
    encoder: str
    raw: Mapping[str, str] = field(default_factory=dict)
    repositories: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    threads: int = 1
    micro_batch: int = 0
    micro_tokens: int = 1024
    eval_tokens: int = 8192
    checkpoint_seconds: float = 60.0
    checkpoint_share: float = 0.01
    checkpoint_writers: int = 2
    commit: str = ""
    executor: str = "trainables.phases.run:run"
    token_cache: bool = True
    keep_table_gradient: bool = True
    trim_vocabulary: bool = True
    fast_dropout: bool = True
    unpadded: bool = True
    compile: Compile = Compile.OFF
    store_deltas: bool = True
    keep_models: bool = False
    gpus: float = 0.0
    row: str = ""
