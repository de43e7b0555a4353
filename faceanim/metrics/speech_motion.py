"""Scores of motion made from speech: the lips against the speaker's, and how lively the head is. T: frames."""

from typing import NamedTuple

import numpy as np

from faceanim.pose.topology import INNER_LIP_PAIRS


class LipScores(NamedTuple):
    """error: mean absolute difference of the lips' opening, centimetres on an average face. correlation: of the two
    openings; 0 where one of them does not change at all."""

    error: float
    correlation: float


def opening(expression_T68x2: np.ndarray) -> np.ndarray:
    """(T,) how much further the lips are apart than in the neutral face, centimetres."""
    upper, lower = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))
    return (expression_T68x2[..., lower, 1] - expression_T68x2[..., upper, 1]).mean(axis=-1)


def lip_scores(made_T: np.ndarray, real_T: np.ndarray) -> LipScores:
    """Of two openings of the same frames."""
    if made_T.shape != real_T.shape:
        raise ValueError(
            f"lip scores: expected openings of one length, got {made_T.shape} and {real_T.shape}"
        )
    still = made_T.std() < 1e-6 or real_T.std() < 1e-6
    correlation = 0.0 if still else float(np.corrcoef(made_T, real_T)[0, 1])
    return LipScores(float(np.abs(made_T - real_T).mean()), correlation)


def shifted_scores(made_T: np.ndarray, real_T: np.ndarray, fps: float) -> LipScores:
    """Of the same opening at wrong moments: moved in a circle by 0.5, 0.75, 1 and 1.5 s to either side; the mean. What
    is made from the speech has to be better at its own moment."""
    scores = [lip_scores(np.roll(made_T, shift), real_T) for shift in wrong_moments(fps)]
    return LipScores(*np.mean(scores, axis=0).tolist())


def wrong_moments(rate: float) -> list[int]:
    """By how many frames."""
    return [sign * round(seconds * rate) for seconds in (0.5, 0.75, 1.0, 1.5) for sign in (-1, 1)]


class HeadLiveliness(NamedTuple):
    """Standard deviation of each angle over time, degrees; mean speed of the three together, degrees a second."""

    spread_yaw: float
    spread_pitch: float
    spread_roll: float
    speed: float


def head_liveliness(pose_T6: np.ndarray, rate: float) -> HeadLiveliness:
    """Of poses (see ``HeadFromSpeech``), `rate` a second."""
    if len(pose_T6) < 2:
        raise ValueError(f"head liveliness: expected 2 poses or more, got {len(pose_T6)}")
    turn_T3 = np.degrees(pose_T6[:, :3].astype(np.float64))
    speed = float(np.linalg.norm(np.diff(turn_T3, axis=0), axis=1).mean() * rate)
    return HeadLiveliness(*turn_T3.std(axis=0).tolist(), speed)
