"""Lips from speech against real ones: python -m scripts.score_speech speech=... clips=... (--help explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("score_speech", "scripts.score_speech")

from typing import NamedTuple

import numpy as np
from omegaconf import DictConfig

from faceanim.data.speech_clips import SpeechClip, SpeechClips
from faceanim.markdown import table
from faceanim.metrics.speech_motion import lip_scores, opening, shifted_scores
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.log_mel import RATE
from faceanim.pose.speech import expression_of

_LARGEST_LAG = 0.3  # seconds


class Score(NamedTuple):
    """Lips made for one clip against the real ones.

    error, error_mean_pose: centimetres on an average face. lag: seconds, positive where the made lips come early. The
    others are correlations, -1 to 1, see conf/score_speech.yaml.
    """

    error: float
    error_mean_pose: float
    correlation: float
    correlation_wrong: float
    correlation_best: float
    lag: float
    correlation_loudness: float


def main(cfg: DictConfig) -> None:
    model = AudioToPose.load(cfg.speech)
    least, bands = cfg.least_correlation, model.config.bands
    clips = SpeechClips(cfg.clips, cfg.split, 2, least_correlation=least, longest_lag=0, bands=bands)
    mean = float(opening(clips.mean_expression()))
    scores = {row.clip_id: score(model, clips.clip(row), mean) for row in clips.rows}
    mean_score = Score(*np.mean(list(scores.values()), axis=0))
    head = [
        "clip",
        "error",
        "mean pose",
        "correlation",
        "wrong moments",
        "at its best lag",
        "lag",
        "loudness alone",
    ]
    rows = [
        [name, *(f"{value:.2f}" for value in found)] for name, found in {**scores, "mean": mean_score}.items()
    ]
    print(table(head, rows))


def score(model: AudioToPose, clip: SpeechClip, mean: float) -> Score:
    """mean: the opening of the mean pose, of all clips that are measured."""
    real_T = opening(clip.expression_T68x2)
    made_T = opening(expression_of(clip.sound_N, model, len(real_T), clip.fps))
    now, wrong = lip_scores(made_T, real_T), shifted_scores(made_T, real_T, clip.fps)
    largest = round(_LARGEST_LAG * clip.fps)
    by_lag = {k: lip_scores(*_moved(made_T, real_T, k)).correlation for k in range(-largest, largest + 1)}
    best = max(by_lag, key=by_lag.__getitem__)
    return Score(
        error=now.error,
        error_mean_pose=lip_scores(np.full_like(real_T, mean), real_T).error,
        correlation=now.correlation,
        correlation_wrong=wrong.correlation,
        correlation_best=by_lag[best],
        lag=best / clip.fps,
        correlation_loudness=lip_scores(loudness(clip.sound_N, len(real_T), clip.fps), real_T).correlation,
    )


def _moved(made_T: np.ndarray, real_T: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(real_T) - abs(frames)
    return made_T[max(-frames, 0) :][:n], real_T[max(frames, 0) :][:n]


def loudness(sound_N: np.ndarray, n_frames: int, fps: float) -> np.ndarray:
    """(T,) decibels of each frame's time."""
    padded_N = np.pad(sound_N, (0, max(0, round(n_frames / fps * RATE) + 1 - len(sound_N))))
    edges = np.round(np.arange(n_frames + 1) / fps * RATE).astype(int)
    energy = np.concatenate([[0.0], np.cumsum(padded_N.astype(np.float64) ** 2)])
    return 10 * np.log10(np.diff(energy[edges]) / np.diff(edges) + 1e-8)
