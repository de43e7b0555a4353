"""Skipping of optimiser steps that would harm the weights."""

import csv
import logging
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any

import lightning as L
import torch
from torch import Tensor

from faceanim.data.sample import ClipSample
from faceanim.media.files import atomic_path
from faceanim.modules.callbacks.checkpoints import RunCheckpoints
from faceanim.runs.all_ranks import gather

log = logging.getLogger(__name__)

COLUMNS = ("step", "reason", "loss", "grad_norm", "samples", "clips")


class TrainingDiverged(RuntimeError):
    """Too many of the last steps were skipped."""


class StepGuard(L.Callback):
    """Logs ``train/grad_norm`` (before clipping), and skips the optimiser's step when the loss or the
    gradients are not finite, or the loss is more than ``spike`` times the median of the last ``window`` steps' losses.

    Counted as ``train/skipped_steps``; each is a row of ``<folder>/skipped_steps.csv``, with the first sample number
    and the clips of the step on every rank. More than ``patience`` among the last ``window`` steps end the training
    with a checkpoint and ``TrainingDiverged``. Losses spread over orders of magnitude from timestep to timestep: a
    spike is rare by a wide margin or no spike. DeepSpeed steps where no gradient is seen from outside: there the
    first such loss ends the training.
    """

    def __init__(self, folder: str | Path, spike: float = 50.0, window: int = 100, patience: int = 10):
        if spike <= 1 or window < 2 or patience < 1:
            raise ValueError(
                f"guard: expected spike > 1, window >= 2 and patience >= 1, got {spike}, {window}, {patience}"
            )
        self.path = Path(folder) / "skipped_steps.csv"
        self.spike, self.window, self.patience = spike, window, patience
        self.skipped = 0
        self._losses: deque[float] = deque(maxlen=window)
        self._recent: deque[bool] = deque(maxlen=window)
        self._step: list[
            tuple[Tensor, Tensor, list[str]]
        ] = []  # loss, samples, clips of the step's micro-batches
        self._diverged: str | None = None

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: ClipSample, batch_idx: int
    ) -> None:
        self._batch = batch

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        loss = loss.detach() * trainer.accumulate_grad_batches
        self._step.append((loss, self._batch.index, self._batch.clip_id))

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        step, self._step = self._step, []
        mean = torch.stack([loss for loss, *_ in step]).mean()
        loss = float(trainer.strategy.reduce(mean, reduce_op="mean"))
        norm = gradient_norm(optimizer)
        if norm is not None:
            pl_module.log("train/grad_norm", norm)
        reason = self._fault(loss, norm)
        self._recent.append(reason is not None)
        if reason is None:
            self._losses.append(loss)
        else:
            numbers = [number for _, batch, _ in step for number in batch.tolist()]
            clips = [clip for *_, batch in step for clip in batch]
            self._leave_out(trainer, optimizer, (trainer.global_step, reason, loss, norm), numbers, clips)
        pl_module.log("train/skipped_steps", float(self.skipped))

    def _fault(self, loss: float, norm: float | None) -> str | None:
        if not torch.tensor(loss).isfinite():
            return "loss not finite"
        if norm is not None and not torch.tensor(norm).isfinite():
            return "gradients not finite"
        if len(self._losses) >= self.window // 2 and loss > self.spike * median(self._losses):
            return f"loss above {self.spike:g} times the median"
        return None

    def _leave_out(
        self,
        trainer: L.Trainer,
        optimizer: torch.optim.Optimizer,
        what: tuple[int, str, float, float | None],
        numbers: list[int],
        clips: list[str],
    ) -> None:
        self.skipped += 1
        samples, names = _joined(gather(numbers)), _joined(gather(clips))
        if trainer.is_global_zero:
            self._append(dict(zip(COLUMNS, (*what, samples, names), strict=True)))
        step, reason, loss, norm = what
        where = f"step {step}: {reason} (loss {loss:g}), samples {samples} of clips {names}; see {self.path}"
        if norm is None:
            raise TrainingDiverged(
                f"{where}. Under {type(trainer.strategy).__name__} a step cannot be skipped"
            )
        if sum(self._recent) > self.patience:
            left_out = f"{sum(self._recent)} of the last {len(self._recent)} steps were skipped"
            self._diverged = f"{left_out}. The last is {where}"
        log.warning("skipped %s", where)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None  # optimisers pass over these: weights and moments stay

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if self._diverged is not None:
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, RunCheckpoints):
                    callback.save(trainer)
            raise TrainingDiverged(self._diverged)

    def _append(self, row: dict[str, Any]) -> None:
        rows = []
        if self.path.is_file():
            with self.path.open(newline="", errors="replace") as file:
                before = [one for one in csv.DictReader(file) if (one.get("step") or "").isdigit()]
            rows = [
                {name: one.get(name) for name in COLUMNS} for one in before if int(one["step"]) < row["step"]
            ]
        with atomic_path(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows([*rows, row])

    def state_dict(self) -> dict[str, Any]:
        return {"skipped": self.skipped, "losses": list(self._losses), "recent": list(self._recent)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.skipped = state_dict["skipped"]
        self._losses.extend(state_dict["losses"])
        self._recent.extend(state_dict["recent"])


def gradient_norm(optimizer: torch.optim.Optimizer) -> float | None:
    """Return the norm of all gradients, over all shards; None without any."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if not gradients:
        return None
    norm = torch.nn.utils.get_total_norm(gradients)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def _joined(values: list) -> str:
    return " ".join(map(str, values))
