"""I3D (Carreira and Zisserman, 2017, arXiv:1705.07750) on RGB: what FVD is defined by. T: frames; H, W: pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 400
SHORTEST = 9  # frames: fewer leave nothing for the last pooling
_EPSILON = 1e-5  # of the programs that read i3d_pretrained_400.pt; pytorch-i3d has 1e-3 for rgb_imagenet.pt

# Inputs of each mixed block, and the widths of its branches: 1x1; 1x1 then 3x3; 1x1 then 3x3; pooled then 1x1.
_BLOCKS = {
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32),
    "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}
_POOLED_BEFORE = {  # kernel, stride
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}


class I3D(nn.Module):
    """Videos to 400 numbers, the logits of Kinetics-400's classes, averaged over time.

    Keys are those of pytorch-i3d's InceptionI3d, in which i3d_pretrained_400.pt is published: FVD's module of
    TensorFlow Hub, converted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = _Unit(3, 64, 7, stride=2)
        self.Conv3d_2b_1x1 = _Unit(64, 64, 1)
        self.Conv3d_2c_3x3 = _Unit(64, 192, 3)
        for name, widths in _BLOCKS.items():
            self.add_module(name, _Mixed(*widths))
        self.logits = _Logits(1024, CLASSES)

    def forward(self, videos_B3THW: Tensor) -> Tensor:
        """(B, 400) of float videos in [-1, 1], 224x224, of 9 frames or more."""
        x = _pool(self.Conv3d_1a_7x7(videos_B3THW), (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        for name in _BLOCKS:
            if name in _POOLED_BEFORE:
                x = _pool(x, *_POOLED_BEFORE[name])
            x = self.get_submodule(name)(x)
        x = F.avg_pool3d(x, (2, 7, 7), 1)
        return self.logits(x).mean(dim=(2, 3, 4))


def _same(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Zeros around, as TensorFlow's SAME has them: as many as needed, the odd one at the end."""
    padding = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(0, (-(-size // s) - 1) * s + k - size)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)


def _pool(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    return F.max_pool3d(_same(x, kernel, stride), kernel, stride)  # of what a ReLU gave: zeros are no maximum


class _Unit(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        x = _same(x, self.conv3d.kernel_size, self.conv3d.stride)
        return F.relu(self.bn(self.conv3d(x)))


class _Mixed(nn.Module):
    def __init__(self, inputs: int, b0: int, b1a: int, b1b: int, b2a: int, b2b: int, b3b: int) -> None:
        super().__init__()
        self.b0 = _Unit(inputs, b0, 1)
        self.b1a, self.b1b = _Unit(inputs, b1a, 1), _Unit(b1a, b1b, 3)
        self.b2a, self.b2b = _Unit(inputs, b2a, 1), _Unit(b2a, b2b, 3)
        self.b3b = _Unit(inputs, b3b, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.b3b(_pool(x, (3, 3, 3), (1, 1, 1)))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), pooled], dim=1)


class _Logits(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3d(x)
