"""Somebody who nods with the loudness of what is heard, as a prepared folder: where there is something to learn.

T: frames; N: samples.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from faceanim.data.manifest import INDEX_NAME, write_manifest
from faceanim.media.sound import write_wav
from faceanim.models.log_mel import RATE
from faceanim.pose.expressions import open_mouth
from faceanim.pose.motion import FaceMotion, recompose
from tests.helpers.heads import somebody
from tests.helpers.manifest import clip_row

FPS, SECONDS = 24.0, 10
_NOD = 0.12  # radians from soft to loud


def nodding_clips(folder: Path, n_train: int = 6, n_test: int = 2) -> Path:
    (folder / "landmarks").mkdir(parents=True)
    (folder / "audio").mkdir()
    rows = []
    for number in range(n_train + n_test):
        name = f"clip{number}"
        rng = np.random.default_rng(number)
        level_T = _wander(SECONDS * int(FPS), rng)  # of loudness, 0 to 1
        noise = rng.normal(0, 0.3, SECONDS * RATE) * np.exp(
            4 * (np.interp(np.arange(SECONDS * RATE) / RATE * FPS, np.arange(len(level_T)), level_T) - 1)
        )
        write_wav(folder / "audio" / f"{name}.wav", noise.astype(np.float32))
        turn = np.column_stack([0.05 * (_wander(len(level_T), rng) - 0.5), _NOD * level_T, 0 * level_T])
        motion = replace(FaceMotion.still(len(level_T), FPS), turn=turn, expression=open_mouth(level_T))
        poses = recompose(motion, somebody(turned=(0, 0, 0)), 640, 480)
        poses.save(folder / "landmarks" / f"{name}.npz")
        split = "train" if number < n_train else "test"
        sound = {"audio_path": f"audio/{name}.wav", "mouth_audio_correlation": 0.9, "content_hash": name}
        rows.append(
            clip_row(name, split=split, n_frames=len(level_T), fps=FPS, width=640, height=480, **sound)
        )
    write_manifest(folder / INDEX_NAME, rows)
    return folder


def _wander(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T,) slowly between 0 and 1, somewhere else every 0.75 s or so."""
    knots = rng.uniform(0, 1, int(n_frames / FPS / 0.75) + 2)
    place_T = np.arange(n_frames) / FPS / 0.75
    before_T, share_T = place_T.astype(int), place_T % 1
    share_T = share_T**2 * (3 - 2 * share_T)
    return (1 - share_T) * knots[before_T] + share_T * knots[before_T + 1]
