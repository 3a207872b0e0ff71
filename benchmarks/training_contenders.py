"""Contenders of the training benchmark: this project's loop, and transformers' Trainer as a competent user sets it up.

Both take the same rows, all of them once, start from the same encoder, make the same number of updates at the same
effective batch and precision, clip at the same norm and use fused AdamW. Timed are three quarters of the updates: the
first quarter, in which memory is touched for the first time, is not. With length grouping that quarter is one of
Trainer's four sorted groups of batches, so that what is timed has rows of all lengths.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, XLMRobertaConfig, XLMRobertaModel

from benchmarks.training_rows import SETTINGS
from trainables.ledger.spec import MlmLength, Optimisation, Precision
from trainables.model.encoder import load_encoder
from trainables.model.heads import MlmHead, SequenceHead, SpanHead, TaggingHead, TaskHead
from trainables.model.network import Network
from trainables.model.precision import attention, autocast, use
from trainables.model.vocabulary import trim, used_ids
from trainables.tasks.formats.base import Encoded
from trainables.training.keeper import Keeping
from trainables.training.loop import Steps, Training, TrainingSet
from trainables.training.masking import Masking

PAD, MASK = 1, 250_001
RATE, SEED = 1e-5, 42
LARGE = XLMRobertaConfig(
    vocab_size=250_002, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
    max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=PAD,
)  # fmt: skip
"""Geometry of XLM-R Large; with random weights."""


def updates(steps: int) -> int:
    """All updates of a measurement that times `steps`."""
    return steps + _untimed(steps)


def _untimed(steps: int) -> int:
    return max(1, steps // 3)


def encoder(name: str, kind: str, *, mapped: bool = False) -> PreTrainedModel:
    """The encoder `large`, or one that is loaded by its name; `mapped` leaves its word embedding in the file."""
    if name != "large":
        return load_encoder(name, attn_implementation=kind, mapped=mapped)
    torch.manual_seed(SEED)
    model = XLMRobertaModel(LARGE, add_pooling_layer=False)
    model.set_attn_implementation(kind)
    return model


def engine(task: str, encoded: Encoded, steps: int, settings: Mapping[str, Any]) -> float:
    """This project's loop, set up as `phases/fit.py` does; the seconds of the timed updates."""
    device, precision = torch.device(settings["device"]), Precision(settings["precision"])
    use(precision)
    trims = settings["trim"] and task != "mlm"
    model = encoder(settings["encoder"], attention(device, precision), mapped=trims)
    network = Network(model, {task: _head(task, encoded, model.config)}, precision)
    if settings["unpadded"] and (device.type == "cpu" or precision is Precision.BF16):
        network.use_unpadded()
    if settings["fast_dropout"] and device.type == "cpu":
        network.use_fast_dropout()
    if settings["compile"] != "off":
        network.use_compiled(graphs=settings["compile"] == "graphs")
    if trims:
        trim(network, used_ids([encoded.sequences], len(network.word_embedding.weight), PAD))
    network.to(device)
    on_cpu = device.type == "cpu"
    if on_cpu and network.trimmed_ids is None:
        network.keep_table_gradient()
    marks: list[float] = []

    def evaluate() -> tuple[float, dict[str, float]]:
        marks.append(_now(device))
        return 0.0, {}

    masking = Masking(probability=0.15, mask_id=MASK, vocabulary=250_002, special_ids=frozenset({0, 1, 2, 3, MASK}))
    batch = _batch(task, settings)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            network=network,
            sets=[TrainingSet(name=task, encoded=encoded, masking=masking if task == "mlm" else None)],
            settings=Optimisation(
                learning_rate=RATE,
                epochs=updates(steps) * batch / encoded.num_rows,
                batch_sizes={task: batch},
                max_length=512,
                evaluations=1,
                max_eval_interval=_untimed(steps),
                precision=precision,
            ),
            mlm_length=MlmLength.TASK_EPOCHS,
            seed=SEED,
            evaluate=evaluate,
            path=Path(folder) / "checkpoint",
            pad_id=PAD,
            origin="the encoder",
            micro_batch=0,
            micro_tokens=settings["micro_tokens"] if on_cpu else 0,
            keeping=Keeping(seconds=1e9),
        )
        run = training.run()
        next(found for found in run if not isinstance(found, Steps))
        began = _now(device)  # the first evaluation has kept a snapshot; no later one does
        for _ in run:
            pass
    return marks[-1] - began


