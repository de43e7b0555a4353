"""Dry run: the plan of an animation, with time and memory estimated from a few steps."""

import time
from dataclasses import replace
from functools import partial

import torch

from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.guidance import Guidance
from faceanim.pipelines.long_video import Segment
from faceanim.pipelines.motion_sources import Motion
from faceanim.pipelines.noise import noise_of
from faceanim.pipelines.options import Sampling
from faceanim.pipelines.reference import Reference
from faceanim.pipelines.request import AnimationRequest
from faceanim.pipelines.runtime import device_name, peak_gigabytes
from faceanim.pipelines.step_counts import check_steps


def plan_text(
    pipe: AnimationPipeline, reference: Reference, motion: Motion, request: AnimationRequest
) -> str:
    """Return the plan, for people. Time and memory are measured on one window of this very video: its steps and a
    batch of decoding, each once to warm up."""
    sampling, poses = request.sampling, motion.poses
    check_steps(sampling.scheduler, pipe.scheduler, sampling.steps)
    plan = pipe.plan(len(poses), sampling.long_video)
    windows = [window for segment in plan for window in segment.windows]
    seconds, gigabytes = _measured(pipe, reference, motion, sampling, plan)
    height, width = reference.image_HWC.shape[:2]
    sound = motion.sound.path if motion.sound and request.output.sound else "none"
    joined = f"{len(plan)} segments, " if len(plan) > 1 else ""
    kind = "GPU memory" if pipe.where.type == "cuda" else "memory of the process"
    return "\n".join(
        (
            f"video     {request.output.path}: {len(poses)} frames of {width}x{height} at {poses.fps:g} fps, "
            f"{len(poses) / poses.fps:.1f} s; sound: {sound}",
            f"denoising {joined}{len(windows)} windows of {max(map(len, windows))} frames at most, "
            f"{sampling.steps} steps, {Guidance(sampling.guidance_scale).forwards} forwards a step",
            f"device    {device_name(pipe.where)}, {str(pipe.precision).removeprefix('torch.')}",
            f"expected  {_clock(seconds)}, {gigabytes:.1f} GB of {kind}",
        )
    )


def _measured(
    pipe: AnimationPipeline,
    reference: Reference,
    motion: Motion,
    sampling: Sampling,
    plan: list[Segment],
) -> tuple[float, float]:
    """Return the estimated seconds of the whole plan, and the peak memory in gigabytes so far."""
    if pipe.where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(pipe.where)
    conditions = pipe.conditions(reference.image_HWC, reference.points, motion.poses)
    n = max(len(window) for segment in plan for window in segment.windows)
    one = [Segment(range(n), [list(range(n))], False)]
    noise = partial(noise_of, sampling.seed, pipe.latent_shape(*reference.image_HWC.shape[:2]))

    def denoise(steps: int) -> tuple[float, torch.Tensor]:
        start = _now(pipe)
        latents = next(pipe.denoise(conditions, one, noise, replace(sampling, steps=steps)))
        return _now(pipe) - start, latents

    def decode(latents: torch.Tensor) -> float:
        start = _now(pipe)
        list(pipe.decoded(iter([latents]), sampling.decode_batch))
        return (_now(pipe) - start) / len(latents)

    denoise(1)
    one_step, latents = denoise(1)
    two_steps, _ = denoise(2)
    decode(latents)
    per_frame = decode(latents)
    a_step = max(two_steps - one_step, 0.0)
    n_windows = sum(len(segment.windows) for segment in plan)
    seconds = len(plan) * max(one_step - a_step, 0.0) + n_windows * sampling.steps * a_step
    seconds += len(motion.poses) * per_frame
    return seconds, peak_gigabytes(pipe.where)


def _now(pipe: AnimationPipeline) -> float:
    if pipe.where.type == "cuda":
        torch.cuda.synchronize(pipe.where)
    return time.perf_counter()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
