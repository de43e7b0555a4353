"""Training loss by timestep."""

from itertools import pairwise
from typing import Any

import lightning as L
import torch
from torch import Tensor

from faceanim.bounds import at_least
from faceanim.runs.lightning_private import add_to_line, is_line

KEY = "loss_by_timestep"


class LossByTimestep(L.Callback):
    """Logs ``train/loss_t000-249`` and so on: the mean loss since the last line of all samples (in stage 1: of all
    frames) whose timestep is in this one of ``buckets`` equal parts of the schedule, over all ranks and batches.

    A part that no timestep fell into is omitted. Weighted losses, as they are minimised. A resumed run continues with
    what was seen since the last line.
    """

    def __init__(self, buckets: int = 4):
        at_least(1, "loss_by_timestep.", buckets=buckets)
        self.buckets = buckets
        self._sums: Tensor | None = None  # (2, buckets), float64: losses, and how many they are

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: dict[str, Tensor],
        batch: Any,
        batch_idx: int,
    ) -> None:
        losses, t = outputs["losses"].double().flatten(), outputs["t"].flatten()
        steps = len(pl_module.abar)
        if self._sums is None:
            self._sums = torch.zeros(2, self.buckets, dtype=torch.float64, device=t.device)
        self._sums = self._sums.to(t.device)  # from a checkpoint
        self._sums.index_add_(1, t * self.buckets // steps, torch.stack([losses, torch.ones_like(losses)]))
        if is_line(trainer, batch_idx):
            sums, counts = self._total(trainer).tolist()
            self._sums = None
            pairs = zip(bucket_names(self.buckets, steps), sums, counts, strict=True)
            add_to_line(trainer, {f"train/loss_{name}": s / count for name, s, count in pairs if count})

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._sums is not None:
            checkpoint[KEY] = self._total(trainer).tolist()

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        sums = torch.tensor(checkpoint.get(KEY, [[], []]), dtype=torch.float64)
        if trainer.is_global_zero and sums.shape[1] == self.buckets:
            self._sums = sums

    def _total(self, trainer: L.Trainer) -> Tensor:
        """Sum over all ranks, all of which call it."""
        return trainer.strategy.reduce(self._sums.clone(), reduce_op="sum")


def bucket_names(buckets: int, steps: int) -> list[str]:
    """Return t000-249, ...: first and last timestep of each part, t being in part ``t * buckets // steps``."""
    edges = [-(-part * steps // buckets) for part in range(buckets + 1)]
    width = len(str(steps - 1))
    return [f"t{low:0{width}}-{high - 1:0{width}}" for low, high in pairwise(edges)]
