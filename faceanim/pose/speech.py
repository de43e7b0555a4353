"""Face motion from speech. T: frames; N: samples; C: channels; L: features."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from faceanim.media.errors import MediaTooShortError
from faceanim.media.sound import MAX_SECONDS, SPEECH_RATE, iter_speech
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.log_mel import HOP, SILENT, normalised, recording_profile
from faceanim.pose.expressions import close_eyes
from faceanim.pose.idle_motion import blinks, idle
from faceanim.pose.motion import FaceMotion
from faceanim.pose.speech_head import head_from_speech

PIECE_SECONDS = 20.0  # of speech computed at a time
_WAV2VEC2_CONTEXT = 2.0  # seconds to either side that a piece is given of what its transformer would look at
_FAINT = 0.25  # of the bands' mean over SILENT, in their normalised units (2 dB): from there on it is sound
_FADE = 7  # spectra (70 ms) to either side over which sound fades in and out
_MARGIN = 2  # hops that a spectrum's window reaches to either side
_SHORTEST = 0.04  # seconds: less is no speech


class Sound(NamedTuple):
    """features_CL: for the model. heard_L: 0 to 1, how far it is not silent, HOP samples apart."""

    features_CL: torch.Tensor
    heard_L: torch.Tensor
    n_samples: int


def motion_from_speech(
    path: str | Path, model: AudioToPose, fps: float = 24.0, seed: int = 0, max_seconds: float = MAX_SECONDS
) -> FaceMotion:
    """Return the motion of a face that speaks this sound; its head moves as the model has learnt, or idles.

    The head's motion begins where the head is.
    """
    sound = sound_features(iter_speech(path, max_seconds), model)
    n_frames = frames_of_speech(path, sound.n_samples, fps)
    expression = _expression(sound, model, n_frames, fps)
    rng = np.random.default_rng(seed)
    if model.head_network is None:
        motion = idle(n_frames, fps, rng)
    else:
        pose_T6 = head_from_speech(sound.features_CL, model, n_frames, fps, seed)
        motion = FaceMotion.still(n_frames, fps).with_head_poses(pose_T6)
    return replace(motion, expression=expression + close_eyes(blinks(n_frames, fps, rng)))


def frames_of_speech(path: str | Path, n_samples: int, fps: float) -> int:
    """round(duration * fps), at least one; ValueError for what is too short to be speech."""
    if n_samples < _SHORTEST * SPEECH_RATE:
        raise MediaTooShortError(
            f"speech {path}: expected at least {_SHORTEST:g} s of sound, got {n_samples / SPEECH_RATE:.3f} s"
        )
    return max(1, round(n_samples / SPEECH_RATE * fps))


def expression_of(sound_N: np.ndarray, model: AudioToPose, n_frames: int, fps: float) -> np.ndarray:
    """(T, 68, 2) what a face does during the first `n_frames` frames of this sound (SPEECH_RATE samples a second)."""
    return _expression(sound_features([sound_N], model), model, n_frames, fps)


@torch.no_grad()
def sound_features(pieces: Iterable[np.ndarray], model: AudioToPose) -> Sound:
    """Compute the features of a sound that comes in pieces (N,).

    Ten minutes of log-mel bands take 10 MB, and the sound is not kept; for wav2vec2 it is, and with the hidden states
    takes 130 MB.
    """
    keep = model.speech_encoder is not None
    kept: list[np.ndarray] = []
    mel: list[torch.Tensor] = []
    held, start, n_done, n_samples = np.zeros(0, np.float32), 0, 0, 0  # start: of `held`, in hops
    for piece in pieces:
        held, n_samples = np.concatenate([held, piece]), n_samples + len(piece)
        if keep:
            kept.append(piece)
        n_ready = start + len(held) // HOP - _MARGIN  # spectra whose whole window is there
        if n_ready > n_done:
            mel.append(_log_mel(model, held)[:, n_done - start : n_ready - start])
            cut = max(0, n_ready - _MARGIN - start)
            held, start, n_done = held[cut * HOP :], start + cut, n_ready
    mel.append(_log_mel(model, held)[:, n_done - start :])
    log_mel_CL = torch.cat(mel, dim=1)
    profile_C = recording_profile(log_mel_CL)
    bands_CL = normalised(log_mel_CL[None], profile_C[None])[0]
    heard_1L = ((bands_CL.mean(dim=0, keepdim=True) - SILENT) / _FAINT).clamp(0, 1)
    heard_1L = torch.nn.functional.avg_pool1d(heard_1L, 2 * _FADE + 1, 1, _FADE, count_include_pad=False)
    features = _hidden_states(np.concatenate(kept), profile_C, model) if keep else bands_CL
    return Sound(features, heard_1L[0], n_samples)


def _log_mel(model: AudioToPose, sound_N: np.ndarray) -> torch.Tensor:
    return model.log_mel(torch.from_numpy(sound_N)[None].to(model.device))[0]


def _hidden_states(sound_N: np.ndarray, profile_C: torch.Tensor, model: AudioToPose) -> torch.Tensor:
    """wav2vec2's (C, L), in pieces that each see some seconds more to either side."""
    rate = model.feature_rate
    hop, n_features = round(SPEECH_RATE / rate), len(sound_N) * rate / SPEECH_RATE
    step, around = round(PIECE_SECONDS * rate), round(_WAV2VEC2_CONTEXT * rate)
    pieces = []
    for begin in range(0, max(1, int(n_features)), step):
        first = max(0, begin - around)
        sound = torch.from_numpy(sound_N[first * hop : (begin + step + around) * hop])[None].to(model.device)
        pieces.append(model.features(sound, profile_C[None])[0, :, begin - first : begin - first + step])
    return torch.cat(pieces, dim=1)


@torch.no_grad()
def _expression(sound: Sound, model: AudioToPose, n_frames: int, fps: float) -> np.ndarray:
    """(T, 68, 2) piece by piece; each piece gets as many features more as its convolutions see, so nothing shows where
    pieces meet. Where nothing is heard the face is the neutral one, whatever the network has learnt."""
    features_CL = sound.features_CL
    around = round(model.reach * model.feature_rate) + 1
    step = max(1, round(PIECE_SECONDS * fps))
    made = []
    for begin in range(0, n_frames, step):
        place_T = torch.arange(begin, min(begin + step, n_frames), device=model.device) * (
            model.feature_rate / fps
        )
        place_T = place_T.clamp(max=features_CL.shape[1] - 1)
        first = max(0, int(place_T[0]) - around)
        last = int(place_T[-1]) + 1 + around
        made.append(model(features_CL[None, :, first : last + 1], (place_T - first)[None])[0])
    place_T = np.arange(n_frames) / fps * SPEECH_RATE / HOP
    heard_T = np.interp(place_T, np.arange(len(sound.heard_L)), sound.heard_L.cpu().double().numpy())
    return heard_T[:, None, None] * torch.cat(made).cpu().double().numpy()
