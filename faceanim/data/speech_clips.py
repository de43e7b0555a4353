"""Training samples of speech: a stretch of a clip's sound, and what its speaker's face does meanwhile.

Sample k is a pure function of (seed, k). Shape letters: T frames, N samples, C mel bands.
"""

import logging
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from faceanim.data.manifest import ManifestRow
from faceanim.data.prepared_folder import read_poses
from faceanim.data.shuffling import ClipOrder
from faceanim.data.sound_augmentation import SoundAugmentation
from faceanim.data.splits import NoClips, clips_of
from faceanim.media.storage import join, local_copy
from faceanim.models.log_mel import RATE, LogMel, recording_profile
from faceanim.pose.motion import decompose, from_closed_lips
from faceanim.pose.repair import fill_gaps, savitzky_golay

log = logging.getLogger(__name__)

_KEPT_CLIPS = 256  # that are held in memory: a minute takes 4 MB
_FOR_THE_MEAN = 64  # clips at most
_SMOOTH_SECONDS = 0.5  # of the head's motion: what is faster than 2.5 Hz is mostly the landmarks' jitter
_STILL = 1e-3  # the least spread and bound of a head's pose: radians, centimetres, log of the size
_TRUSTED = 0.3  # correlation of sound and mouth from which a clip's measured lag is believed


class SpeechSample(NamedTuple):
    """sound_N: at RATE, with `context` seconds before the first frame and after the last. place_T: seconds of the
    frames in it. expression: (T, 68, 2), see ``FaceMotion``. profile_C: of the whole recording."""

    index: int
    clip_id: str
    sound_N: Tensor
    profile_C: Tensor
    place_T: Tensor
    expression_T68x2: Tensor
    head_T6: Tensor


class SpeechClip(NamedTuple):
    """A whole clip: its sound (N,), its profile (C,), its expression (T, 68, 2), its head's poses (T, 6), its rate."""

    sound_N: np.ndarray
    profile_C: Tensor
    expression_T68x2: np.ndarray
    head_T6: np.ndarray
    fps: float


class SpeechClips(Dataset):
    """The clips of a split in which somebody is heard to speak, and that are long enough for `frames`; how many these
    are is logged.

    context: seconds of sound around a window. samples_per_clip: windows an epoch. least_correlation: of mouth and sound
    (index.parquet: mouth_audio_correlation) in a clip that is taken; music has less. longest_lag: where they plainly
    move together, but not at once, by at most this many seconds, the sound is moved. augmentation: of each window's
    sound, whose profile is then taken of the window alone.
    """

    def __init__(
        self,
        folder: str | Path,
        split: str,
        frames: int,
        context: float = 0.5,
        samples_per_clip: int = 16,
        least_correlation: float = 0.15,
        longest_lag: float = 0.2,
        bands: int = 40,
        seed: int = 0,
        augmentation: SoundAugmentation | None = None,
    ):
        self.folder, self.frames, self.context, self.augmentation = folder, frames, context, augmentation
        self.longest_lag, self.seed = longest_lag, seed
        self._log_mel = LogMel(bands)
        rows = clips_of(folder, split)
        self.rows = [
            row
            for row in rows
            if row.audio_path and row.n_frames >= frames and row.mouth_audio_correlation >= least_correlation
        ]
        of = f"speech and {frames} frames: {len(self.rows)} of {len(rows)} clips of split {split!r} in {folder}"
        if not self.rows:
            raise NoClips(f"expected clips with {of}; data.module.least_correlation is {least_correlation:g}")
        log.info("%s", of)
        self.order = ClipOrder(
            [row.source for row in self.rows], len(self.rows) * samples_per_clip, seed, None
        )
        self._clips: dict[str, SpeechClip] = {}  # the latest last

    def __len__(self) -> int:
        return self.order.length

    def __getitem__(self, index: int) -> SpeechSample:
        row = self.rows[self.order[index]]
        clip = self.clip(row)
        rng = np.random.default_rng([self.seed, index])
        start = int(rng.integers(len(clip.expression_T68x2) - self.frames + 1))
        begin = round((start / clip.fps - self.context) * RATE)
        length = round(((self.frames - 1) / clip.fps + 2 * self.context) * RATE)
        sound = np.zeros(length, np.float32)
        inside = clip.sound_N[max(begin, 0) : begin + length]
        place = max(-begin, 0)
        sound[place : place + len(inside)] = inside
        frames = np.arange(start, start + self.frames)
        profile, expression = clip.profile_C, clip.expression_T68x2[frames]
        if self.augmentation is not None:
            sound, speech = self.augmentation(sound, rng)
            profile = recording_profile(self._log_mel(torch.from_numpy(sound)[None])[0])
            expression = expression if speech else np.zeros_like(expression)
        return SpeechSample(
            index=index,
            clip_id=row.clip_id,
            sound_N=torch.from_numpy(sound),
            profile_C=profile,
            place_T=torch.from_numpy(frames / clip.fps - begin / RATE).float(),
            expression_T68x2=torch.from_numpy(expression).float(),
            head_T6=torch.from_numpy(clip.head_T6[frames]).float(),
        )

    def clip(self, row: ManifestRow) -> SpeechClip:
        """A whole clip; the latest ones are kept."""
        clip = self._clips.pop(row.clip_id, None) or self._read(row)
        if len(self._clips) >= _KEPT_CLIPS:
            del self._clips[next(iter(self._clips))]
        self._clips[row.clip_id] = clip
        return clip

    def mean_expression(self) -> np.ndarray:
        """(68, 2) the mean pose: the mean of the first clips' means, so that long ones do not count more."""
        means = [self.clip(row).expression_T68x2.mean(axis=0) for row in self.rows[:_FOR_THE_MEAN]]
        return np.mean(means, axis=0)

    def head_range(self) -> tuple[np.ndarray, np.ndarray]:
        """spread (6,), bound (6,) of the first clips' heads. bound: how far a head goes from its mean, in the median
        clip: in one of a person who walks about it goes farther, and counts as at the bound. spread: root of the mean
        square of all, each clip counting alike."""
        poses = [self.clip(row).head_T6 for row in self.rows[:_FOR_THE_MEAN]]
        bound = np.maximum(np.median([np.abs(one).max(axis=0) for one in poses], axis=0), _STILL)
        squares = [np.square(np.clip(one, -bound, bound)).mean(axis=0) for one in poses]
        return np.maximum(np.sqrt(np.mean(squares, axis=0)), _STILL), bound

    def _read(self, row: ManifestRow) -> SpeechClip:
        motion = from_closed_lips(*decompose(fill_gaps(read_poses(self.folder, row))))
        with local_copy(join(self.folder, row.audio_path)) as path, wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        lag = self.lag(row)
        if lag > 0:  # the mouth moves so much after the sound
            samples = np.concatenate([np.zeros(round(lag * RATE), np.float32), samples])
        elif lag < 0:
            samples = samples[round(-lag * RATE) :]
        profile = recording_profile(self._log_mel(torch.from_numpy(samples.copy())[None])[0])
        head = savitzky_golay(motion.head_poses, 2 * int(_SMOOTH_SECONDS * row.fps / 2) + 1)
        return SpeechClip(samples, profile, motion.expression, head - head.mean(axis=0), row.fps)

    def lag(self, row: ManifestRow) -> float:
        """Seconds by which the sound is moved."""
        believed = row.mouth_audio_correlation >= _TRUSTED and abs(row.mouth_audio_lag) <= self.longest_lag
        return -row.mouth_audio_lag if believed else 0.0
