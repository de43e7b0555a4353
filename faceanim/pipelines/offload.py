"""Model offload: keep only the active networks on the GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Offload:
    """offload_to: where networks wait that are not at work, such as the CPU; None: they stay where they are.
    device: where they work. Moving them costs time once a video, and once a chunk for the ReferenceNet."""

    device: torch.device | None = None
    offload_to: torch.device | None = None

    @contextmanager
    def active(self, *networks: nn.Module) -> Iterator[None]:
        """Keep these networks on the device while the block runs."""
        if self.offload_to is None:
            yield
            return
        for network in networks:
            network.to(self.device)
        try:
            yield
        finally:
            for network in networks:
                network.to(self.offload_to)
