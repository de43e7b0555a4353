"""The denoising loop, over windows that may overlap.

Shape letters: B batch, T frames, t frames of one window or block, C latent channels, h w latent size.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from diffusers import SchedulerMixin
from torch import Tensor

Predict = Callable[[Tensor, Tensor, list[int]], Tensor]
MOST_STEPS = 500  # of `sample_in_blocks`: each is a generator that reads from the one before


def sample(
    predict: Predict,
    scheduler: SchedulerMixin,
    noise_BTChw: Tensor,
    steps: int,
    windows: Sequence[Sequence[int]] | None = None,
    generators: list[torch.Generator] | None = None,
) -> Iterator[Tensor]:
    """Yield the latents (B, T, C, h, w) after each of the scheduler's steps.

    Args:
        predict: (latents of a window (B, t, C, h, w), timestep (1,), frame numbers) -> prediction of the same shape.
        windows: frame numbers of each; where they overlap the predictions are averaged (MultiDiffusion, Bar-Tal et
            al., 2023, arXiv:2302.08113). None: one window over all frames.
        generators: one a frame, for samplers that add noise at every step; then B is 1.

    Raises:
        ValueError: for a frame in no window.
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
        latents = _step(scheduler, total / count[:, None, None, None], t, latents, generators)
        yield latents


@dataclass
class Block:
    """Neighbouring frames of the same windows, which take every step together.

    frames: their numbers. latents_BtChw: where they stand. scheduler: their own, for some samplers remember the step
    before. generators: see ``sample``. total_BtChw, count: sum and number of the predictions at the step that is being
    taken.
    """

    frames: range
    latents_BtChw: Tensor
    scheduler: SchedulerMixin
    generators: list[torch.Generator] | None = None
    total_BtChw: Tensor | None = None
    count: int = 0


def sample_in_blocks(
    predict: Predict, blocks: Iterator[Block], steps: int, windows: Sequence[Sequence[int]]
) -> Iterator[Block]:
    """Sample as ``sample``, for windows in rising order, and yield finished blocks without holding the whole video.

    A window takes its next step as soon as the windows that overlap with it have taken the one before, so that the
    steps run through the video one behind the other and the first block is finished long before the last begins.
    About two windows a step are held, however long the video is. blocks: as ``block_frames`` cuts them, their
    latents noise, their schedulers set to ``steps``.
    """
    if steps > MOST_STEPS:
        raise ValueError(f"steps: expected at most {MOST_STEPS} with overlapping windows, got {steps}")
    for number in range(steps):
        blocks = _one_step(predict, blocks, number, windows)
    yield from blocks


def block_frames(windows: Sequence[Sequence[int]]) -> list[range]:
    """The blocks of windows of consecutive frames: cut wherever a window begins or ends."""
    borders = sorted({border for window in windows for border in (window[0], window[-1] + 1)})
    return [range(a, b) for a, b in pairwise(borders)]


def _one_step(
    predict: Predict, blocks: Iterator[Block], number: int, windows: Sequence[Sequence[int]]
) -> Iterator[Block]:
    held: list[Block] = []
    starts = [window[0] for window in windows]
    for window, next_start in zip(windows, [*starts[1:], windows[-1][-1] + 1], strict=True):
        while not held or held[-1].frames.stop <= window[-1]:
            block = next(blocks)
            block.total_BtChw, block.count = torch.zeros_like(block.latents_BtChw), 0
            held.append(block)
        t = held[0].scheduler.timesteps[number]
        latents = torch.cat([block.latents_BtChw for block in held], dim=1)
        prediction = predict(latents, t[None], list(window))
        pieces = prediction.split([len(block.frames) for block in held], dim=1)
        for block, piece in zip(held, pieces, strict=True):
            block.total_BtChw += piece
            block.count += 1
        while held and held[0].frames.stop <= next_start:
            block = held.pop(0)
            mean = block.total_BtChw / block.count
            block.latents_BtChw = _step(block.scheduler, mean, t, block.latents_BtChw, block.generators)
            yield block


def _step(
    scheduler: SchedulerMixin,
    prediction: Tensor,
    t: Tensor,
    latents: Tensor,
    generators: list[torch.Generator] | None,
) -> Tensor:
    if generators is None or "generator" not in inspect.signature(scheduler.step).parameters:
        return scheduler.step(prediction, t, latents).prev_sample
    # frames in the batch's place: diffusers draws noise with a generator for each of it
    return scheduler.step(prediction[0], t, latents[0], generator=generators).prev_sample[None]
