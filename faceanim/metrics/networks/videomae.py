"""VideoMAE v2's encoder (Wang et al., 2023, arXiv:2303.16727), whose features FVD may be taken of: they see motion
where I3D sees single frames (Ge et al., 2024, arXiv:2404.12391).

B: videos; T: frames; H, W: pixels; L: patches; D: width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPSILON = 1e-6


class VideoMae(nn.Module):
    """Videos to the mean of their patches. Keys are those of the published fine-tuned files; defaults: the giant one.

    patch, side: pixels; tube: frames of a patch; frames: of a video; classes: of the head, whose output is not used.
    """

    def __init__(
        self,
        width: int = 1408,
        depth: int = 40,
        heads: int = 16,
        hidden: int = 6144,
        patch: int = 14,
        side: int = 224,
        frames: int = 16,
        tube: int = 2,
        classes: int = 174,
    ) -> None:
        super().__init__()
        self.side, self.frames = side, frames
        size = (tube, patch, patch)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, width, size, stride=size)})
        self.blocks = nn.ModuleList([_Block(width, heads, hidden) for _ in range(depth)])
        self.fc_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.head = nn.Linear(width, classes)
        n_patches = (frames // tube) * (side // patch) ** 2
        self.register_buffer("places", _places(n_patches, width), persistent=False)

    def forward(self, videos_B3THW: Tensor) -> Tensor:
        """(B, D) of videos in [0, 1], as large and as long as the network is made for."""
        x_BLD = self.patch_embed["proj"](videos_B3THW).flatten(2).transpose(1, 2) + self.places
        for block in self.blocks:
            x_BLD = block(x_BLD)
        return self.fc_norm(x_BLD.mean(dim=1))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=_EPSILON) for _ in range(2))
        self.attn = _Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, x_BLD: Tensor) -> Tensor:
        x_BLD = x_BLD + self.attn(self.norm1(x_BLD))
        return x_BLD + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x_BLD))))


class _Attention(nn.Module):
    """Keys have no bias, which would change nothing."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_bias, self.v_bias = (nn.Parameter(torch.zeros(width)) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        joined = F.linear(x_BLD, self.qkv.weight, bias).unflatten(-1, (3, self.heads, -1))
        q, k, v = joined.permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def _places(n: int, width: int) -> Tensor:
    """(1, L, D): sines in even and cosines in odd places, of pairwise equal frequencies (Vaswani et al., 2017)."""
    pair = torch.arange(width, dtype=torch.float64).div(2, rounding_mode="floor")
    angles = torch.arange(n, dtype=torch.float64)[:, None] / 10000 ** (2 * pair / width)
    angles[:, 0::2], angles[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return angles[None].float()
