"""python -m faceanim.app.sandbox_worker <landmarks>: looks at one file that a visitor sent, then ends.

A process of its own, so that a file that exhausts, hangs or crashes a decoder takes nothing else with it: memory,
time, the size of files and their number are limited before the file is opened. It reads one line of JSON, writes arrays
and plain sound into a folder, and answers with one line of JSON.
"""

import json
import logging
import os
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from faceanim.app.plain_wav import write_plain_wav
from faceanim.app.upload_errors import ChosenFaceNotFoundError, OutOfMemoryError, to_json
from faceanim.media import sound, speech
from faceanim.media.errors import MediaTooLongError
from faceanim.media.image import read_image, write_image
from faceanim.media.video import video_info
from faceanim.pipelines.motion_sources import DrivingVideo
from faceanim.pipelines.reference import find_reference
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from faceanim.pose.scaling import rescale_points, resize_within
from faceanim.pose.small_faces import face_part, small_faces

_SHOWN = (64, 480)  # pixels of the short side of a photograph that is shown
_FILES = 64


def look_at_photo(
    path: Path, out: Path, finder: FaceLandmarker, size: list[int], face: int | None, megapixels: float
) -> dict[str, Any]:
    """Writes photo.npz: image (H, W, 3) and landmarks (68, 2 or 3) as `infer.py` finds them; shown, the whole
    photograph, smaller; boxes (F, 4) of all faces and crop (4,) in its pixels. face: which to take, by size; None: the
    largest. Of a chosen one, face.png is what is cut out around it."""
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


def look_at_video(
    path: Path,
    out: Path,
    finder: FaceLandmarker,
    size: list[int],
    fps: float,
    seconds: float,
    max_frames: int | None,
    megapixels: float,
    longest_gap: float,
    smoothing: float,
) -> dict[str, Any]:
    """Writes poses.npz as `infer.py` finds them, and sound.wav where there is sound."""
    info = video_info(path, int(megapixels * 1e6))
    if info.seconds is not None and info.seconds > seconds + 0.5:
        raise MediaTooLongError(
            f"video {path} is too long: expected at most {seconds:g} s, got {info.seconds:.1f} s"
        )
    source = DrivingVideo(
        path, fps, max_frames or round(seconds * fps), longest_gap=longest_gap, smoothing=smoothing
    )
    motion = source.read(tuple(size), landmarker=finder)
    motion.poses.save(out / "poses.npz")
    if motion.sound is not None:
        _keep_sound(motion.sound, out, len(motion.poses) / fps)
    return {}


def look_at_speech(path: Path, out: Path, finder: FaceLandmarker, seconds: float) -> dict[str, Any]:
    """Writes speech.wav, mono at 16 kHz, what the network hears; and sound.wav, what people hear."""
    samples_N = speech.read_speech(path, seconds)
    write_plain_wav(out / "speech.wav", samples_N[:, None], speech.RATE)
    _keep_sound(sound.Soundtrack(path), out, len(samples_N) / speech.RATE)
    return {"loudest": float(np.abs(samples_N).max())}


def _keep_sound(track: sound.Soundtrack, out: Path, seconds: float) -> None:
    n_blocks = int(np.ceil(seconds * sound.RATE / sound.BLOCK))
    blocks = track.blocks()
    samples_NC = np.concatenate([next(blocks) for _ in range(max(1, n_blocks))])
    write_plain_wav(out / "sound.wav", samples_NC, sound.RATE)


_LOOKS = {"photo": look_at_photo, "video": look_at_video, "speech": look_at_speech}


def _limit(gigabytes: float, seconds: float) -> None:
    most = int(gigabytes * 2**30)
    for what, value in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_FSIZE, most),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


class _Notes(logging.Handler):
    """Keeps the kinds of what is warned of, where a log record has one as its `note`."""

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
    Image.init()  # its readers are imported while there is memory for it
    line = sys.stdin.readline()
    if not line:
        return
    task = json.loads(line)
    _limit(task.pop("gigabytes"), task.pop("seconds_of_work"))
    look, path, out = _LOOKS[task.pop("look")], Path(task.pop("path")), Path(task.pop("out"))
    try:
        result = {"ok": look(path, out, finder, **task), "notes": notes.kinds}
    except ValueError as error:
        result = to_json(error)
    except MemoryError:
        result = to_json(OutOfMemoryError("out of memory"))
    print(json.dumps(result), file=answer, flush=True)


if __name__ == "__main__":
    main()
