"""Codecs between pictures and latents. Each owns its scaling: nobody else multiplies latents by a constant.

Shape letters: N images, H W pixels, C latent channels, h w latent size, p patch side.
"""

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderTiny, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor


class Codec(Protocol):
    """latent_channels: C. downscale: H / h."""

    latent_channels: int
    downscale: int

    def encode(self, x_N3HW: Tensor) -> Tensor:
        """x_N3HW in [-1, 1] -> latents (N, C, h, w), scaled for diffusion."""

    def decode(self, latents_NChw: Tensor) -> Tensor:
        """Latents -> (N, 3, H, W), in about [-1, 1]: the caller clamps."""


class DCTCodec(ModelMixin, ConfigMixin):
    """A codec without weights: the lowest coefficients of a block-wise cosine transform, as JPEG has it.

    Each ``patch`` x ``patch`` block of luma and of the two chromas becomes its ``luma`` and ``chroma`` first
    DCT-II coefficients in zigzag order (Ahmed et al., 1974): for natural pictures close to what a PCA fitted on
    them would keep. Coefficient (u, v) is divided by its usual size, ``gain / (1 + u + v)``, for pictures'
    spectra fall like 1 / frequency; the remaining fall keeps fine detail from drowning the loss.
    """

    @register_to_config
    def __init__(self, patch: int = 8, luma: int = 24, chroma: int = 4, gain: float = 2.0):
        super().__init__()
        basis, sizes = _dct_basis(patch)
        order = _zigzag(patch)
        # BT.601 luma and chroma, rows orthogonal enough that the pseudo-inverse below is exact on full rank.
        ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
        inverse = torch.linalg.inv(ycc.double())
        kernels, inverses = [], []
        for channel, keep in enumerate((luma, chroma, chroma)):
            for k in order[:keep]:
                scale = gain * sizes[k]
                kernels.append(ycc[channel].double()[:, None, None] * basis[k] / scale)
                inverses.append(inverse[:, channel][:, None, None] * basis[k] * scale)
        self.register_buffer("kernel", torch.stack(kernels).float(), persistent=False)
        self.register_buffer("inverse", torch.stack(inverses).float(), persistent=False)
        self.latent_channels = luma + 2 * chroma
        self.downscale = patch

    def encode(self, x_N3HW: Tensor) -> Tensor:
        return F.conv2d(x_N3HW, self.kernel.to(x_N3HW.dtype), stride=self.downscale)

    def decode(self, latents_NChw: Tensor) -> Tensor:
        return F.conv_transpose2d(latents_NChw, self.inverse.to(latents_NChw.dtype), stride=self.downscale)


def _dct_basis(p: int) -> tuple[Tensor, Tensor]:
    """Orthonormal DCT-II basis pictures (p * p, p, p) and their usual relative sizes (p * p)."""
    x, u = torch.arange(p, dtype=torch.float64), torch.arange(p, dtype=torch.float64)
    rows = torch.cos(math.pi * (2 * x[None] + 1) * u[:, None] / (2 * p)) * math.sqrt(2 / p)
    rows[0] /= math.sqrt(2)
    basis = rows[:, None, :, None] * rows[None, :, None, :]
    return basis.flatten(0, 1), (1 / (1 + u[:, None] + u[None])).flatten()


def _zigzag(p: int) -> list[int]:
    """Indices u * p + v, lowest frequencies first."""
    return sorted(range(p * p), key=lambda k: ((k // p) ** 2 + (k % p) ** 2, k))


class VAECodec(ModelMixin, ConfigMixin):
    """Stable Diffusion's VAE (Rombach et al., 2022). Defaults are the sizes of sd-vae-ft-mse.

    Encoding takes the posterior's mean, picture by picture: all at once would need more memory than a training step.
    Decoding takes at once what it is given. The latents are multiplied by the VAE's own ``scaling_factor``.
    """

    @register_to_config
    def __init__(
        self,
        block_out_channels: tuple[int, ...] = (128, 256, 512, 512),
        latent_channels: int = 4,
        layers_per_block: int = 2,
        norm_num_groups: int = 32,
    ):
        super().__init__()
        levels = len(block_out_channels)
        self.vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=tuple(block_out_channels),
            latent_channels=latent_channels,
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
        )
        self.latent_channels = latent_channels
        self.downscale = 2 ** (levels - 1)

    def encode(self, x_N3HW: Tensor) -> Tensor:
        means = [self.vae.encode(x_13HW).latent_dist.mean for x_13HW in x_N3HW.split(1)]
        return torch.cat(means) * self.vae.config.scaling_factor

    def decode(self, latents_NChw: Tensor) -> Tensor:
        return self.vae.decode(latents_NChw / self.vae.config.scaling_factor).sample


class TinyCodec(ModelMixin, ConfigMixin):
    """TAESD (Bohan, github.com/madebyollin/taesd): a small autoencoder into Stable Diffusion's own scaled latents.

    Many times faster than ``VAECodec`` with less detail: for previews and for training on small machines.
    """

    @register_to_config
    def __init__(
        self,
        block_out_channels: tuple[int, ...] = (64, 64, 64, 64),
        encoder_blocks: tuple[int, ...] = (1, 3, 3, 3),
        decoder_blocks: tuple[int, ...] = (3, 3, 3, 1),
        latent_channels: int = 4,
    ):
        super().__init__()
        self.vae = AutoencoderTiny(
            encoder_block_out_channels=tuple(block_out_channels),
            decoder_block_out_channels=tuple(block_out_channels),
            num_encoder_blocks=tuple(encoder_blocks),
            num_decoder_blocks=tuple(decoder_blocks),
            latent_channels=latent_channels,
        )
        self.latent_channels = latent_channels
        self.downscale = 2 ** (len(block_out_channels) - 1)

    def encode(self, x_N3HW: Tensor) -> Tensor:
        return self.vae.encode(x_N3HW).latents * self.vae.config.scaling_factor

    def decode(self, latents_NChw: Tensor) -> Tensor:
        return self.vae.decode(latents_NChw / self.vae.config.scaling_factor).sample


CODECS = {"DCTCodec": DCTCodec, "VAECodec": VAECodec, "TinyCodec": TinyCodec}


def build_codec(name: str, config: dict) -> Codec:
    """A codec by class name and constructor arguments; ValueError for an unknown name."""
    if name not in CODECS:
        raise ValueError(f"codec: expected one of {', '.join(CODECS)}, got {name!r}")
    return CODECS[name](**config)
