"""Analysis of uploads before anything is generated: the face in a photo, the motion of a video, the sound of speech.

H, W: pixels; F: faces; N: samples; C: channels.
"""

import asyncio
import shutil
import tempfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile

from faceanim.app import messages
from faceanim.app.file_store import FileStore
from faceanim.app.log import event
from faceanim.app.messages import Kind, UserError
from faceanim.app.sandbox import Sandbox
from faceanim.app.settings import Limits
from faceanim.app.upload_errors import FileTooLargeError
from faceanim.media.sound import CHANNELS, RATE, SPEECH_RATE, Soundtrack
from faceanim.pipelines.motion_sources import DrivingVideo
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.templates import load_template, template_names
from faceanim.pose.timing import resample

_SILENT = 1e-3  # of full scale
_MAX_BYTES = 2**28  # of the arrays that the sandbox writes
_CACHED = 200  # analyses


@dataclass(frozen=True)
class PhotoAnalysis:
    """The face in a photo.

    name: of the file. image: uint8 (H, W, 3), the head at the video's size. landmarks: (68, 2 or 3) in it, see
    `retarget`. shown: the whole photo, smaller; boxes (F, 4) of all faces and crop (4,) of `image` in its pixels.
    face_file: the part of the photo around a face that was chosen.
    """

    name: str
    image: np.ndarray
    landmarks: np.ndarray
    shown: np.ndarray
    boxes: np.ndarray
    crop: np.ndarray
    warnings: tuple[str, ...]
    face_file: Path | None

    @property
    def points(self) -> np.ndarray:
        """(68, 2)"""
        return self.landmarks[:, :2]


@dataclass(frozen=True)
class MotionAnalysis:
    """A motion before it is fitted to a face.

    source: template, video or speech. name: of the template or the file. poses: None for speech, which becomes poses
    together with a photo. speech: .wav file that the network hears; sound: what people hear.
    """

    source: str
    name: str
    seconds: float
    poses: PoseSequence | None
    speech: Path | None = None
    sound: Soundtrack | None = None
    warnings: tuple[str, ...] = ()


