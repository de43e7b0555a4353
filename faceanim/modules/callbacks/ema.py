"""Exponential moving average of the trained weights."""

from typing import Any

import lightning as L
import torch
from torch import Tensor


class TrainedEMA(L.Callback):
    """After each optimiser step: average = decay * average + (1 - decay) * weights, from the first step's weights on.

    Validation runs on the averaged weights, a checkpoint's ``state_dict`` holds them, and training ends with them; the
    weights that training continues from are stored next to them as ``trained_state``.
    decay 0 keeps no average. Lightning's own EMAWeightAveraging copies the frozen networks too: at full size
    several gigabytes of GPU memory.
    """

    def __init__(self, decay: float):
        if not 0 <= decay < 1:
            raise ValueError(f"ema decay: expected 0 <= decay < 1, got {decay}")
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self._step, self._validating = 0, False

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if not self.decay or trainer.global_step == self._step:  # gradients are still being accumulated
            return
        self._step = trainer.global_step
        weights = _trained(pl_module)
        if not self.average:
            self.average = {name: weight.clone() for name, weight in weights.items()}
        else:
            torch._foreach_lerp_(list(self.average.values()), list(weights.values()), 1 - self.decay)

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._swap(pl_module)
        self._validating = True

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._swap(pl_module)
        self._validating = False

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for name, weight in _trained(pl_module).items():
            weight.copy_(self.average.get(name, weight))

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store both: while validating the module holds the average, otherwise ``self.average`` does."""
        if not self.average:
            return
        held = {name: checkpoint["state_dict"][name] for name in self.average}
        average, weights = (held, self.average) if self._validating else (self.average, held)
        checkpoint["state_dict"] |= average
        checkpoint["trained_state"] = weights

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the average out of the module, which was loaded with it, and put the trained weights back."""
        if "trained_state" not in checkpoint:
            return
        own = _trained(pl_module)
        self.average = {name: checkpoint["state_dict"][name].to(own[name].device, copy=True) for name in own}
        for name, weight in own.items():
            weight.copy_(checkpoint["trained_state"][name])

    def state_dict(self) -> dict[str, int]:
        return {"step": self._step}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._step = state_dict["step"]

    def _swap(self, pl_module: L.LightningModule) -> None:
        for name, weight in _trained(pl_module).items():
            if name in self.average:
                held = weight.clone()
                weight.copy_(self.average[name])
                self.average[name].copy_(held)


def _trained(module: L.LightningModule) -> dict[str, Tensor]:
    """Return the trained weights, detached."""
    return {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
