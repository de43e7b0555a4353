"""python -m faceanim.app.sandbox_worker <landmarks>: analyzes one file that a visitor sent, then ends.

A process of its own, so that a file that exhausts, hangs or crashes a decoder takes nothing else with it: memory, time,
file sizes and the number of open files are limited before the file is opened. It reads one line of JSON, writes arrays
into a folder, and answers with one line of JSON.
"""

import json
import logging
import os
import resource
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from faceanim.app.upload_errors import ChosenFaceNotFoundError, OutOfMemoryError, to_json
from faceanim.media.errors import MediaTooLongError
from faceanim.media.image import read_image, write_image
from faceanim.media.sound import BLOCK, RATE, SPEECH_RATE, Soundtrack, read_speech
from faceanim.media.video import video_info
from faceanim.pipelines.motion_sources import DrivingVideo
from faceanim.pipelines.reference import find_reference
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from faceanim.pose.scaling import rescale_points, resize_within
from faceanim.pose.small_faces import face_part, small_faces

_SHOWN = (64, 480)  # pixels of the shorter side of the photo on the page
_OPEN_FILES = 64


def analyze_photo(
    path: Path, out: Path, finder: FaceLandmarker, size: list[int], face: int | None, megapixels: float
) -> dict[str, Any]:
    """Write photo.npz, the arrays of `PhotoAnalysis`, with image and landmarks as `infer.py` finds them.

    face: index by size; None: the largest. Of a chosen one, face.png is the part of the photo around it.
    """
    picture = read_image(path, int(megapixels * 1e6))
    boxes_F4 = finder.boxes(picture)
    if not len(boxes_F4):
        boxes_F4 = small_faces(picture, finder)
    if face is not None and len(boxes_F4) > 1:
        part = face_part(picture, boxes_F4[min(face, len(boxes_F4) - 1)], finder)
        if part is None:
            raise ChosenFaceNotFoundError("no face found in the part of the photo that was chosen")
        picture = part.image_HWC
        write_image(out / "face.png", picture)
        boxes_F4 = boxes_F4 - np.array([part.left, part.top, part.left, part.top], np.float32)
    reference = find_reference(picture, finder, tuple(size), name="photo")
    framing = reference.framing
    shown = resize_within(picture, _SHOWN)
    crop = np.array([framing.x, framing.y, framing.x + framing.width, framing.y + framing.height], np.float32)
    rectangles = np.concatenate([boxes_F4, crop[None]]).reshape(-1, 2)
    rectangles = rescale_points(rectangles, picture.shape[:2], shown.shape[:2]).reshape(-1, 4)
    np.savez(
        out / "photo.npz",
        image=reference.image_HWC,
        landmarks=reference.landmarks,
        shown=shown,
        boxes=rectangles[:-1],
        crop=rectangles[-1],
    )
    return {"crop_pixels": min(framing.width, framing.height)}


def analyze_video(
    path: Path,
    out: Path,
    finder: FaceLandmarker,
    size: list[int],
    source: dict[str, Any],
    seconds: float,
    megapixels: float,
) -> dict[str, Any]:
    """Write poses.npz as `infer.py` finds them, and sound.npz if there is sound.

    Args:
        path: the video.
        out: folder to write into.
        finder: landmark backend.
        size: [height, width] of the generated video.
        source: fields of `DrivingVideo`.
        seconds: longest allowed video.
        megapixels: largest allowed frame.
    """
    info = video_info(path, int(megapixels * 1e6))
    if info.seconds is not None and info.seconds > seconds + 0.5:
        raise MediaTooLongError(
            f"video {path} is too long: expected at most {seconds:g} s, got {info.seconds:.1f} s"
        )
    motion = DrivingVideo(**source | {"path": str(path)}).read(tuple(size), landmarker=finder)
    motion.poses.save(out / "poses.npz")
    if motion.sound is not None:
        _save_soundtrack(motion.sound, out, len(motion.poses) / motion.poses.fps)
    return {"sound": motion.sound is not None}


def analyze_speech(path: Path, out: Path, finder: FaceLandmarker, seconds: float) -> dict[str, Any]:
    """Write speech.npz, mono at 16 kHz for the network; and sound.npz, what people hear."""
    samples_N = read_speech(path, seconds)
    np.savez(out / "speech.npz", samples=samples_N[:, None])
    _save_soundtrack(Soundtrack(path), out, len(samples_N) / SPEECH_RATE)
    return {}


def _save_soundtrack(track: Soundtrack, out: Path, seconds: float) -> None:
    n_blocks = max(1, int(np.ceil(seconds * RATE / BLOCK)))
    np.savez(out / "sound.npz", samples=np.concatenate(list(islice(track.blocks(), n_blocks))))


_ANALYZE = {"photo": analyze_photo, "video": analyze_video, "speech": analyze_speech}


def _set_limits(gigabytes: float, cpu_seconds: float) -> None:
    n_bytes = int(gigabytes * 2**30)
    for what, value in (
        (resource.RLIMIT_AS, n_bytes),
        (resource.RLIMIT_FSIZE, n_bytes),
        (resource.RLIMIT_CPU, int(cpu_seconds) + 1),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


class _Notes(logging.Handler):
    """Collects the attribute `note` of log records, the kind of a warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kinds: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if (kind := getattr(record, "note", None)) is not None:
            self.kinds.append(kind)


def main() -> None:
    answer = os.fdopen(os.dup(1), "w")  # decoders may print
    os.dup2(2, 1)
    notes = _Notes()
    logging.getLogger("faceanim").addHandler(notes)
    finder = landmarker(sys.argv[1], "cpu")
    Image.init()  # import its readers before memory is limited
    line = sys.stdin.readline()
    if not line:
        return
    task = json.loads(line)
    _set_limits(task.pop("gigabytes"), task.pop("cpu_seconds"))
    analyze, path, out = _ANALYZE[task.pop("kind")], Path(task.pop("path")), Path(task.pop("out"))
    try:
        result = analyze(path, out, finder, **task) | {"notes": notes.kinds}
    except ValueError as error:
        result = to_json(error)
    except MemoryError:
        result = to_json(OutOfMemoryError("out of memory"))
    print(json.dumps(result), file=answer, flush=True)


if __name__ == "__main__":
    main()
