"""LPIPS (Zhang et al., 2018, arXiv:1801.03924), version 0.1 on AlexNet. T: frames; B: batch; C: channels; H, W: pixels.

Own code: torchmetrics' and lpips' classes download their weights.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from faceanim.models.pixels import to_signed
from faceanim.models.weights import load_into, read_tensors

_SHIFT = (-0.030, -0.088, -0.188)  # of images in [-1, 1], as in the paper's program
_SCALE = (0.458, 0.448, 0.450)
_CHANNELS = (64, 192, 384, 256, 256)
_EPSILON = 1e-10
_CHUNK = 8  # frames at a time


class Lpips(nn.Module):
    """The mean over all places and the sum over five layers of the weighted squared difference of unit features.

    Keys: ``features.{0,3,6,8,10}.*``, those of torchvision's AlexNet, and ``lin{0..4}.model.1.weight``, those of the
    paper's linear layers.
    """

    def __init__(self) -> None:
        super().__init__()
        convolutions = {
            0: nn.Conv2d(3, 64, 11, stride=4, padding=2),
            3: nn.Conv2d(64, 192, 5, padding=2),
            6: nn.Conv2d(192, 384, 3, padding=1),
            8: nn.Conv2d(384, 256, 3, padding=1),
            10: nn.Conv2d(256, 256, 3, padding=1),
        }
        self.features = nn.ModuleDict({str(k): layer for k, layer in convolutions.items()})
        for k, channels in enumerate(_CHANNELS):
            self.add_module(f"lin{k}", nn.ModuleDict({"model": _linear(channels)}))

    def forward(self, a_B3HW: Tensor, b_B3HW: Tensor) -> Tensor:
        """(B,) for images in [-1, 1], at least 32 pixels a side; 0 is identical."""
        total = torch.zeros(len(a_B3HW), device=a_B3HW.device)
        for k, (a_BCHW, b_BCHW) in enumerate(zip(self._layers(a_B3HW), self._layers(b_B3HW), strict=True)):
            difference = (_unit(a_BCHW) - _unit(b_BCHW)).square()
            total = total + self.get_submodule(f"lin{k}")["model"](difference).mean(dim=(1, 2, 3))
        return total

    @torch.no_grad()
    def distance(self, a_THW3: np.ndarray, b_THW3: np.ndarray) -> Tensor:
        """(T,) of uint8 frames."""
        device = next(self.parameters()).device
        chunks = [
            self(to_signed(a_THW3[t : t + _CHUNK], device), to_signed(b_THW3[t : t + _CHUNK], device)).cpu()
            for t in range(0, len(a_THW3), _CHUNK)
        ]
        return torch.cat(chunks) if chunks else torch.zeros(0)

    def _layers(self, x_B3HW: Tensor) -> list[Tensor]:
        shift, scale = (torch.tensor(v, device=x_B3HW.device).view(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
        x, found = (x_B3HW - shift) / scale, []
        for name, layer in self.features.items():
            if name in ("3", "6"):
                x = nn.functional.max_pool2d(x, 3, 2)
            x = nn.functional.relu(layer(x))
            found.append(x)
        return found


def load_lpips(alexnet: Path, device: torch.device) -> Lpips:
    """LPIPS from AlexNet's weights as torchvision publishes them, and the linear layers that torchmetrics brings."""
    network = Lpips()
    package = Path(find_spec("torchmetrics").submodule_search_locations[0])
    linear = read_tensors(package / "functional" / "image" / "lpips_models" / "alex.pth")
    backbone = {name: t for name, t in read_tensors(alexnet).items() if name.startswith("features.")}
    load_into(network, backbone | linear, alexnet, part="lpips")
    return network.to(device).eval().requires_grad_(False)


def _linear(channels: int) -> nn.Sequential:
    """Dropout, as in the paper's program, takes place 0: at evaluation it does nothing."""
    return nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))


def _unit(x_BCHW: Tensor) -> Tensor:
    return x_BCHW / (x_BCHW.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)
