"""Numbers of denoising steps that diffusers' samplers take unevenly, or not at all."""

import logging
from dataclasses import dataclass
from functools import cache

import torch
from diffusers import DDIMScheduler, LCMScheduler, SchedulerMixin

from faceanim.pipelines.schedulers import build_sampler

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnevenSteps:
    """Of `steps` of a sampler, `misplaced` ones; better: the nearest numbers that have none, at most one below and one
    above."""

    steps: int
    misplaced: int
    better: tuple[int, ...]

    def __str__(self) -> str:
        advice = " or ".join(f"steps={k}" for k in self.better)
        return (
            f"steps={self.steps}: DDIM takes {self.misplaced} of them to another timestep than the next one begins "
            f"with, which shifts the result; {advice}{', or ' if advice else ''}scheduler=dpm++ does better"
        )


def check_steps(name: str | None, trained: SchedulerMixin, steps: int) -> None:
    """Warn, once a process, of steps that `uneven_steps` finds, and of lcm for weights that are not distilled for it.

    Raises ValueError: see `uneven_steps`.
    """
    if uneven := uneven_steps(name, trained, steps):
        warn_once(str(uneven))
    if name == "lcm" and not isinstance(trained, LCMScheduler):  # nothing here can check it
        warn_once("scheduler=lcm needs weights distilled for it; with others the frames are blurred")


def uneven_steps(name: str | None, trained: SchedulerMixin, steps: int) -> UnevenSteps | None:
    """Whether ``build_sampler``'s sampler takes some of the steps to another timestep than the next one begins with.

    Raises ValueError for a number of steps that it cannot take.
    """
    sampler = build_sampler(name, trained)
    most = sampler.config.num_train_timesteps
    if not 1 <= steps <= most:
        raise ValueError(f"steps: expected 1 to {most}, the timesteps that were trained, got {steps}")
    try:
        sampler.set_timesteps(steps)
    except (ValueError, IndexError, AssertionError) as error:
        raise ValueError(f"steps: {type(sampler).__name__} cannot take {steps} steps: {error}") from error
    if len(sampler.timesteps) != steps:  # a rounding error of trailing spacing: the last would be timestep -1
        raise ValueError(
            f"steps: {type(sampler).__name__} makes {len(sampler.timesteps)} steps of {steps}, one of them outside of "
            f"its schedule: choose {steps - 1}"
        )
    if not (misplaced := misplaced_steps(sampler, steps)):
        return None
    nearest = (_nearest_even(sampler, steps, -1), _nearest_even(sampler, steps, 1))
    return UnevenSteps(steps, misplaced, tuple(k for k in nearest if k is not None))


def misplaced_steps(sampler: SchedulerMixin, steps: int) -> int:
    """Number of steps that end at another noise level than the next one begins with (the last: than the end's).

    diffusers' DDIM steps from t to t - N // steps, of N trained timesteps, whatever the next timestep is: that is right
    where N / steps is whole or the spacing is "leading". Its other samplers step to the next timestep.
    """
    if not isinstance(sampler, DDIMScheduler):
        return 0
    sampler.set_timesteps(steps)
    levels = torch.cat([sampler.alphas_cumprod, sampler.final_alpha_cumprod.reshape(1)])  # -1: the end
    reached = sampler.timesteps - sampler.config.num_train_timesteps // steps
    next_ones = torch.cat([sampler.timesteps[1:], torch.tensor([-1])])
    return int((levels[reached.clamp(min=-1)] != levels[next_ones]).sum())


def _nearest_even(sampler: SchedulerMixin, steps: int, direction: int) -> int | None:
    """The nearest number of steps up (1) or down (-1), half to twice as many, none of which is misplaced."""
    stop = steps // 2 if direction < 0 else min(2 * steps, sampler.config.num_train_timesteps) + 1
    for k in range(steps, stop, direction):
        if not misplaced_steps(sampler, k):
            return k
    return None


@cache
def warn_once(words: str) -> None:
    log.warning("%s", words)
