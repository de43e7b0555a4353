"""Training samples from prepared clips.

Sample k is a pure function of (seed, k): epoch and place in the epoch's order are divmod(k, len), and
every draw comes from a generator seeded by (seed, k). Worker count, rank count and resuming change nothing.

Shape letters: T frames, n motion frames, H W pixels.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from faceanim.data.augmentation import Jitter, warp_frames, warp_points
from faceanim.data.frame_selection import SamplingRules, choose_frames
from faceanim.data.latents import LatentCache
from faceanim.data.manifest import ManifestRow
from faceanim.data.prepared_folder import read_poses
from faceanim.data.sample import PackedSample
from faceanim.data.shuffling import ClipOrder
from faceanim.data.splits import NoClips, clips_of
from faceanim.media.clip_reader import ClipReader
from faceanim.media.storage import join, local_copy
from faceanim.pose.draw import Drawing, draw_pose
from faceanim.pose.face_mask import face_mask, lip_mask
from faceanim.pose.scaling import rescale_points

if TYPE_CHECKING:
    from faceanim.media.decord_reader import DecordReader

log = logging.getLogger(__name__)

_QUARTER = 4  # targets' masks are drawn so much smaller: the loss reads them at latent resolution


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
        source_weights: Mapping[str, float] | None = None,
        short_clips: Literal["error", "skip"] = "error",
        latents: str | Path | None = None,
        reader: Literal["pyav", "decord"] = "pyav",
        drawing: Drawing = "full",
    ):
        """folder: output of the preparation, a path or a URL. mask: options of ``face_mask``.

        source_weights: see ``ClipOrder``. short_clips: what to do with clips too short for ``rules``; how many
        are skipped is logged. latents: folder of ``scripts.cache_latents``; samples then hold latents instead
        of pictures, whose jitter must be None. reader: ``ClipReader``, or decord's where its package is installed.
        drawing: see ``draw_pose``.
        """
        if reader not in ("pyav", "decord"):
            raise ValueError(f"data.module.reader: expected pyav or decord, got {reader!r}")
        self.reader, self.drawing = reader, drawing
        self.folder, self.rules, self.seed = folder, rules, seed
        self.mask, self.jitter = mask or {}, jitter or Jitter()
        self.latents = None if latents is None else LatentCache.open(latents)
        if self.latents and self.jitter.probability > 0:
            raise ValueError(
                f"data.latents={latents} holds clips as they are: expected jitter=null, got {jitter}"
            )
        self.rows = _long_enough(clips_of(folder, split), folder, rules.span(), short_clips)
        self.order = ClipOrder(
            [row.source for row in self.rows], len(self.rows) * samples_per_clip, seed, source_weights
        )

    def __len__(self) -> int:
        """Samples per epoch."""
        return self.order.length

    def row_of(self, index: int) -> ManifestRow:
        """The clip that sample ``index`` (any integer >= 0) is drawn from."""
        return self.rows[self.order[index]]

    def __getitem__(self, index: int) -> PackedSample:
        row = self.row_of(index)
        rng = np.random.default_rng([self.seed, index])
        choice = choose_frames(row.n_frames, self.rules, rng)
        order = [choice.reference, *choice.window, *choice.motion]
        T, N = self.rules.frames, 1 + self.rules.frames + self.rules.motion_frames
        clip_points = read_poses(self.folder, row).points
        with local_copy(join(self.folder, row.path)) as path:
            frames = self._open(path).read(order[:1] if self.latents else order)
        H, W = frames.shape[1:3]
        matrix = self.jitter.draw(H, W, rng)
        if matrix is not None:
            frames = warp_frames(frames, matrix)
            clip_points = warp_points(clip_points, matrix)
        points, frames = clip_points[order], torch.from_numpy(frames)
        poses_THW3 = torch.from_numpy(draw_pose(points[: 1 + T], H, W, drawing=self.drawing))
        latents, image_tokens = self.latents.read(row, order) if self.latents else (None, None)
        small = rescale_points(points[1 : 1 + T], (H, W), (H // _QUARTER, W // _QUARTER))
        return PackedSample(
            index=index,
            clip_id=row.clip_id,
            frames_NHW3=frames if self.latents else _padded(frames, N),
            reference_mask_1HW=self._mask(np.concatenate([points[:1], clip_points]), H, W),
            reference_pose_HW3=poses_THW3[0],
            pose_THW3=poses_THW3[1:],
            face_mask_T1qq=torch.stack([self._mask(p, H // _QUARTER, W // _QUARTER) for p in small]),
            lip_mask_T1qq=torch.from_numpy(
                np.stack([lip_mask(p, H // _QUARTER, W // _QUARTER)[None] for p in small])
            ),
            motion_valid_n=torch.full((self.rules.motion_frames,), bool(choice.motion)),
            latents_NChw=None if latents is None else _padded(latents, N),
            image_tokens_LD=image_tokens,
        )

    def _open(self, path: Path) -> "ClipReader | DecordReader":
        if self.reader == "pyav":
            return ClipReader(path)
        from faceanim.media.decord_reader import DecordReader  # a reading worker imports it, or nobody

        return DecordReader(path)

    def _mask(self, points: np.ndarray, height: int, width: int) -> Tensor:
        mask = face_mask(points, height, width, **self.mask)
        return torch.from_numpy(mask)[None]


def one_thread(worker: int) -> None:
    """For DataLoader's worker_init_fn: workers share the cores already (torch sees to its own threads).

    It stands here because a worker imports this file anyway; Lightning and diffusers would take it seconds.
    """
    cv2.setNumThreads(1)


def _padded(x: Tensor, length: int) -> Tensor:
    """Zeros in place of the motion frames that a sample may lack."""
    return x if len(x) == length else torch.cat([x, x.new_zeros(length - len(x), *x.shape[1:])])


def _long_enough(
    rows: list[ManifestRow], folder: str | Path, span: int, short_clips: Literal["error", "skip"]
) -> list[ManifestRow]:
    if short_clips not in ("error", "skip"):
        raise ValueError(f"short_clips: expected error or skip, got {short_clips!r}")
    short = [row.clip_id for row in rows if row.n_frames < span]
    found = f"{len(short)} of {len(rows)} clip(s) of {folder} are shorter than a sample's {span} frames: {short[:3]}"
    if len(short) == len(rows):
        raise NoClips(found)
    if short and short_clips == "error":
        raise ValueError(f"{found}; data.module.short_clips=skip leaves such clips out")
    if short:
        log.warning("left out: %s", found)
    return [row for row in rows if row.n_frames >= span]
