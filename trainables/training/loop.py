"""The one training loop: effective batches, dev evaluations, the best checkpoint, patience, resuming."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from trainables.ledger.record import DevPoint, DivergedError
from trainables.ledger.spec import MlmLength, Optimisation
from trainables.model.batches import collate, loss_units, micro_batches
from trainables.model.finite import NotFiniteError
from trainables.model.network import Network
from trainables.report import Pace
from trainables.tasks.formats.base import Encoded
from trainables.training import checkpoint
from trainables.training.keeper import Keeper, Keeping
from trainables.training.masking import Masking
from trainables.training.meter import Meter
from trainables.training.mixing import task_of_each_step, total_steps
from trainables.training.optimiser import learning_rate, new_optimiser, set_learning_rate
from trainables.training.order import RowOrder
from trainables.training.stopping import best_point, evaluation_interval, out_of_patience


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Encoded training rows of one task; `masking` makes it the MLM task."""

    name: str
    encoded: Encoded
    masking: Masking | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a training run ended; the network holds the parameters of `best_step`.

    `checkpoint_seconds`, of the `seconds`, it stood still for its checkpoints. `micro_batch` is the most rows of one
    pass at the end, 0 for no limit, and `is_halved` says that memory made it less than was asked for.
    """

    steps: int
    planned_steps: int
    best_step: int
    tokens: int
    seconds: float
    checkpoints: int
    checkpoint_seconds: float
    curve: tuple[DevPoint, ...]
    micro_batch: int = 0
    is_halved: bool = False


SIGN_SECONDS = 0.5
"""Training says at least this often how far it is, or once a step where steps take longer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steps:
    """A sign of life: updates done so far."""

    step: int


