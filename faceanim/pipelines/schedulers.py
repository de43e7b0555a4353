"""Samplers: how the denoising steps are taken. All of them on the one noise schedule that was trained with."""

import inspect

from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, LCMScheduler, SchedulerMixin
from diffusers import UniPCMultistepScheduler as UniPCScheduler

SAMPLERS: dict[str, type[SchedulerMixin]] = {
    "ddim": DDIMScheduler,  # Song et al., 2020, arXiv:2010.02502
    "dpm++": DPMSolverMultistepScheduler,  # Lu et al., 2022, arXiv:2211.01095, second order
    "unipc": UniPCScheduler,  # Zhao et al., 2023, arXiv:2302.04867
    "lcm": LCMScheduler,  # Luo et al., 2023, arXiv:2310.04378: for weights distilled for it
}


def build_sampler(name: str | None, trained: SchedulerMixin) -> SchedulerMixin:
    """A sampler of this name with the schedule of ``trained``; None: of its own class.

    Always a new object: a scheduler keeps the state of the video that it samples. Raises ValueError for an unknown
    name.
    """
    if name is not None and name not in SAMPLERS:
        raise ValueError(f"scheduler: expected one of {', '.join(SAMPLERS)}, got {name!r}")
    kind = type(trained) if name is None else SAMPLERS[name]
    known = inspect.signature(kind.__init__).parameters
    return kind(**{key: value for key, value in trained.config.items() if key in known})