class Analyzer:
    """Analyzes each upload once, in a sandbox.

    Args:
        files: the visitors' files.
        limits: of uploads and of the sandbox.
        landmarks: name of the landmark backend.
        size: (height, width) of the generated videos.
        driving: how videos are read; fps is the rate of templates too.
        speaks: whether the model can turn speech into motion.
    """

    def __init__(
        self,
        files: FileStore,
        limits: Limits,
        landmarks: str,
        size: tuple[int, int],
        driving: DrivingVideo,
        speaks: bool,
    ) -> None:
        self.files, self.limits, self.size, self.speaks = files, limits, size, speaks
        self.driving, self.fps = driving, driving.fps
        self.sandbox = Sandbox(landmarks, limits, files.folder)
        self._cache: OrderedDict[tuple, Any] = OrderedDict()

    async def photo(self, visitor: str, path: str | None, face: int | None = None) -> PhotoAnalysis:
        """Find the face in an uploaded photo; UserError, and the file is deleted, where that fails.

        face: index by size; None: the largest.
        """
        upload = self._upload(visitor, path, "Choose a photo first.")
        return await self._cached(
            (visitor, "photo", upload, face), lambda: self._photo(visitor, upload, face)
        )

    async def motion(
        self, visitor: str, source: str, value: str | None, max_frames: int | None = None
    ) -> MotionAnalysis:
        """Read a motion; UserError, and an upload is deleted, where that fails.

        source: one of `SOURCES`. value: name of a template, path of an upload. max_frames: of a video; later frames
        then have no influence on how it is cropped.
        """
        if source == "template":
            if value not in template_names():
                raise UserError("Choose one of the motions.")
            poses = resample(load_template(value), self.fps)
            return MotionAnalysis(source, value, len(poses) / self.fps, poses)
        if source == "video":
            upload = self._upload(visitor, value, "Choose a video first.")
            return await self._cached(
                (visitor, source, upload, max_frames), lambda: self._video(visitor, upload, max_frames)
            )
        if not self.speaks:
            raise UserError(messages.NO_SPEECH)
        upload = self._upload(visitor, value, "Choose a sound file first.")
        return await self._cached((visitor, source, upload), lambda: self._speech(visitor, upload))

    async def _photo(self, visitor: str, path: Path, face: int | None) -> PhotoAnalysis:
        task = {"size": self.size, "face": face, "megapixels": self.limits.photo_megapixels}
        async with self._sandboxed(visitor, "photo", path, task) as (found, folder):
            shapes = {
                "image": (np.uint8, (*self.size, 3)),
                "landmarks": (np.float32, (68, None)),
                "shown": (np.uint8, (None, None, 3)),
                "boxes": (np.float32, (None, 4)),
                "crop": (np.float32, (4,)),
            }
            arrays = read_arrays(folder / "photo.npz", shapes)
            n_faces = len(arrays["boxes"]) if face is None else 1
            warnings = messages.photo_warnings(
                arrays["landmarks"][:, :2], int(found["crop_pixels"]), min(self.size), n_faces
            )
            face_file = None
            if (folder / "face.png").exists():
                face_file = self.files.new_place(visitor, f"{path.stem}_face_{(face or 0) + 1}.png")
                shutil.move(folder / "face.png", face_file)
        return PhotoAnalysis(path.name, **arrays, warnings=tuple(warnings), face_file=face_file)

    async def _video(self, visitor: str, path: Path, max_frames: int | None) -> MotionAnalysis:
        limits = self.limits
        max_frames = max_frames or round(limits.video_seconds * self.fps)
        source = asdict(replace(self.driving, max_frames=max_frames, retarget="absolute"))
        task = {"size": self.size, "source": source, "seconds": limits.video_seconds}
        task["megapixels"] = limits.video_megapixels
        async with self._sandboxed(visitor, "video", path, task) as (found, folder):
            poses = PoseSequence.load(folder / "poses.npz")
            if not poses.found.all():
                raise ValueError("poses.npz: expected a face in every frame")
            track = await self._keep_soundtrack(visitor, folder) if found["sound"] else None
        seconds, warnings = len(poses) / self.fps, messages.log_warnings(found["notes"])
        return MotionAnalysis("video", path.name, seconds, poses, sound=track, warnings=warnings)

    async def _speech(self, visitor: str, path: Path) -> MotionAnalysis:
        task = {"seconds": self.limits.speech_seconds}
        async with self._sandboxed(visitor, "speech", path, task) as (found, folder):
            samples_NC = read_arrays(folder / "speech.npz", {"samples": (np.float32, (None, 1))})["samples"]
            heard = await self._keep_sound(visitor, "speech.wav", SPEECH_RATE, samples_NC)
            track = await self._keep_soundtrack(visitor, folder)
        warnings = messages.log_warnings(found["notes"])
        if np.abs(samples_NC).max(initial=0) < _SILENT:
            warnings += ("There is nothing to hear in this file.",)
        return MotionAnalysis(
            "speech", path.name, len(samples_NC) / SPEECH_RATE, None, heard, track, warnings
        )

    async def _cached(self, key: tuple, analyze: Callable[[], Awaitable[Any]]) -> Any:
        if key not in self._cache:
            self._cache[key] = await analyze()
        self._cache.move_to_end(key)
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return self._cache[key]

    def _upload(self, visitor: str, path: str | None, otherwise: str) -> Path:
        if not path:
            raise UserError(otherwise)
        if not self.files.owned(path, visitor):
            raise UserError("Only files that you uploaded here can be used.")
        if not Path(path).is_file():
            raise UserError("This file has been deleted in the meantime. Upload it again.")
        return Path(path)

    @asynccontextmanager
    async def _sandboxed(
        self, visitor: str, kind: Kind, path: Path, task: dict[str, Any]
    ) -> AsyncIterator[tuple[dict[str, Any], Path]]:
        """Yield (answer of the sandbox, folder of its arrays); delete the upload and raise UserError where that or its
        use fails."""
        try:
            if path.stat().st_size > self.limits.megabytes(kind) * 1e6:
                raise FileTooLargeError(f"expected at most {self.limits.megabytes(kind):g} MB")
            with tempfile.TemporaryDirectory(
                prefix="analysis-", dir=self.files.folder, ignore_cleanup_errors=True
            ) as folder:
                yield await self.sandbox.run(kind, path, folder, task), Path(folder)
        except (ValueError, RuntimeError) as error:
            self.files.forget(path, visitor)
            event("bad_upload", visitor, kind=kind, why=str(error))
            raise UserError(messages.upload_error(error, kind, self.limits)) from error
        event("analyzed", visitor, kind=kind)

    async def _keep_soundtrack(self, visitor: str, folder: Path) -> Soundtrack:
        shapes = {"samples": (np.float32, (None, CHANNELS))}
        samples_NC = read_arrays(folder / "sound.npz", shapes)["samples"]
        return Soundtrack(await self._keep_sound(visitor, "sound.wav", RATE, samples_NC))

    async def _keep_sound(self, visitor: str, name: str, rate: int, samples_NC: np.ndarray) -> Path:
        """Write a .wav of float32, which is exact."""
        place = self.files.new_place(visitor, name)
        await asyncio.to_thread(wavfile.write, place, rate, samples_NC)
        return place


def read_arrays(path: Path, shapes: dict[str, tuple[type, tuple[int | None, ...]]]) -> dict[str, np.ndarray]:
    """Read an .npz file of the sandbox, which is not trusted; nothing is unpickled.

    shapes: (type, shape) of each array, None for a side of any length. Raises RuntimeError for anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        if n_bytes > _MAX_BYTES:
            raise ValueError(f"{n_bytes} bytes")
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in shapes}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise RuntimeError(f"{path.name}: expected {', '.join(shapes)}: {error}") from error
    for name, (kind, shape) in shapes.items():
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            side in (n, None) for side, n in zip(shape, array.shape, strict=True)
        )
        if array.dtype != kind or not fits or (kind is np.float32 and not np.isfinite(array).all()):
            raise RuntimeError(
                f"{path.name}: expected {name} {kind.__name__} {shape}, got {array.dtype} {array.shape}"
            )
    return arrays
