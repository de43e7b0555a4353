"""The device of a command."""

import torch


def choose_device(name: str) -> torch.device:
    """Return the device of this name; auto: the first CUDA device, else the CPU. ValueError where it is missing."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device: expected auto, cpu or cuda, got {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name}: no CUDA device was found; expected auto or cpu")
    return device
