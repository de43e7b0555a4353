"""Validation metrics of stage audio_to_pose. Shape letters: T frames, S steps of the head, C, L features."""

import lightning as L
import numpy as np
import torch
from torch import Tensor

from faceanim.data.speech_clips import SpeechClip, SpeechClips
from faceanim.metrics.speech_motion import (
    HeadLiveliness,
    head_liveliness,
    lip_scores,
    opening,
    shifted_scores,
    wrong_moments,
)
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.head_from_speech import STEPS_PER_SECOND, HeadFromSpeech, Step, at_steps, changes, nll
from faceanim.pose.speech import expression_of, sound_features
from faceanim.pose.speech_head import head_from_speech, heard_by_head

_MEASURED_CLIPS = 64  # at most
_ROLLOUTS = 4  # a clip


def scores(model: AudioToPose, data: L.LightningDataModule) -> dict[str, float]:
    """Return means over the first held-out clips, each whole: of the lips' opening the error and correlation, those of
    the same at wrong moments, and the error of the training clips' mean pose (which has no correlation). Of the head,
    if the model moves it, ``head_scores``."""
    mean = float(opening(data.train_set.mean_expression()))
    change_6 = None if model.head_network is None else head_change(model.head_network, data.train_set)
    numbers = range(min(len(data.val_set.rows), _MEASURED_CLIPS))
    found = [clip_scores(model, data.val_set, number, mean, change_6) for number in numbers]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def clip_scores(
    model: AudioToPose, clips: SpeechClips, number: int, mean: float, change_6: Tensor | None
) -> dict[str, float]:
    clip = clips.clip(clips.rows[number])
    n_frames = len(clip.expression_T68x2)
    made = opening(expression_of(clip.sound_N, model, n_frames, clip.fps))
    real = opening(clip.expression_T68x2)
    own, wrong = lip_scores(made, real), shifted_scores(made, real, clip.fps)
    of_head = {} if change_6 is None else head_scores(model, clip, change_6)
    return {
        "lip_error": own.error,
        "lip_correlation": own.correlation,
        "lip_error_shifted": wrong.error,
        "lip_correlation_shifted": wrong.correlation,
        "lip_error_mean_pose": lip_scores(np.full(n_frames, mean), real).error,
        **of_head,
    }


@torch.no_grad()
def head_scores(model: AudioToPose, clip: SpeechClip, change_6: Tensor) -> dict[str, float]:
    """Return the head's metrics on a whole clip. head_nll: nats a step and number, of the next step from the real past;
    _shifted: with the sound at wrong moments; _mean_pose: of a Gaussian with the training clips' mean and spread;
    _last_pose: of one about the pose before, as wide as the training clips' steps. See ``HeadLiveliness``: of what is
    drawn from the sound alone, and _real."""
    head = model.head_network
    features_CL = sound_features([clip.sound_N], model).features_CL
    heard_1SD = heard_by_head(features_CL, model, len(clip.head_T6) / clip.fps)
    real_1S6 = _steps(head, clip)
    S = real_1S6.shape[1]
    past, real = real_1S6[:, :-1], real_1S6[:, 1:]

    def surprise(heard_1SD: Tensor) -> float:
        return float(nll(real, head(past, changes(past), heard_1SD[:, 1:S])).mean())

    shifts = wrong_moments(STEPS_PER_SECOND)
    still = torch.zeros_like(real)
    found = {
        "head_nll": surprise(heard_1SD),
        "head_nll_shifted": float(np.mean([surprise(heard_1SD[:, :S].roll(k, 1)) for k in shifts])),
        "head_nll_mean_pose": float(nll(real, Step(still, still)).mean()),
        "head_nll_last_pose": float(nll(real, Step(past, change_6.log() + still)).mean()),
    }
    drawn = [
        head_from_speech(features_CL, model, len(clip.head_T6), clip.fps, seed) for seed in range(_ROLLOUTS)
    ]
    motions = [head_liveliness(one, clip.fps) for one in drawn]
    true = head_liveliness(clip.head_T6, clip.fps)
    for name in HeadLiveliness._fields:
        found[f"head_{name}"] = float(np.mean([getattr(one, name) for one in motions]))
        found[f"head_{name}_real"] = getattr(true, name)
    return found


def head_change(head: HeadFromSpeech, clips: SpeechClips) -> Tensor:
    """Return the root mean square step of heads, (6,) in spreads, each clip weighted alike."""
    steps = [_steps(head, clips.clip(row)).diff(dim=1) for row in clips.rows[:_MEASURED_CLIPS]]
    return torch.stack([one.square().mean(dim=(0, 1)) for one in steps]).mean(dim=0).sqrt().clamp(min=1e-3)


def _steps(head: HeadFromSpeech, clip: SpeechClip) -> Tensor:
    """Return the clip's head poses at the steps, (1, S, 6) in spreads."""
    pose_1T6 = torch.from_numpy(clip.head_T6)[None].float().to(head.spread_6.device)
    return head.in_spreads(at_steps(pose_1T6, torch.tensor([clip.fps], device=pose_1T6.device)))
