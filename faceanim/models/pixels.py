"""Images between bytes, channels last, and floats, channels first. H, W: pixels; leading dimensions are free."""

import numpy as np
import torch
from torch import Tensor


def to_unit(
    images_HW3: np.ndarray | Tensor,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """uint8 (..., H, W, 3) -> (..., 3, H, W) in [0, 1]."""
    return (_channels_first(images_HW3, device) / 255).to(dtype)


def to_signed(
    images_HW3: np.ndarray | Tensor,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """uint8 (..., H, W, 3) -> (..., 3, H, W) in [-1, 1]."""
    return (_channels_first(images_HW3, device) / 127.5 - 1).to(dtype)


def _channels_first(images_HW3: np.ndarray | Tensor, device: torch.device | None) -> Tensor:
    return torch.as_tensor(images_HW3, device=device).movedim(-1, -3).float()


def to_frames(images_T3HW: Tensor) -> np.ndarray:
    """(T, 3, H, W) in about [-1, 1] -> uint8 frames (T, H, W, 3). FloatingPointError for NaN, which would be black."""
    if images_T3HW.isnan().any():
        raise FloatingPointError(
            "frames hold NaN: damaged weights, or a precision that is too small (float32 is not)"
        )
    pixels = (images_T3HW.float().clamp(-1, 1) + 1) * 127.5
    return pixels.round().byte().movedim(-3, -1).cpu().numpy()
