"""Head motion from speech. T: frames; S: steps; C: channels; L: features; D: width."""

import math

import numpy as np
import torch

from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.head_from_speech import STEPS_PER_SECOND
from faceanim.models.seeding import seed_of_32_bits

_STARTING = 1.0  # seconds in which a head begins to move


def heard_by_head(features_CL: torch.Tensor, model: AudioToPose, seconds: float) -> torch.Tensor:
    """(1, S, D) the sound around each step, from the first sample to `seconds` and a little beyond."""
    n_steps = math.ceil(seconds * STEPS_PER_SECOND) + 2
    place_1S = torch.arange(n_steps, device=features_CL.device)[None] * model.head_network.hop
    return model.head_network.listen(features_CL[None], place_1S)


@torch.no_grad()
def head_from_speech(
    features_CL: torch.Tensor, model: AudioToPose, n_frames: int, fps: float, seed: int
) -> np.ndarray:
    """(T, 6) how the head of this model moves, from where it is at first; drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed_of_32_bits(seed))
    heard_1SD = heard_by_head(features_CL, model, n_frames / fps)
    pose_S6 = model.head_network.roll_out(heard_1SD, generator).cpu().double().numpy()
    begun_S = np.clip(np.arange(len(pose_S6)) / (_STARTING * STEPS_PER_SECOND), 0, 1)
    pose_S6 *= (begun_S**2 * (3 - 2 * begun_S))[:, None]
    return between_steps(pose_S6, n_frames, STEPS_PER_SECOND / fps)


def between_steps(values_S: np.ndarray, n_frames: int, step: float) -> np.ndarray:
    """(T, ...) values at 0, `step`, 2 `step`, ... of the steps: a uniform cubic B-spline. It begins at the first value,
    has no corners, and is nowhere beyond its four neighbours; what changes from step to step it lessens, by a third at
    2.5 hertz of 10 steps a second."""
    place_T = np.minimum(np.arange(n_frames) * step, len(values_S) - 1)
    before_T = np.minimum(place_T.astype(int), len(values_S) - 2)
    t = (place_T - before_T).reshape(-1, *[1] * (values_S.ndim - 1))
    around = np.concatenate([2 * values_S[:1] - values_S[1:2], values_S, values_S[-1:]])
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return sum(weight * around[before_T + k] for k, weight in enumerate(weights)) / 6
