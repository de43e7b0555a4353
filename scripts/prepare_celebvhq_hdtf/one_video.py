"""One raw video to its clips. T: frames; H, W: pixels; C: RGB."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceanim import __version__
from faceanim.data.cropping import Crop, apply_crop, stabilised_square_crop
from faceanim.data.manifest import ManifestRow
from faceanim.media.errors import MediaError
from faceanim.media.video import VideoWriter, average_rate, iter_video, video_info
from faceanim.pose.landmarks import FaceLandmarker, Landmarks
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import SourceVideo, split_of

_CHUNK = 16  # frames held in memory at a time
_MIN_SHARE_INSIDE = 0.98  # of the landmarks: a chin may reach over the border in a frame or two


@dataclass(frozen=True)
class _Watched:
    """A video after its first pass."""

    landmarks: Landmarks
    fps: float
    width: int
    height: int


@dataclass(frozen=True)
class _Part:
    """Frames start to stop (exclusive) of a video, to become one clip."""

    clip_id: str
    split: str
    start: int
    stop: int


def prepare_video(
    video: SourceVideo, options: PrepareOptions, landmarker: FaceLandmarker
) -> list[ManifestRow]:
    """Write the video's clips and landmarks below the output folder; return a row for each, kept or dropped.

    split_by=time cuts the video into two blocks of contiguous frames with one crop, which is taken from the
    training block's landmarks alone: nothing of the held-out frames shapes the training clip. If the held-out
    face leaves that crop, the held-out clip is dropped, never the crop widened.
    """
    try:
        watched = _watch(video.path, options, landmarker)
        return _prepare_parts(video, watched, options)
    except MediaError as error:
        split = split_of(video.name, options.holdout) if options.split_by == "clip" else "none"
        part = _Part(video.name, split, 0, 0)
        reason = str(error).replace(str(video.path), video.shown)  # the index holds no place of this machine
        return [_row(video, part, options, reasons=[f"unreadable: {reason}"])]


def _watch(path: Path, options: PrepareOptions, landmarker: FaceLandmarker) -> _Watched:
    pieces, seconds, height, width = [], 0.0, 0, 0
    for chunk_THWC, chunk_seconds in _chunks(path, options):
        pieces.append(landmarker.detect(chunk_THWC))
        height, width = chunk_THWC.shape[1:3]
        seconds = chunk_seconds
    landmarks = Landmarks.concatenate(pieces)
    fps = options.fps or average_rate(seconds, len(landmarks), video_info(path).fps)
    return _Watched(landmarks, fps, width, height)


def _chunks(path: Path, options: PrepareOptions) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the video's frames a few at a time, with the last one's time in seconds."""
    images: list[np.ndarray] = []
    seconds = 0.0
    for seconds, image_HWC in iter_video(path, options.fps, options.max_frames):
        images.append(image_HWC)
        if len(images) == _CHUNK:
            yield np.stack(images), seconds
            images = []
    if images:
        yield np.stack(images), seconds


def _parts(video: SourceVideo, n_frames: int, options: PrepareOptions) -> list[_Part]:
    if options.split_by == "clip":
        return [_Part(video.name, split_of(video.name, options.holdout), 0, n_frames)]
    cut = n_frames - round(n_frames * options.holdout)
    return [
        _Part(f"{video.name}_train", "train", 0, cut),
        _Part(f"{video.name}_test", "test", cut, n_frames),
    ]


def _prepare_parts(video: SourceVideo, watched: _Watched, options: PrepareOptions) -> list[ManifestRow]:
    parts = _parts(video, len(watched.landmarks), options)
    reasons = {part: _faults(part, watched, options) for part in parts}
    crop = None
    first = parts[0]
    if not reasons[first]:
        points = watched.landmarks.points[first.start : first.stop]
        try:
            crop = stabilised_square_crop(points, watched.width, watched.height, options.margin)
        except ValueError as error:
            reasons[first].append(str(error))
    for part in parts:
        if crop and crop.share_inside(watched.landmarks.points[part.start : part.stop]) < _MIN_SHARE_INSIDE:
            reasons[part].append("the face leaves the crop, which is fixed")
        elif part is not first and reasons[first]:
            reasons[part].append("the training part was dropped")
    kept = [part for part in parts if not reasons[part]]
    if crop is not None and kept:
        _write_clips(video, kept, watched, crop, options)
    return [_row(video, part, options, reasons[part], watched, crop) for part in parts]


def _faults(part: _Part, watched: _Watched, options: PrepareOptions) -> list[str]:
    n_frames = part.stop - part.start
    if n_frames < options.min_frames:
        return [f"too few frames: expected {options.min_frames} or more, got {n_frames}"]
    rate = watched.landmarks.found[part.start : part.stop].mean()
    if rate == 0:
        return ["no face found"]
    if rate < options.min_face_rate:
        return [f"face found in {rate:.1%} of the frames: expected {options.min_face_rate:.1%} or more"]
    return []


def _write_clips(
    video: SourceVideo, parts: list[_Part], watched: _Watched, crop: Crop, options: PrepareOptions
) -> None:
    """The second pass: decode again, crop, encode all parts at once, and save each part's landmarks."""
    size, folder = options.size, options.output_folder
    with ExitStack() as stack:
        writers = {
            part: stack.enter_context(
                VideoWriter(folder / _clip_path(part), watched.fps, size, size, crf=options.crf, gop=12)
            )
            for part in parts
        }
        frame = 0
        for chunk_THWC, _ in _chunks(video.path, options):
            for image_HWC in apply_crop(chunk_THWC, crop, size):
                for part, writer in writers.items():
                    if part.start <= frame < part.stop:
                        writer.write(image_HWC)
                frame += 1
    for part in parts:
        found = watched.landmarks
        pose = PoseSequence(
            found.points[part.start : part.stop],
            found.confidence[part.start : part.stop],
            watched.fps,
            watched.width,
            watched.height,
            source=f"{video.shown}, frames {part.start} to {part.stop - 1}, landmarks={options.landmarks}",
        )
        pose.crop(*crop, size).save(folder / _landmarks_path(part))


def _row(
    video: SourceVideo,
    part: _Part,
    options: PrepareOptions,
    reasons: list[str],
    watched: _Watched | None = None,
    crop: Crop | None = None,
) -> ManifestRow:
    keep = not reasons
    found = watched.landmarks.found[part.start : part.stop] if watched else np.zeros(0, bool)
    return ManifestRow(
        clip_id=part.clip_id,
        source=options.source,
        split=part.split,
        path=_clip_path(part) if keep else "",
        landmarks_path=_landmarks_path(part) if keep else "",
        n_frames=part.stop - part.start,
        fps=float(watched.fps) if watched else 0.0,
        width=options.size if keep else 0,
        height=options.size if keep else 0,
        crop_x=crop.x if crop else 0,
        crop_y=crop.y if crop else 0,
        crop_size=crop.size if crop else 0,
        source_path=video.shown,
        source_start_frame=part.start,
        face_found_rate=float(found.mean()) if len(found) else 0.0,
        keep=keep,
        drop_reasons="; ".join(reasons),
        tool_version=__version__,
        content_hash=file_hash(options.output_folder / _clip_path(part)) if keep else "",
    )


def _clip_path(part: _Part) -> str:
    return f"clips/{part.clip_id}.mp4"


def _landmarks_path(part: _Part) -> str:
    return f"landmarks/{part.clip_id}.npz"


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