def trainer(task: str, encoded: Encoded, steps: int, settings: Mapping[str, Any]) -> float:
    """Transformers' Trainer with dynamic padding; `length_grouping` chooses its sampler."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    device, bf16 = torch.device(settings["device"]), settings["precision"] == "bf16"
    model = _model(task, encoded, encoder(settings["encoder"], "sdpa"))
    marks: list[float] = []

    class Marks(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in (_untimed(steps), updates(steps)):
                marks.append(_now(device))

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=updates(steps),
            per_device_train_batch_size=_batch(task, settings),
            learning_rate=RATE,
            warmup_steps=updates(steps) // 10,
            weight_decay=0.01,
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            bf16=bf16,
            use_cpu=device.type == "cpu",
            train_sampling_strategy="group_by_length" if settings["length_grouping"] else "random",
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=SEED,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=_Rows(task, encoded),
            data_collator=_collate,
            callbacks=[Marks()],
        ).train()
    began, ended = marks
    return ended - began


class _Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """The rows as Trainer takes them."""

    def __init__(self, task: str, encoded: Encoded) -> None:
        self.task, self.encoded = task, encoded

    def __len__(self) -> int:
        return self.encoded.num_rows

    def __getitem__(self, row: int) -> dict[str, Any]:
        encoded, group = self.encoded, self.encoded.group
        texts = [encoded.sequences[row * group + choice].tolist() for choice in range(group)]
        found: dict[str, Any] = {"input_ids": texts[0] if group == 1 else texts}
        if self.task == "mlm":
            return found
        if len(encoded.word_positions):
            labels = np.full(len(texts[0]), -100)
            labels[encoded.word_positions[row]] = encoded.tags[row]
            return found | {"labels": labels.tolist()}
        if len(encoded.spans):
            start, end = encoded.spans[row].tolist()
            return found | {"start_positions": start, "end_positions": end}
        return found | {"labels": int(encoded.labels[row])}


def _collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Pad to the longest of the batch, as transformers' own collators do."""
    choices = isinstance(rows[0]["input_ids"][0], list)
    texts = [text for row in rows for text in (row["input_ids"] if choices else [row["input_ids"]])]
    longest = max(map(len, texts))
    ids = torch.tensor([text + [PAD] * (longest - len(text)) for text in texts])
    mask = (ids != PAD).long()
    if choices:
        ids, mask = ids.view(len(rows), -1, longest), mask.view(len(rows), -1, longest)
    batch = {"input_ids": ids, "attention_mask": mask}
    for name in ("labels", "start_positions", "end_positions"):
        if name in rows[0]:
            values = [row[name] for row in rows]
            if isinstance(values[0], list):
                values = [value + [-100] * (longest - len(value)) for value in values]
            batch[name] = torch.tensor(values)
    if not batch.keys() - {"input_ids", "attention_mask"}:
        chosen = (torch.rand(ids.shape) < 0.15) & (ids > 3)
        batch |= {"labels": ids.masked_fill(~chosen, -100), "input_ids": ids.masked_fill(chosen, MASK)}
    return batch


def _model(task: str, encoded: Encoded, base: PreTrainedModel) -> PreTrainedModel:
    """The architecture of transformers for the task, around the encoder."""
    from transformers.models.xlm_roberta import modeling_xlm_roberta as models

    config = base.config
    if task == "mlm":
        kind = models.XLMRobertaForMaskedLM
    elif encoded.group > 1:
        kind = models.XLMRobertaForMultipleChoice
    elif len(encoded.tags):
        kind, config.num_labels = models.XLMRobertaForTokenClassification, int(encoded.tags.used.max()) + 1
    elif len(encoded.spans):
        kind = models.XLMRobertaForQuestionAnswering
    else:
        kind, config.num_labels = models.XLMRobertaForSequenceClassification, int(encoded.labels.max()) + 1
    model: PreTrainedModel = kind(config)
    # multiple choice brings a pooling layer of its own
    model.roberta.load_state_dict(base.state_dict(), strict=False)
    return model


def _head(task: str, encoded: Encoded, config: Any) -> TaskHead:
    hidden, rate = config.hidden_size, config.hidden_dropout_prob
    if task == "mlm":
        return MlmHead(hidden, config.vocab_size, config.layer_norm_eps)
    if len(encoded.tags):
        return TaggingHead(hidden, int(encoded.tags.used.max()) + 1, rate)
    if len(encoded.spans):
        return SpanHead(hidden)
    return SequenceHead(hidden, int(encoded.labels.max()) + 1, rate, choice=encoded.group > 1)


def _batch(task: str, settings: Mapping[str, Any]) -> int:
    return settings["batch"] or SETTINGS[task].batch


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def tokens(encoded: Encoded) -> float:
    """Sub-words of a row, padding not counted, on average."""
    return float(encoded.sequences.lengths.sum()) / encoded.num_rows


def flops_of_a_token(encoded: Encoded, name: str) -> float:
    """Operations of the layers, forward and backward, for a sub-word: 6 a weight, and attention over its sequence."""
    config = LARGE if name == "large" else encoder(name, "sdpa").config
    width, layers = config.hidden_size, config.num_hidden_layers
    weights = layers * (4 * width**2 + 2 * width * config.intermediate_size)
    lengths = encoded.sequences.lengths
    seen = float((lengths**2).sum() / lengths.sum())
    return 6.0 * weights + 12.0 * layers * width * seen


def matrix_flops(settings: Mapping[str, Any]) -> float:
    """Operations a second of the encoder's largest product, over 4,096 sub-words; the best of many."""
    device, precision = torch.device(settings["device"]), Precision(settings["precision"])
    config = LARGE if settings["encoder"] == "large" else encoder(settings["encoder"], "sdpa").config
    use(precision)
    with autocast(device, precision):
        dtype = torch.bfloat16 if torch.is_autocast_enabled(device.type) else torch.float32
    rows, width, inner = 4096, config.hidden_size, config.intermediate_size
    left, right = (torch.randn(size, device=device, dtype=dtype) for size in ((rows, width), (inner, width)))
    products = 50 if device.type == "cuda" else 1  # a GPU's are shorter than a launch and the wait for it
    best = float("inf")
    until = time.perf_counter() + 2
    while time.perf_counter() < until:
        began = _now(device)
        for _ in range(products):
            torch.nn.functional.linear(left, right)
        best = min(best, _now(device) - began)
    return 2.0 * products * rows * width * inner / best


CONTENDERS = {
    "engine": lambda *given: engine(*given[:3], {**given[3], "trim": True}),
    "engine, whole table": lambda *given: engine(*given[:3], {**given[3], "trim": False}),
    "Trainer": lambda *given: trainer(*given[:3], {**given[3], "length_grouping": False}),
    "Trainer, length grouping": lambda *given: trainer(*given[:3], {**given[3], "length_grouping": True}),
}
