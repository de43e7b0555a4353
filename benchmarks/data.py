"""How fast training reads prepared clips, each figure next to the plain way (python -m benchmarks.data --help).

CPU seconds of one process with one thread. The two ways take turns on the same work; medians are printed.
"""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_data", "benchmarks.data")

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.data import default_collate
from tqdm import tqdm

from faceanim.data.cropping import Crop, apply_crop
from faceanim.data.dataset import FaceClipDataset
from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.frame_selection import SamplingRules
from faceanim.data.manifest import ManifestRow
from faceanim.data.prepared_folder import read_index, read_poses
from faceanim.data.sample import PackedSample
from faceanim.media.clip_reader import ClipReader
from faceanim.media.video import iter_video
from faceanim.pose.draw import draw_pose
from faceanim.pose.face_mask import face_mask
from faceanim.pose.topology import PARTS

WINDOW = 24


def main(cfg: DictConfig) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    prepared = Path(cfg.prepared)
    raw = demo_clip_path().parent if cfg.raw == "demo" else Path(cfg.raw)
    rows = [row for row in read_index(prepared) if row.keep]
    windows = _windows(rows, cfg.repeats)
    print(f"{'':44}{'ours':>10}{'plain':>10}{'ratio':>8}")

    def read_prepared(k: int) -> None:
        row, start = windows[k]
        ClipReader(prepared / row.path).read(range(start, start + WINDOW))

    def read_original(k: int) -> None:
        row, start = windows[k]
        _original_window(raw, row, start)

    _row("24-frame windows/s, prepared | original", 1, cfg.repeats, read_prepared, read_original)
    for name in ("decord", "torchcodec"):
        if find_spec(name):
            other = _decoder(name, prepared)
            _row(
                f"24-frame windows/s, ours | {name}",
                1,
                cfg.repeats,
                read_prepared,
                lambda k, f=other: f(*windows[k]),
            )

    for stage, rules in (
        ("appearance", SamplingRules(frames=1, spacing=0, motion_frames=2)),
        ("temporal", SamplingRules(frames=WINDOW, reference_distance=30, motion_frames=2)),
    ):
        dataset = FaceClipDataset(prepared, "train", rules, short_clips="skip")
        _row(
            f"samples/s a worker, {stage}",
            1,
            cfg.repeats,
            lambda k, d=dataset: PackedSample.collate([d[k]]),
            lambda k, d=dataset: _in_floats(d, k),
        )

    poses = read_poses(prepared, rows[0]).points
    poses = poses[np.isfinite(poses).all(axis=(1, 2))][:WINDOW]
    size = rows[0].height
    _row(
        "pose images/s, OpenCV | torch, by distance",
        len(poses),
        min(cfg.repeats, 5),
        lambda k: draw_pose(poses, size, size),
        lambda k: draw_by_distance(torch.from_numpy(poses), size, size),
    )

    def read_bytes(k: int) -> None:
        row, _ = windows[k]
        (prepared / row.path).read_bytes(), (prepared / row.landmarks_path).read_bytes()

    _row("clips/s as files: bytes alone | a window of it", 1, cfg.repeats, read_bytes, read_prepared)


def _windows(rows: Sequence[ManifestRow], count: int) -> list[tuple[ManifestRow, int]]:
    rng = np.random.default_rng(0)
    long = [row for row in rows if row.n_frames >= WINDOW]
    chosen = [long[i] for i in rng.integers(len(long), size=count)]
    return [(row, int(rng.integers(row.n_frames - WINDOW + 1))) for row in chosen]


def _row(name: str, amount: int, repeats: int, ours: Callable, plain: Callable) -> None:
    """Prints both rates and the ratio of the medians. amount: things done in one call."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for k in tqdm(range(repeats), desc=name, leave=False, disable=None):
        for way, taken in zip((ours, plain), seconds, strict=True):
            start = time.process_time()
            way(k)
            taken.append(time.process_time() - start)
    a, b = (amount / float(np.median(taken)) for taken in seconds)
    print(f"{name:44}{a:10.1f}{b:10.1f}{a / b:8.2f}", flush=True)


def _original_window(raw: Path, row: ManifestRow, start: int) -> np.ndarray:
    """The same frames from the original file: sought by timestamp, decoded, resampled, cropped, resized."""
    first = (row.source_start_frame + start) / row.fps
    frames = iter_video(raw / row.source_path, row.fps, start=first, stop=first + WINDOW / row.fps)
    images = np.stack([frame.image_HWC for frame in frames])
    return apply_crop(images, Crop(row.crop_x, row.crop_y, row.crop_size), row.width)


def _decoder(name: str, folder: Path) -> Callable[[ManifestRow, int], np.ndarray]:
    """The window by another library, which has to be installed."""

    def by_decord(row: ManifestRow, start: int) -> np.ndarray:
        import decord

        reader = decord.VideoReader(str(folder / row.path), ctx=decord.cpu(0), num_threads=1)
        return reader.get_batch(list(range(start, start + WINDOW))).asnumpy()

    def by_torchcodec(row: ManifestRow, start: int) -> np.ndarray:
        from torchcodec.decoders import VideoDecoder

        reader = VideoDecoder(folder / row.path, dimension_order="NHWC", num_ffmpeg_threads=1)
        return reader.get_frames_at(list(range(start, start + WINDOW))).data.numpy()

    return {"decord": by_decord, "torchcodec": by_torchcodec}[name]


def _in_floats(dataset: FaceClipDataset, number: int) -> list:
    """Masks of the full size for every frame, and floats made by the worker."""
    row = dataset.row_of(number)
    sample = dataset[number].unpack()
    for points in read_poses(dataset.folder, row).points[: dataset.rules.frames]:
        face_mask(points, row.height, row.width)
    return [default_collate([value]) for value in sample if value is not None]


def draw_by_distance(points_T68x2: Tensor, height: int, width: int) -> Tensor:
    """(T, height, width, 3) in [0, 1] by distance to each line: what a device would run, without OpenCV."""
    half = max(1, round(min(height, width) / 128)) / 2
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixel_HW2 = torch.stack([x, y], dim=-1).float()
    image_THW3 = torch.zeros(len(points_T68x2), height, width, 3)
    for part in PARTS:
        ends = points_T68x2[:, part.points]
        pairs = list(zip(range(ends.shape[1] - 1), range(1, ends.shape[1]), strict=True))
        nearest = torch.full(image_THW3.shape[:3], torch.inf)
        for i, j in pairs + [(ends.shape[1] - 1, 0)] * part.closed:
            a, along = ends[:, None, None, i], (ends[:, j] - ends[:, i])[:, None, None]
            share = ((pixel_HW2 - a) * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-6)
            nearest = torch.minimum(
                nearest, (pixel_HW2 - a - share.clamp(0, 1)[..., None] * along).norm(dim=-1)
            )
        cover = (half + 0.5 - nearest).clamp(0, 1)[..., None]
        image_THW3 = image_THW3 * (1 - cover) + torch.tensor(part.colour) / 255 * cover
    return image_THW3
