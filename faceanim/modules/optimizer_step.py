"""Parts of an optimiser step that all stages share: seeding, mean over micro-batches, gradient clipping."""

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from faceanim.data.sample import ClipSample
from faceanim.data.speech_clips import SpeechSample
from faceanim.models.seeding import mixed_seed


class StepMean:
    """Mean of a value over the batches of one optimiser step, where these are accumulated."""

    def __init__(self):
        self._values: list[Tensor] = []

    def update(self, value: Tensor, first: bool) -> Tensor:
        """Add a batch's value and return the mean so far. first: the step begins with it."""
        self._values = [] if first else self._values
        self._values.append(value.detach())
        return torch.stack(self._values).mean()


def seed_step(seed: int, batch: ClipSample | SpeechSample) -> None:
    """Seed torch's own generators, for dropout above all, by the samples, so that a resumed run draws what
    an uninterrupted one does, and no two ranks the same."""
    torch.manual_seed(mixed_seed(seed, int(batch.index[0])))


def clip_gradients(
    module: L.LightningModule, optimizer: Optimizer, value: float | None, algorithm: str | None
) -> None:
    """Clip gradients as Lightning does, but under bfloat16 for fused optimisers too.

    Lightning refuses these under any mixed precision: they undo float16's loss scaling themselves, after the
    clipping. bfloat16 has no loss scaling.
    """
    if module.trainer.precision == "bf16-mixed" and value and algorithm in (None, "norm"):
        torch.nn.utils.clip_grad_norm_(
            (p for group in optimizer.param_groups for p in group["params"]), value
        )
    else:
        module.clip_gradients(optimizer, value, algorithm)
