"""From what a visitor hands over to their video: looks, warnings, the waiting, the result. No web in here."""

import asyncio
import re
import shlex
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceanim.app import advice
from faceanim.app.devices import Devices, image_size
from faceanim.app.jobs import Busy, Job, Line
from faceanim.app.log import event
from faceanim.app.looks import Kept, MotionLook, PhotoLook, read_arrays
from faceanim.app.plain_wav import is_plain_wav
from faceanim.app.sandbox import Sandbox
from faceanim.app.settings import STANDARD, AppSettings
from faceanim.app.visitors import Files
from faceanim.media import sound, speech
from faceanim.pipelines.options import InferenceOptions
from faceanim.pose.retarget import retarget
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.suitability import suitability
from faceanim.pose.templates import load_template, template_names
from faceanim.pose.timing import resample

SOURCES = ("template", "video", "speech")
FPS = 24.0
LABEL = "AI-generated"
_ASK_EVERY = 0.3  # seconds
_POOR = 0.6  # suitability from which down a driver is warned of
_MOST_RESULTS = 12  # shown of a visitor's
_PLAIN = re.compile(r"[\w./-]+")  # what Hydra takes without quotes


class Told(Exception):
    """What a visitor has to know or mend, in plain words."""


@dataclass(frozen=True)
class Wish:
    """What is to be made. photo, and value for a video or speech: paths of this visitor's uploads; value for a
    template: its name. face: which of several, by size; None: the largest. seconds: of the sequence; 0: all of it."""

    photo: Path | None
    face: int | None
    source: str
    value: str | None
    preset: str
    seconds: float
    seed: int
    steps: int | None = None
    label: bool = False


@dataclass(frozen=True)
class Made:
    """command: what reproduces the video. seconds: how long it took."""

    video: Path
    columns: Path
    command: str
    n_frames: int
    seconds: float


