"""Visitors' uploads, looked at: the face in a photograph, the motion of a video, the sound of speech."""

import shutil
from pathlib import Path

import numpy as np

from faceanim.app import messages
from faceanim.app.file_store import FileStore
from faceanim.app.log import event
from faceanim.app.plain_wav import is_plain_wav, n_samples
from faceanim.app.sandbox import Sandbox
from faceanim.app.settings import Limits
from faceanim.app.upload_analysis import AnalysisCache, MotionAnalysis, PhotoAnalysis, read_arrays
from faceanim.media import sound, speech
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.templates import load_template, template_names
from faceanim.pose.timing import resample

SOURCES = ("template", "video", "speech")
NO_SPEECH = (
    "Speech is not available here: the model that this platform runs has no part that turns sound into motion. "
    "Choose a template, or a video."
)
_SILENT = 1e-3  # of full scale


class UserError(Exception):
    """What a visitor has to know or mend, in plain words."""


class Analyzer:
    """size: (height, width) of the videos that are made, fps: their rate. speaks: whether speech can become motion.
    longest_gap, smoothing: of videos that drive, as `infer.py`'s."""

    def __init__(
        self,
        files: FileStore,
        limits: Limits,
        landmarks: str,
        size: tuple[int, int],
        fps: float,
        speaks: bool,
        longest_gap: float = 1.0,
        smoothing: float = 0.3,
    ) -> None:
        self.files, self.limits, self.size, self.fps, self.speaks = files, limits, size, fps, speaks
        self.longest_gap, self.smoothing = longest_gap, smoothing
        self.sandbox = Sandbox(landmarks, limits, files.folder)
        self._kept = AnalysisCache()

    async def photo(self, visitor: str, path: str | Path | None, face: int | None = None) -> PhotoAnalysis:
        """Finds the face. Raises UserError for what cannot be animated; then the file is gone."""
        path = self._upload(visitor, path, "Choose a photo first.")
        key = (visitor, "photo", str(path), face)
        if isinstance(look := self._kept.get(key), PhotoAnalysis):
            return look
        limits, side = self.limits, self.size
        task = {"size": list(side), "face": face, "megapixels": limits.photo_megapixels}
        async with _Looking(self, visitor, path, "photo", limits.photo_megabytes, task) as (answer, out):
            shapes = {
                "image": (np.uint8, (*side, 3)),
                "landmarks": (np.float32, (68, None)),
                "shown": (np.uint8, (None, None, 3)),
                "boxes": (np.float32, (None, 4)),
                "crop": (np.float32, (4,)),
            }
            arrays = read_arrays(out / "photo.npz", shapes)
            face_file = None
            if (out / "face.png").exists():
                face_file = self.files.new_place(visitor, f"{path.stem}_face_{(face or 0) + 1}.png")
                shutil.move(out / "face.png", face_file)
            warnings = messages.of_photo(
                arrays["landmarks"][:, :2],
                int(answer["crop_pixels"]),
                min(side),
                len(arrays["boxes"]) if face is None else 1,
            )
        look = PhotoAnalysis(path.name, **arrays, warnings=tuple(warnings), face_file=face_file)
        self._kept.put(key, look)
        return look

    async def motion(
        self, visitor: str, source: str, value: str | Path | None, max_frames: int | None = None
    ) -> MotionAnalysis:
        """What drives. Raises UserError for what cannot.

        max_frames: of a video, read no more; where the head goes later then does not matter for how it is cropped.
        """
        if source not in SOURCES:
            raise UserError(f"The motion comes from one of {', '.join(SOURCES)}.")
        if source == "template":
            if value not in template_names():
                raise UserError("Choose one of the motions.")
            poses = resample(load_template(str(value)), self.fps)
            return MotionAnalysis(source, str(value), len(poses) / self.fps, poses, None, None)
        if source == "speech" and not self.speaks:
            raise UserError(NO_SPEECH)
        path = self._upload(
            visitor, value, f"Choose a {'video' if source == 'video' else 'sound file'} first."
        )
        key = (visitor, source, str(path), max_frames)
        if isinstance(look := self._kept.get(key), MotionAnalysis):
            return look
        limits = self.limits
        if source == "video":
            task = {
                "size": list(self.size),
                "fps": self.fps,
                "seconds": limits.video_seconds,
                "max_frames": max_frames,
                "megapixels": limits.video_megapixels,
                "longest_gap": self.longest_gap,
                "smoothing": self.smoothing,
            }
            async with _Looking(self, visitor, path, source, limits.video_megabytes, task) as (answer, out):
                poses = _read_poses(out / "poses.npz")
                track = self._kept_sound(visitor, out / "sound.wav", sound.CHANNELS, sound.RATE)
            warnings = tuple(messages.of_notes(answer["notes"]))
            look = MotionAnalysis(
                source,
                path.name,
                len(poses) / self.fps,
                poses,
                None,
                sound.Soundtrack(track) if track else None,
                warnings,
            )
        else:
            task = {"seconds": limits.speech_seconds}
            async with _Looking(self, visitor, path, source, limits.speech_megabytes, task) as (answer, out):
                heard = self._kept_sound(visitor, out / "speech.wav", 1, speech.RATE)
                track = self._kept_sound(visitor, out / "sound.wav", sound.CHANNELS, sound.RATE)
            if heard is None or track is None:
                raise RuntimeError("expected speech.wav and sound.wav")
            seconds = n_samples(heard, 1) / speech.RATE
            warnings = messages.of_notes(answer["notes"])
            if answer["loudest"] < _SILENT:
                warnings.append("There is nothing to hear in this file.")
            look = MotionAnalysis(
                source, path.name, seconds, None, heard, sound.Soundtrack(track), tuple(warnings)
            )
        self._kept.put(key, look)
        return look

    def _upload(self, visitor: str, path: str | Path | None, otherwise: str) -> Path:
        if not path:
            raise UserError(otherwise)
        if not self.files.owned(path, visitor):
            raise UserError("Only files that you uploaded here can be used.")
        if not Path(path).is_file():
            raise UserError("This file has been deleted in the meantime. Upload it again.")
        return Path(path)

    def _kept_sound(self, visitor: str, path: Path, channels: int, rate: int) -> Path | None:
        if not path.exists():
            return None
        if not is_plain_wav(path, channels, rate):
            raise RuntimeError(f"{path.name}: expected plain sound")
        place = self.files.new_place(visitor, path.name)
        shutil.move(path, place)
        return place


