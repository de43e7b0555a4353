"""Frozen networks in the compute dtype: half the memory, and no casting of their weights in every forward."""

from collections.abc import Collection

import lightning as L
import torch
from torch import nn

from faceanim.models.lora import plain_name

DTYPES = {
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
}  # the trainer's precision -> autocast's dtype


class FrozenInComputeDtype(L.Callback):
    """Under mixed precision, holds the weights of frozen linear and convolution layers in autocast's dtype.

    Autocast would cast just these, at each use: outputs and gradients are equal bit for bit. Checkpoints refer to
    frozen weights by their source; what no source gave they hold themselves, and it is not cast.
    """

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.precision in DTYPES:
            keep = pl_module.origin.unsourced if pl_module.origin else ()
            cast_frozen(pl_module, DTYPES[trainer.precision], keep)


def cast_frozen(module: nn.Module, dtype: torch.dtype, keep: Collection[str] = ()) -> None:
    """Cast the frozen layers' weights in place, except those whose names are in ``keep``."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) and not any(p.requires_grad for p in layer.parameters()):
            for key, parameter in list(layer.named_parameters()):
                if plain_name(f"{name}.{key}") not in keep:
                    setattr(layer, key, nn.Parameter(parameter.detach().to(dtype), requires_grad=False))
