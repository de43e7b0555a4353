"""Weights, pictures and features by formula: every program computes the same, whatever draws its random numbers."""

import math

import torch
from torch import Tensor, nn


def fill(network: nn.Module) -> nn.Module:
    """Gives each tensor of a network, in the order of their names, noise of its own; signals keep their size."""
    state = network.state_dict()
    for k, name in enumerate(sorted(state)):
        old = state[name]
        if not old.is_floating_point():
            continue
        places = torch.arange(old.numel(), dtype=torch.float64)
        wave = (
            (torch.sin(places * 12.9898 + k * 78.233) * 43758.5453).frac().abs().mul(2).sub(1).view(old.shape)
        )
        if name.endswith("running_var"):
            new = 1 + 0.5 * wave  # wave: even in -1 to 1
        elif old.ndim == 1 and name.endswith("weight"):  # of a norm
            new = 1 + 0.3 * wave
        elif old.ndim > 1:
            new = wave * math.sqrt(6 / old[0].numel())
        else:
            new = 0.1 * wave
        state[name] = new.to(old.dtype)
    network.load_state_dict(state)
    return network.eval()


def video(n_frames: int, height: int, width: int, pace: float = 1.0) -> Tensor:
    """(3, T, H, W) in [-1, 1]."""
    t, y, x = torch.meshgrid(*(torch.arange(float(n)) for n in (n_frames, height, width)), indexing="ij")
    t = t * pace
    return torch.stack(
        [torch.sin(x / 9 + y / 17 + t / 3), torch.cos(x / 23 - y / 11 + t / 5), torch.sin(x * y / 1000 + t)]
    )


def features(n: int, width: int, phase: float) -> Tensor:
    """float64 (n, width), of no simple shape."""
    rows, columns = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(width, dtype=torch.float64)
    return torch.sin(rows * columns.add(1) * 1.7 + phase) + torch.cos(rows * 0.3 + columns * phase)
