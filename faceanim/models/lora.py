"""Low-rank updates of attention layers, LoRA (Hu et al., 2021, arXiv:2106.09685), by peft."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from faceanim.models.torch_private import unset_fake_temporarily

LAYERS = (".to_q", ".to_k", ".to_v", ".to_out.0")
DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"


def add_lora(model: nn.Module, rank: int, alpha: float) -> None:
    """Gives each attention layer W that was to be trained an update: W + alpha / rank * B A, with B zero at first.

    Only A (rank, in) and B (out, rank) require gradients afterwards; W is named ``<layer>.base_layer.weight``,
    which ``plain_name`` undoes. Raises ValueError where there is no such layer, or no peft.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.lora import LoraLayer
    except ImportError as error:
        raise ValueError("lora.rank needs the package peft: pip install 'faceanim[lora]'") from error
    layers = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer.weight.requires_grad and name.endswith(LAYERS)
    ]
    if rank < 1 or not layers:
        raise ValueError(
            f"lora.rank={rank}: expected at least 1, and {len(layers)} attention layers to train"
        )
    model.requires_grad_(False)
    with (
        unset_fake_temporarily()
    ):  # peft moves what it has filled, which fake tensors (scripts.estimate_cost) refuse
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=layers), model)
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            for factor in (layer.lora_A.default, layer.lora_B.default):
                factor.weight = nn.Parameter(torch.empty_like(factor.weight))
            layer.reset_lora_parameters("default", init_lora_weights=True)


def plain_name(name: str) -> str:
    """A tensor's name as it is without LoRA."""
    return name.replace(".base_layer.", ".")


def is_update(name: str) -> bool:
    return name.endswith((DOWN, UP))


def merge_lora(weights: Mapping[str, Tensor], updates: Mapping[str, Tensor], scale: float) -> None:
    """Adds scale * B A to each layer's weight, in place. Raises ValueError where an update has no layer, or no pair."""
    layers = {name.removesuffix(DOWN).removesuffix(UP) for name in updates}
    for layer in sorted(layers):
        try:
            weights[f"{layer}.weight"].add_(updates[layer + UP] @ updates[layer + DOWN], alpha=scale)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"LoRA of {layer} does not fit: {error}") from error
