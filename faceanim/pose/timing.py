"""Pose sequences in time: other rates, longer, one after the other. T: frames; D: 2, or 3 with depth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from faceanim.pose.sequence import PoseSequence

_BLEND_SECONDS = 0.25  # of a joint between two takes


def resample(poses: PoseSequence, fps: float) -> PoseSequence:
    """The same motion at another rate: frame k shows what is shown k / fps seconds after the first one.

    It lasts as long: round(seconds * fps) frames. Linear between neighbours, the last frame held to the end. A frame
    that lies between a face and none has none.
    """
    if not 0 < fps <= 1000:
        raise ValueError(f"resample: expected fps above 0 and at most 1000, got {fps}")
    n_frames = max(1, round(len(poses) / poses.fps * fps))
    place = np.minimum(np.arange(n_frames) * (poses.fps / fps), len(poses) - 1)
    place = np.where(np.abs(place - place.round()) < 1e-6, place.round(), place)
    before = np.floor(place).astype(int)
    after, share = np.minimum(before + 1, len(poses) - 1), (place - before).astype(np.float32)
    after = np.where(share == 0, before, after)  # NaN times 0 is NaN
    landmarks = poses.landmarks
    landmarks = (1 - share)[:, None, None] * landmarks[before] + share[:, None, None] * landmarks[after]
    confidence = (1 - share) * poses.confidence[before] + share * poses.confidence[after]
    return poses.with_landmarks(landmarks, confidence=np.clip(confidence, 0, 1), fps=float(fps))


def concatenate(pieces: Sequence[PoseSequence], blend: float = 0.0) -> PoseSequence:
    """One sequence after the other; all of one rate and frame size.

    blend: seconds over which the beginning of each piece is moved to where the one before ends: the difference at the
    joint fades out, so nothing jumps. Depth is kept where all have one. ValueError where two pieces do not fit.
    """
    if not pieces:
        raise ValueError("concatenate: expected at least one pose sequence, got none")
    kinds = [(piece.fps, piece.width, piece.height) for piece in pieces]
    if len(set(kinds)) > 1:
        raise ValueError(f"concatenate: expected one rate and frame size (fps, width, height), got {kinds}")
    if any(piece.depth is None for piece in pieces):
        pieces = [replace(piece, depth=None) for piece in pieces]
    landmarks = [pieces[0].landmarks]
    for piece in pieces[1:]:
        landmarks.append(_joined(landmarks[-1], piece.landmarks, round(blend * piece.fps)))
    confidence = np.concatenate([piece.confidence for piece in pieces])
    return pieces[0].with_landmarks(np.concatenate(landmarks), confidence=confidence)


def loop(poses: PoseSequence, n_frames: int) -> PoseSequence:
    """`n_frames` frames: cut, or gone through again and again, forwards and then backwards, so that it never jumps."""
    if n_frames < 1:
        raise ValueError(f"loop: expected 1 frame or more, got {n_frames}")
    there = np.arange(len(poses))
    round_trip = np.concatenate([there, there[-2:0:-1]])
    order = np.resize(round_trip, n_frames)
    return poses.with_landmarks(poses.landmarks[order], confidence=poses.confidence[order])


def repeat(poses: PoseSequence, n_frames: int) -> PoseSequence:
    """`n_frames` frames: cut, or begun anew after each end, forwards only; the joints are blended."""
    if n_frames < 1:
        raise ValueError(f"repeat: expected 1 frame or more, got {n_frames}")
    times = -(-n_frames // len(poses))
    return concatenate([poses] * times, _BLEND_SECONDS)[:n_frames]


def _joined(before_T68xD: np.ndarray, after_T68xD: np.ndarray, n_blend: int) -> np.ndarray:
    """`after` with the jump from the last frame before taken out, and given back over `n_blend` frames."""
    jump = before_T68xD[-1] - after_T68xD[0]
    if n_blend < 1 or not np.isfinite(jump).all():
        return after_T68xD
    left = np.clip(1 - np.arange(len(after_T68xD)) / n_blend, 0, 1)
    ease = (left**2 * (3 - 2 * left)).astype(np.float32)
    return after_T68xD + ease[:, None, None] * jump
