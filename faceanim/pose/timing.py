"""Pose sequences in time: at other rates, and longer. T: frames."""

import numpy as np

from faceanim.pose.sequence import PoseSequence


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


def loop(poses: PoseSequence, n_frames: int) -> PoseSequence:
    """Cut or extend to `n_frames` frames; extended by playing backwards and forwards in turn, without jumps."""
    if n_frames < 1:
        raise ValueError(f"loop: expected 1 frame or more, got {n_frames}")
    there = np.arange(len(poses))
    round_trip = np.concatenate([there, there[-2:0:-1]])
    order = np.resize(round_trip, n_frames)
    return poses.with_landmarks(poses.landmarks[order], confidence=poses.confidence[order])