class _Looking:
    """A look at an upload that deletes it, and tells why in plain words, when there is something wrong with it."""

    def __init__(
        self, analyzer: Analyzer, visitor: str, path: Path, look: str, megabytes: float, task: dict
    ) -> None:
        self.analyzer, self.visitor, self.path, self.look = analyzer, visitor, path, look
        self.megabytes = megabytes
        self._context = analyzer.sandbox.look(look, path, **task)

    async def __aenter__(self) -> tuple[dict, Path]:
        if self.path.stat().st_size > self.megabytes * 1e6:
            raise self._told(
                f"This file is too large: at most {self.megabytes:g} MB are taken.", "too many bytes"
            )
        try:
            return await self._context.__aenter__()
        except ValueError as error:
            raise self._told(messages.mistake(error, self.look, self.analyzer.limits), str(error)) from error
        except RuntimeError as error:
            raise self._told(messages.gave_up(self.look), str(error)) from error

    async def __aexit__(self, kind, error, traceback) -> None:
        await self._context.__aexit__(kind, error, traceback)
        if isinstance(error, RuntimeError):
            raise self._told(messages.gave_up(self.look), str(error)) from error
        if error is None:
            event("looked", self.visitor, look=self.look)

    def _told(self, words: str, why: str) -> UserError:
        self.analyzer.files.forget(self.path, self.visitor)
        event("bad_upload", self.visitor, look=self.look, why=why)
        return UserError(words)


def _read_poses(path: Path) -> PoseSequence:
    try:
        poses = PoseSequence.load(path)
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    if not poses.found.all():
        raise RuntimeError(f"{path.name}: expected a face in every frame")
    return poses
