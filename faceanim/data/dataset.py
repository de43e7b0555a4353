"""Training samples from prepared clips.

Sample number k is a pure function of (seed, k): epoch and place in the epoch's order are divmod(k, len), and
every draw comes from a generator seeded by (seed, k). Worker count, rank count and resuming change nothing.

Shape letters: T frames, n motion frames, H W pixels.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from faceanim.data.augmentation import Jitter, warp_frames, warp_points
from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.data.sampling import SamplingRules, choose_frames
from faceanim.media.clip_reader import ClipReader
from faceanim.pose.draw import draw_pose
from faceanim.pose.face_mask import face_mask
from faceanim.pose.sequence import PoseSequence


class ClipSample(NamedTuple):
    """One sample; a batch is the same with a leading B. Images in [-1, 1], pose images and masks in [0, 1]."""

    number: int
    clip_id: str
    reference_3HW: Tensor
    reference_mask_1HW: Tensor
    reference_pose_3HW: Tensor
    frames_T3HW: Tensor
    pose_T3HW: Tensor
    face_mask_T1HW: Tensor
    motion_n3HW: Tensor
    motion_valid_n: Tensor


class FaceClipDataset(Dataset):
    def __init__(
        self,
        folder: str | Path,
        split: str,
        rules: SamplingRules,
        samples_per_clip: int = 1,
        mask: dict | None = None,
        seed: int = 0,
        jitter: Jitter | None = None,
    ):
        """folder: output of the preparation. mask: options of ``face_mask``.

        Clips too short for ``rules`` are an error, not skipped in silence.
        """
        self.folder, self.rules, self.seed = Path(folder), rules, seed
        self.samples_per_clip = samples_per_clip
        self.mask, self.jitter = mask or {}, jitter or Jitter()
        self.rows = [row for row in read_manifest(folder) if row.keep and row.split == split]
        if not self.rows:
            raise ValueError(f"no clip of split {split!r} in {self.folder}/index.parquet")
        short = [row.clip_id for row in self.rows if row.n_frames < rules.span()]
        if short:
            raise ValueError(
                f"{len(short)} clip(s) of {self.folder} are shorter than a sample's {rules.span()} frames: {short[:3]}"
            )

    def __len__(self) -> int:
        """Samples per epoch."""
        return len(self.rows) * self.samples_per_clip

    def row_of(self, number: int) -> ManifestRow:
        """The clip that sample ``number`` (any number >= 0) is drawn from."""
        epoch, place = divmod(number, len(self))
        return self.rows[_epoch_order(self.seed, epoch, len(self))[place] % len(self.rows)]

    def __getitem__(self, number: int) -> ClipSample:
        row = self.row_of(number)
        rng = np.random.default_rng([self.seed, number])
        choice = choose_frames(row.n_frames, self.rules, rng)
        order = [choice.reference, *choice.window, *choice.motion]
        clip_points = PoseSequence.load(self.folder / row.landmarks_path).points
        frames = ClipReader(self.folder / row.path).read(order)
        T, n = self.rules.frames, self.rules.motion_frames
        H, W = frames.shape[1:3]
        matrix = self.jitter.draw(H, W, rng)
        if matrix is not None:
            frames, clip_points = warp_frames(frames, matrix), warp_points(clip_points, matrix)
        points = clip_points[order]
        images_N3HW = _to_image_tensor(frames)
        motion = images_N3HW.new_zeros(n, 3, H, W)
        motion[: len(choice.motion)] = images_N3HW[1 + T :]
        poses = pose_images(points[: 1 + T], H, W)
        return ClipSample(
            number=number,
            clip_id=row.clip_id,
            reference_3HW=images_N3HW[0],
            reference_mask_1HW=self._mask(np.concatenate([points[:1], clip_points]), H, W),
            reference_pose_3HW=poses[0],
            frames_T3HW=images_N3HW[1 : 1 + T],
            pose_T3HW=poses[1:],
            face_mask_T1HW=torch.stack([self._mask(p, H, W) for p in points[1 : 1 + T]]),
            motion_n3HW=motion,
            motion_valid_n=torch.full((n,), bool(choice.motion)),
        )

    def _mask(self, points: np.ndarray, height: int, width: int) -> Tensor:
        mask = face_mask(points, height, width, **self.mask)
        return torch.from_numpy(mask)[None]


def pose_images(points_T68x2: np.ndarray, height: int, width: int) -> Tensor:
    """Landmarks in pixels of a (height, width) frame -> pose images (T, 3, H, W) in [0, 1]."""
    return torch.from_numpy(draw_pose(points_T68x2, height, width)).permute(0, 3, 1, 2).float() / 255


def _to_image_tensor(frames_NHW3: np.ndarray) -> Tensor:
    return torch.from_numpy(frames_NHW3).permute(0, 3, 1, 2).float() / 127.5 - 1


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, length]).permutation(length)
