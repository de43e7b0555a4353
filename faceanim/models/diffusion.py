"""The diffusion maths of training: noising, targets, loss weights. The schedule itself is diffusers'.

Symbols after Ho et al., 2020 (arXiv:2006.11239): abar_t = prod_s<=t alpha_s, x_0 clean, x_t noisy.
Shape letters: B batch, T frames, C channels, h w latent size. ``abar`` and what comes of it are (B,) where the
frames of a sample share a timestep, or (B, T).
"""

from typing import Literal

import torch
from torch import Tensor

MinSNR = Literal["plus_one", "plain", "off"]


def snr(abar: Tensor) -> Tensor:
    """Signal-to-noise ratio abar / (1 - abar)."""
    return abar / (1 - abar)


def add_noise(x0_BTChw: Tensor, noise_BTChw: Tensor, abar: Tensor) -> Tensor:
    """x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps (Ho et al., eq. 4)."""
    abar = _over(x0_BTChw, abar)
    return abar.sqrt() * x0_BTChw + (1 - abar).sqrt() * noise_BTChw


def velocity(x0_BTChw: Tensor, noise_BTChw: Tensor, abar: Tensor) -> Tensor:
    """v = sqrt(abar) eps - sqrt(1 - abar) x_0 (Salimans & Ho, 2022, arXiv:2202.00512, appendix D)."""
    abar = _over(x0_BTChw, abar)
    return abar.sqrt() * noise_BTChw - (1 - abar).sqrt() * x0_BTChw


def _over(x_BTChw: Tensor, abar: Tensor) -> Tensor:
    return abar.reshape(*abar.shape, *[1] * (x_BTChw.ndim - abar.ndim)).to(x_BTChw.dtype)


def offset_noise(shape: tuple[int, ...], strength: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise plus, per clip and channel, one constant of the given strength, shared by its frames.

    shape: (B, T, C, h, w). strength 0 gives plain noise.
    """
    noise = torch.randn(shape, generator=generator, device=generator.device)
    if strength:
        B, _, C, _, _ = shape
        noise = noise + strength * torch.randn((B, 1, C, 1, 1), generator=generator, device=generator.device)
    return noise


def target(prediction: str, x0_BTChw: Tensor, noise_BTChw: Tensor, abar: Tensor) -> Tensor:
    """What the network learns to predict; ``prediction`` is diffusers' ``prediction_type``.

    "v_prediction" or "sample", that is x_0: the better choice where the latent has many channels for what it
    holds (Li & He, 2025, arXiv:2511.13720).
    """
    match prediction:
        case "v_prediction":
            return velocity(x0_BTChw, noise_BTChw, abar)
        case "sample":
            return x0_BTChw
    raise ValueError(f"prediction_type: expected v_prediction or sample, got {prediction!r}")


def loss_weight(prediction: str, abar: Tensor, gamma: float, form: MinSNR = "plus_one") -> Tensor:
    """Weight on the squared error of the prediction, min-SNR (Hang et al., 2023, arXiv:2303.09556, section 3.4).

    On the error of x_0 the weight is, by ``form``,
    "plus_one": min(SNR + 1, gamma), as the AnimateAnyone line has it: still trains the step of zero SNR, which
        sampling starts from.
    "plain": min(SNR, gamma), the paper's and diffusers' form: weight 0 at zero SNR.
    An error of v counts 1 / (SNR + 1) of an error of x_0. "off" is 1 in either space.
    """
    s = snr(abar)
    match form:
        case "plus_one":
            weight = (s + 1).clamp(max=gamma)
        case "plain":
            weight = s.clamp(max=gamma)
        case "off":
            return torch.ones_like(s)
        case _:
            raise ValueError(f"min_snr: expected plus_one, plain or off, got {form!r}")
    return weight / (s + 1) if prediction == "v_prediction" else weight