class Studio:
    """presets: by name, the options of infer.py that each stands for, the first being the usual one."""

    def __init__(self, settings: AppSettings, presets: dict[str, InferenceOptions], files: Files) -> None:
        self.settings, self.presets, self.files = settings, presets, files
        usual = next(iter(presets.values()))
        side = image_size(settings.pipeline)
        self.size = (usual.height or side, usual.width or side)
        self.line = Line(settings.limits.waiting)
        self.devices = Devices(settings.devices, usual, self.line)
        self.sandbox = Sandbox(usual.landmarks, settings.limits, files.folder)
        self._kept = Kept()

    @property
    def speaks(self) -> bool:
        """Whether the pipeline can make poses of speech."""
        return (Path(self.settings.pipeline) / "audio_to_pose").is_dir()

    async def photo(self, visitor: str, path: str | Path | None, face: int | None = None) -> PhotoLook:
        """Finds the face. Raises Told for what cannot be animated; then the file is gone."""
        path = self._upload(visitor, path, "Choose a photo first.")
        key = (visitor, "photo", str(path), face)
        if isinstance(look := self._kept.get(key), PhotoLook):
            return look
        limits, side = self.settings.limits, self.size
        task = {"size": list(side), "face": face, "megapixels": limits.photo_megapixels}
        async with _Looking(self, visitor, path, "photo", limits.photo_megabytes, task) as (answer, out):
            shapes = {
                "image": (np.uint8, (*side, 3)),
                "points": (np.float32, (68, 2)),
                "shown": (np.uint8, (None, None, 3)),
                "boxes": (np.float32, (None, 4)),
                "crop": (np.float32, (4,)),
            }
            arrays = read_arrays(out / "photo.npz", shapes)
            face_file = None
            if (out / "face.png").exists():
                face_file = self.files.new_place(visitor, f"{path.stem}_face_{(face or 0) + 1}.png")
                shutil.move(out / "face.png", face_file)
            warnings = advice.of_photo(
                arrays["points"], int(answer["crop_pixels"]), min(side), len(arrays["boxes"])
            )
        look = PhotoLook(path.name, **arrays, warnings=tuple(warnings), face_file=face_file)
        self._kept.put(key, look)
        return look

    async def motion(self, visitor: str, source: str, value: str | Path | None) -> MotionLook:
        """What drives. Raises Told for what cannot."""
        if source not in SOURCES:
            raise Told(f"The motion comes from one of {', '.join(SOURCES)}.")
        if source == "template":
            if value not in template_names():
                raise Told("Choose one of the motions.")
            poses = resample(load_template(str(value)), FPS)
            return MotionLook(source, str(value), len(poses) / FPS, poses, None, None)
        if source == "speech" and not self.speaks:
            raise Told(
                "Speech is not available here: the model that this platform runs has no part that turns sound into "
                "motion. Choose a motion, or a video."
            )
        path = self._upload(
            visitor, value, f"Choose a {'video' if source == 'video' else 'sound file'} first."
        )
        key = (visitor, source, str(path))
        if isinstance(look := self._kept.get(key), MotionLook):
            return look
        limits = self.settings.limits
        if source == "video":
            task = {
                "size": list(self.size),
                "fps": FPS,
                "seconds": limits.video_seconds,
                "megapixels": limits.video_megapixels,
            }
            async with _Looking(self, visitor, path, source, limits.video_megabytes, task) as (answer, out):
                poses = _read_poses(out / "poses.npz")
                track = self._kept_sound(visitor, out / "sound.wav", sound.CHANNELS, sound.RATE)
            warnings = tuple(advice.of_notes(answer["notes"]))
            look = MotionLook(
                source,
                path.name,
                len(poses) / FPS,
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
            seconds = (heard.stat().st_size - 44) / 4 / speech.RATE
            quiet = ("There is nothing to hear in this file.",) if answer["loudest"] < 1e-3 else ()
            look = MotionLook(source, path.name, seconds, None, heard, sound.Soundtrack(track), quiet)
        self._kept.put(key, look)
        return look

    def fitted(self, photo: PhotoLook, motion: MotionLook, seed: int) -> PoseSequence:
        """The motion as the person in the photograph makes it, as `infer.py` does."""
        height, width = photo.image.shape[:2]
        if motion.source == "template":
            return retarget(motion.poses, photo.points, width, height)
        return motion.poses

    def suits(self, photo: PhotoLook, motion: MotionLook) -> list[str]:
        """Warnings of a driver that this photograph will hardly follow."""
        if motion.poses is None:
            return []
        height, width = photo.image.shape[:2]
        suited = suitability(motion.poses, photo.points, width, height)
        if suited.score >= _POOR:
            return []
        return [
            f"This motion hardly suits this photo: {'; '.join(suited.reasons[:2])}. The video may look poor."
        ]

    async def animate(self, visitor: str, wish: Wish) -> AsyncIterator[Job | Made]:
        """Yields the job again and again while it waits and runs, then what was made. Raises Told for whatever ends it
        otherwise. Who stops listening stops the job."""
        if wish.preset not in self.presets:
            raise Told(f"Choose one of the qualities {', '.join(self.presets)}.")
        if self.devices.state == "failed":
            raise Told(
                "The model could not be loaded. The people who run this platform have to look at its log."
            )
        photo = await self.photo(visitor, wish.photo, wish.face)
        motion = await self.motion(visitor, wish.source, wish.value)
        poses = await asyncio.to_thread(self.fitted, photo, motion, wish.seed)
        longest = self.settings.limits.result_seconds
        seconds = min(wish.seconds or len(poses) / FPS, longest)
        n_frames = min(max(1, round(seconds * FPS)), len(poses))
        options, changed = self._options(wish, n_frames if n_frames < len(poses) else None)
        job = Job(
            visitor,
            photo.image,
            photo.points,
            poses[:n_frames],
            motion.sound,
            options,
            video=self.files.new_place(visitor, "animation.mp4"),
            columns=self.files.new_place(visitor, "side_by_side.mp4"),
            most_seconds=self.settings.limits.job_seconds,
        )
        try:
            self.line.join(job)
        except Busy as busy:
            self._clear(job)
            raise Told(str(busy)) from busy
        event(
            "joined",
            visitor,
            source=wish.source,
            preset=wish.preset,
            frames=n_frames,
            place=self.line.place(job),
        )
        try:
            while not job.over:
                job.ask()
                yield job
                await asyncio.sleep(_ASK_EVERY)
            if job.state != "done":
                raise Told(job.why)
        finally:
            if job.state != "done":
                self.line.leave(job)
                self._clear(job)
        results = self.files.visit(visitor).results
        results.insert(0, job.video)
        del results[_MOST_RESULTS:]
        command = self._command(photo, motion, changed)
        yield Made(job.video, job.columns, command, n_frames, job.seconds)

    def stop(self, visitor: str) -> bool:
        """Stops this visitor's job; False where there is none."""
        job = self.line.of(visitor)
        if job is not None:
            self.line.leave(job)
        return job is not None

    def wait_words(self, job: Job) -> str:
        before = self.line.place(job)
        seconds = self.line.seconds_until(job, len(self.devices.pipelines))
        if self.devices.state == "loading":
            return "The model is still loading; then your video is made."
        about = f", about {advice.clock(seconds)}" if seconds else ""
        return f"Waiting: {before} video{'s' * (before != 1)} before yours{about}."

    def _options(self, wish: Wish, max_frames: int | None) -> tuple[InferenceOptions, dict[str, str]]:
        """What infer.py is to do, and the options in which it differs from the preset."""
        options = self.presets[wish.preset]
        changed = {} if wish.preset == STANDARD else {"preset": wish.preset}
        if wish.steps is not None and wish.steps != options.steps:
            options, changed = replace(options, steps=wish.steps), changed | {"steps": str(wish.steps)}
        if wish.label:
            options, changed = replace(options, label=LABEL), changed | {"label": LABEL}
        changed["seed"] = str(wish.seed)
        if max_frames is not None:
            changed["max_frames"] = str(max_frames)
        return replace(options, seed=wish.seed), changed

    def _command(self, photo: PhotoLook, motion: MotionLook, changed: dict[str, str]) -> str:
        """The infer.py command that makes the same video from the same files."""
        given = {
            "pipeline": self.settings.pipeline,
            "reference": photo.face_file.name if photo.face_file else photo.name,
            {"template": "template", "video": "driving", "speech": "audio"}[motion.source]: motion.name,
            **changed,
        }
        words = [f"{key}={_hydra(value)}" for key, value in given.items()]
        words += [*self.settings.options, "output=animation.mp4"]
        return shlex.join(["python", "infer.py", *words])

    def _upload(self, visitor: str, path: str | Path | None, otherwise: str) -> Path:
        if not path:
            raise Told(otherwise)
        if not self.files.owned(path, visitor):
            raise Told("Only files that you uploaded here can be used.")
        if not Path(path).is_file():
            raise Told("This file has been deleted in the meantime. Upload it again.")
        return Path(path)

    def _kept_sound(self, visitor: str, path: Path, channels: int, rate: int) -> Path | None:
        if not path.exists():
            return None
        if not is_plain_wav(path, channels, rate):
            raise RuntimeError(f"{path.name}: expected plain sound")
        place = self.files.new_place(visitor, path.name)
        shutil.move(path, place)
        return place

    def _clear(self, job: Job) -> None:
        for path in (job.video, job.columns):
            self.files.forget(path)


class _Looking:
    """A look at an upload that deletes it, and tells why in plain words, when there is something wrong with it."""

    def __init__(
        self, studio: Studio, visitor: str, path: Path, look: str, megabytes: float, task: dict
    ) -> None:
        self.studio, self.visitor, self.path, self.look = studio, visitor, path, look
        self.megabytes = megabytes
        self._context = studio.sandbox.look(look, path, **task)

    async def __aenter__(self) -> tuple[dict, Path]:
        if self.path.stat().st_size > self.megabytes * 1e6:
            raise self._told(
                f"This file is too large: at most {self.megabytes:g} MB are taken.", "too many bytes"
            )
        try:
            return await self._context.__aenter__()
        except ValueError as error:
            raise self._told(
                advice.mistake(error, self.look, self.studio.settings.limits), str(error)
            ) from error
        except RuntimeError as error:
            raise self._told(advice.gave_up(self.look), str(error)) from error

    async def __aexit__(self, kind, error, traceback) -> None:
        await self._context.__aexit__(kind, error, traceback)
        if isinstance(error, RuntimeError):
            raise self._told(advice.gave_up(self.look), str(error)) from error
        if error is None:
            event("looked", self.visitor, look=self.look)

    def _told(self, words: str, why: str) -> Told:
        self.studio.files.forget(self.path)
        event("bad_upload", self.visitor, look=self.look, why=why)
        return Told(words)


def _read_poses(path: Path) -> PoseSequence:
    try:
        poses = PoseSequence.load(path)
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    if not poses.found.all():
        raise RuntimeError(f"{path.name}: expected a face in every frame")
    return poses


def _hydra(value: str) -> str:
    """As an option's value on a command line of Hydra's."""
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
