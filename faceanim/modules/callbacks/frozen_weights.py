"""Frozen networks in the compute dtype: half the memory, and no casting of their weights in every forward."""

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

DTYPES = {
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
}  # the trainer's precision -> autocast's dtype


class FrozenInComputeDtype(L.Callback):
    """Under mixed precision, holds the weights of frozen linear and convolution layers in autocast's dtype.

    Autocast would cast just these, at each use: outputs and gradients are equal bit for bit. Checkpoints and whatever
    comes after the training get the original weights, which wait in the main memory.
    """

    def __init__(self):
        self._originals: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.precision in DTYPES:
            self._originals = cast_frozen(pl_module, DTYPES[trainer.precision])

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["state_dict"] |= self._originals

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for name, original in self._originals.items():
            layer, parameter = name.rsplit(".", 1)
            module = pl_module.get_submodule(layer)
            device = getattr(module, parameter).device
            setattr(module, parameter, nn.Parameter(original.to(device), requires_grad=False))
        self._originals = {}


def cast_frozen(module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Casts the frozen layers' weights in place; returns the originals by name, on the CPU."""
    originals: dict[str, Tensor] = {}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) and not any(p.requires_grad for p in layer.parameters()):
            for key, parameter in list(layer.named_parameters()):
                originals[f"{name}.{key}"] = parameter.detach().cpu()
                setattr(layer, key, nn.Parameter(parameter.detach().to(dtype), requires_grad=False))
    return originals