@dataclasses.dataclass(kw_only=True)
class Training:
    """One training run.

    Attributes:
        network: trained in place.
        sets: what is trained on.
        settings: how.
        mlm_length: total length with MLM.
        seed: of row order, task order, masking and dropout.
        evaluate: dev metrics of the network now, by `task.metric`, and the selection figure. None makes all updates
            and keeps the last parameters.
        path: checkpoint file.
        pad_id: padding id.
        origin: what training starts from, for messages.
        micro_batch: most rows in one forward pass; 0 is no limit. Halved when the memory of the GPU is too small.
        micro_tokens: most sub-words in one forward pass of a task; 0 is no limit. MLM has none, since each of its
            passes goes through the whole vocabulary.
        keeping: when it leaves checkpoints.
        is_wanted: asked when training is left before its end; whether its state is to be kept for another attempt.
        notes: what the record should say.
        steps: updates to make; 0 is what the epochs come to.
        is_halved: whether the passes had to be halved.
        pace: what training was like before the last sign of life; None before the first update of this attempt.
    """

    network: Network
    sets: Sequence[TrainingSet]
    settings: Optimisation
    mlm_length: MlmLength
    seed: int
    evaluate: Callable[[], tuple[float, Mapping[str, float]]] | None
    path: Path
    pad_id: int
    origin: str
    micro_batch: int
    micro_tokens: int
    keeping: Keeping
    is_wanted: Callable[[], bool] = lambda: True
    notes: list[str] = dataclasses.field(default_factory=list)
    steps: int = 0
    is_halved: bool = False
    pace: Pace | None = None
    _losses: list[torch.Tensor] = dataclasses.field(default_factory=list)

    @property
    def planned_steps(self) -> int:
        """Optimiser updates unless patience runs out."""
        rows = {item.name: item.encoded.num_rows for item in self.sets}
        settings = self.settings
        return self.steps or total_steps(
            rows, settings.batch_sizes, settings.epochs, settings.mixing_cap, self.mlm_length
        )

    def run(self) -> Generator[DevPoint | Steps, None, Outcome]:
        """Train to the end, or on from the checkpoint; yields every dev evaluation, those before it at once.

        Between them it yields signs of life. Closed at one of these points it leaves a checkpoint of exactly there.
        """
        settings, steps = self.settings, self.planned_steps
        rows = {item.name: item.encoded.num_rows for item in self.sets}
        sequence = task_of_each_step(rows, settings.mixing_cap, steps, self.seed)
        orders = {name: RowOrder(count, settings.batch_sizes[name], self.seed, name) for name, count in rows.items()}
        interval = evaluation_interval(steps, settings.max_eval_interval, settings.evaluations)
        optimiser = new_optimiser(self.network, settings.weight_decay)
        state = checkpoint.resume(self.path, self.network, optimiser, self.notes)
        drawn = Counter(sequence[: state.step])
        started = time.monotonic() - state.seconds
        keeper = Keeper(
            self.path, self.network, optimiser, self.keeping, state=state, is_wanted=self.is_wanted, notes=self.notes
        )
        with contextlib.closing(keeper):
            yield from state.curve
            told = time.monotonic()
            meter = Meter()
            while state.step < steps and not (state.curve and out_of_patience(state.curve, settings.patience)):
                name = sequence[state.step]
                rate = learning_rate(state.step, steps, settings.learning_rate, settings.warmup_fraction)
                set_learning_rate(optimiser, rate)
                tokens = self._update(optimiser, name, orders[name].batch(drawn[name]), state.step)
                meter.count(name, self._losses[-1], tokens)
                state.tokens += tokens
                drawn[name] += 1
                state.step += 1
                evaluated = state.step % interval == 0 or state.step == steps
                tells = evaluated or time.monotonic() - told >= SIGN_SECONDS
                if tells:
                    self.pace = meter.take(rate, state.tokens, by_task=len(self.sets) > 1)
                if evaluated:
                    self._evaluate(state, into={} if keeper.is_writing else state.best)
                keeper.pass_by(time.monotonic() - started)
                if tells:
                    try:
                        yield state.curve[-1] if evaluated and self.evaluate else Steps(step=state.step)
                    except GeneratorExit:
                        keeper.leave(time.monotonic() - started)
                        raise
                    told = time.monotonic()
                    meter.restart()
        if state.curve:
            checkpoint.load_snapshot(self.network, state.best)
        return Outcome(
            steps=state.step,
            planned_steps=steps,
            best_step=best_point(state.curve).step if state.curve else state.step,
            tokens=state.tokens,
            seconds=time.monotonic() - started,
            checkpoints=state.checkpoints,
            checkpoint_seconds=state.checkpoint_seconds,
            curve=tuple(state.curve),
            micro_batch=self.micro_batch,
            is_halved=self.is_halved,
        )

    def _update(self, optimiser: torch.optim.Optimizer, name: str, rows: np.ndarray, step: int) -> int:
        """One optimiser update on exactly the rows of one effective batch; returns its sub-words."""
        source = next(item for item in self.sets if item.name == name)
        encoded = source.encoded
        if source.masking:
            encoded = source.masking.apply(encoded, rows, np.random.default_rng((self.seed, 3, step)))
            rows = np.arange(len(rows))
        self.network.train()
        micro_tokens = 0 if source.masking else self.micro_tokens
        while (done := self._accumulate(name, encoded, rows, step, micro_tokens)) is None:
            self._halve(len(rows))
        total, tokens = done
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        optimiser.step()
        self._losses.append(total)
        return tokens

    def _accumulate(
        self, name: str, encoded: Encoded, rows: np.ndarray, step: int, micro_tokens: int
    ) -> tuple[torch.Tensor, int] | None:
        """Gradients of the loss over the rows; the loss and the sub-words, or None when the memory was too small."""
        torch.manual_seed(_step_seed(self.seed, step))
        device = self.network.word_embedding.weight.device
        units = max(1, loss_units(encoded, rows))
        tokens = 0
        total = torch.zeros((), device=device)
        self.network.clear_gradients()
        try:
            padded = not self.network.is_unpadded
            for part in micro_batches(encoded, rows, self.micro_batch, micro_tokens, padded=padded):
                batch = collate(encoded, part, self.pad_id).to(device)
                loss = self.network.loss_sum(name, batch) / units
                loss.backward()
                total += loss.detach()
                tokens += sum(batch.lengths)
        except torch.OutOfMemoryError:
            if self.micro_batch == 1 or len(rows) == 1:
                raise
            return None
        return total, tokens

    def _halve(self, num_rows: int) -> None:
        """Take half as many rows at once from now on; the effective batch stays."""
        self.micro_batch = max(1, min(self.micro_batch or num_rows, num_rows) // 2)
        self.is_halved = True
        self.notes.append(f"out of memory: at most {self.micro_batch} rows at once from there on")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _evaluate(self, state: checkpoint.TrainingState, into: dict[str, torch.Tensor]) -> None:
        """Evaluate, and keep the parameters if they are the best, in the memory of earlier ones if that is free.

        Raises NotFiniteError or DivergedError for a loss that is not finite, whether there is anything to evaluate or
        not.
        """
        losses = torch.stack(self._losses)
        self._losses.clear()
        if not losses.isfinite().all():
            if state.step == len(losses) and not losses[0].isfinite():
                raise NotFiniteError(
                    f"{self.origin} gives a loss that is not finite on the first batch, before anything is trained: "
                    "its weights are too large for the arithmetic, and no learning rate mends that"
                )
            raise DivergedError(
                f"the loss is not finite by step {state.step}; lower the learning rate {self.settings.learning_rate:g}"
            )
        if not self.evaluate:
            return
        selection, metrics = self.evaluate()
        point = DevPoint(step=state.step, selection=selection, metrics=dict(metrics))
        state.curve.append(point)
        if best_point(state.curve) is point:
            state.best = checkpoint.snapshot(self.network, into)


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, 4, step)).generate_state(1, np.uint64)[0] >> 1)
