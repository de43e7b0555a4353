"""The denoising loop, over windows that may overlap.

Shape letters: B batch, T frames, t frames of one window, C latent channels, h w latent size.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from diffusers import DDIMScheduler
from torch import Tensor

Predict = Callable[[Tensor, Tensor, list[int]], Tensor]


def sample(
    predict: Predict,
    scheduler: DDIMScheduler,
    noise_BTChw: Tensor,
    steps: int,
    windows: Sequence[Sequence[int]] | None = None,
) -> Iterator[Tensor]:
    """Yields the latents (B, T, C, h, w) after each of the scheduler's steps (DDIM, Song et al., arXiv:2010.02502).

    predict: (latents of a window (B, t, C, h, w), timestep (1,), frame numbers) -> prediction of the same shape.
    windows: frame numbers of each; where they overlap the predictions are averaged (MultiDiffusion, Bar-Tal et al.,
    2023, arXiv:2302.08113). None: one window over all frames. Raises ValueError for a frame in no window.
    """
    T = noise_BTChw.shape[1]
    windows = [list(window) for window in windows or [range(T)]]
    count = noise_BTChw.new_zeros(T)
    for window in windows:
        count[window] += 1
    if (count == 0).any():
        raise ValueError(
            f"windows: frames {count.eq(0).nonzero().flatten().tolist()} of {T} are in none of them"
        )
    scheduler.set_timesteps(steps, device=noise_BTChw.device)
    latents = noise_BTChw
    for t in scheduler.timesteps:
        total = torch.zeros_like(latents)
        for window in windows:
            total[:, window] += predict(latents[:, window], t[None], window)
        latents = scheduler.step(total / count[:, None, None, None], t, latents).prev_sample
        yield latents
