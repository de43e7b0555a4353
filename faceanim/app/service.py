"""From what a visitor hands over to their video: looks, warnings, the waiting, the result. No web in here."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from faceanim.app import messages
from faceanim.app.analyzer import Analyzer, UserError
from faceanim.app.file_store import FileStore
from faceanim.app.job_queue import Job, JobQueue, QueueFull
from faceanim.app.log import event
from faceanim.app.reproduction import infer_command
from faceanim.app.settings import STANDARD, AppSettings
from faceanim.app.upload_analysis import MotionAnalysis, PhotoAnalysis
from faceanim.app.workers import Workers, image_size
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import write_image
from faceanim.media.video import iter_video
from faceanim.pipelines.motion_sources import Speech, Template, on_reference
from faceanim.pipelines.pretrained import read_scheduler
from faceanim.pipelines.request import InferenceOptions
from faceanim.pipelines.step_counts import UnevenSteps, uneven_steps
from faceanim.pose.retarget import retarget
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence

LABEL = "AI-generated"
_ASK_EVERY = 0.3  # seconds
_POOR = 0.6  # suitability from which down a driver is warned of
_JUDGED = 512  # pixels at which a pair is judged
_MOST_RESULTS = 12  # shown of a visitor's
_NEEDED = {
    "crop": True,
    "height": None,
    "width": None,
    "side_by_side": False,
    "paste_back": False,
    "sheet": None,
    "dry_run": False,
}


@dataclass(frozen=True)
class VideoRequest:
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
class Result:
    """command: what reproduces the video, from the uploads and, where a face was chosen, face_file. seconds: that it
    took."""

    video: Path
    columns: Path
    command: str
    n_frames: int
    fps: float
    seconds: float
    face_file: Path | None
    uneven: UnevenSteps | None = None

    @property
    def words(self) -> str:
        length = self.n_frames / self.fps
        done = (
            f"Done: {self.n_frames} frames, {length:.1f} s of video, made in {messages.clock(self.seconds)}."
        )
        return f"{done} {messages.of_steps(self.uneven)}" if self.uneven else done


class AnimationService:
    """presets: by name, the options of infer.py that each stands for, the first being the usual one."""

    def __init__(self, settings: AppSettings, presets: dict[str, InferenceOptions], files: FileStore) -> None:
        self.settings, self.presets, self.files = settings, presets, files
        self._usual = usual = next(iter(presets.values()))
        for name, needed in _NEEDED.items():
            if getattr(usual, name) != needed:
                raise ValueError(
                    f"options: expected {name}={needed} on the platform, got {getattr(usual, name)}"
                )
        if usual.fps is None:
            raise ValueError("options: expected a rate for fps, got null")
        side = image_size(settings.pipeline)
        self.fps = usual.fps
        self.speaks = usual.speech is not None or (Path(settings.pipeline) / "audio_to_pose").is_dir()
        self.queue = JobQueue(settings.limits.waiting)
        self.workers = Workers(settings.devices, usual, self.queue)
        self.analyzer = Analyzer(
            files,
            settings.limits,
            usual.landmarks,
            (side, side),
            self.fps,
            self.speaks,
            usual.longest_gap,
            usual.smoothing,
        )

    def example(self, visitor: str) -> Path | None:
        """A copy of the example photograph for this visitor; None where none is offered."""
        photo = self.settings.photo
        if photo is None:
            return None
        place = self.files.new_place(visitor, "example.png" if photo == "demo" else Path(photo).name)
        if photo == "demo":
            write_image(place, next(iter_video(demo_clip_path())).image_HWC)
        else:
            place.write_bytes(Path(photo).read_bytes())
        return place

    async def fitted(self, photo: PhotoAnalysis, motion: MotionAnalysis, seed: int) -> PoseSequence:
        """The motion as the person in the photograph makes it. Raises UserError where it makes none."""
        try:
            return await asyncio.to_thread(self._fitted, photo, motion, seed)
        except ValueError as error:
            event("unfit", source=motion.source, why=str(error))
            look = "speech" if motion.source == "speech" else "video"
            raise UserError(messages.mistake(error, look, self.settings.limits)) from error

    def _fitted(self, photo: PhotoAnalysis, motion: MotionAnalysis, seed: int) -> PoseSequence:
        """By what `infer.py` calls too."""
        size, options = photo.image.shape[:2], self._usual
        if motion.poses is not None and motion.source == "video":
            return on_reference(motion.poses, photo.landmarks, size, options.retarget)
        if motion.speech is None:
            source = Template(motion.name, fps=self.fps)
        else:
            source = Speech(motion.speech, options.speech, self.settings.pipeline, fps=self.fps, seed=seed)
        return source.read(size, photo.landmarks).poses

    def suits(self, photo: PhotoAnalysis, motion: MotionAnalysis) -> list[str]:
        """Warnings of a driver that this photograph will hardly follow."""
        if motion.poses is None:
            return []
        # how many pixels the photograph has is another warning's matter, how many the model has, none
        points = rescale_points(photo.points, photo.image.shape[:2], (_JUDGED, _JUDGED))
        suited = retarget(motion.poses, points, _JUDGED, _JUDGED).suited
        if suited.score >= _POOR:
            return []
        return [
            f"This motion hardly suits this photo: {'; '.join(suited.reasons[:2])}. The video may look poor."
        ]

    async def animate(self, visitor: str, wanted: VideoRequest) -> AsyncIterator[Job | Result]:
        """Yield the job again and again while it waits and runs, then the result; a client that stops listening stops
        the job. Raises UserError where it ends otherwise."""
        if wanted.preset not in self.presets:
            raise UserError(f"Choose one of the qualities {', '.join(self.presets)}.")
        if self.workers.state == "failed":
            raise UserError(
                "The model could not be loaded. The people who run this platform have to look at its log."
            )
        photo = await self.analyzer.photo(visitor, wanted.photo, wanted.face)
        motion = await self.analyzer.motion(visitor, wanted.source, wanted.value)
        poses = await self.fitted(photo, motion, wanted.seed)
        longest = self.settings.limits.result_seconds
        seconds = min(wanted.seconds or len(poses) / self.fps, longest)
        n_frames = min(max(1, round(seconds * self.fps)), len(poses))
        shortened = n_frames < len(poses)
        if wanted.source == "video" and shortened:
            motion = await self.analyzer.motion(visitor, wanted.source, wanted.value, n_frames)
            poses = await self.fitted(photo, motion, wanted.seed)
        options, changed = self._options(wanted, n_frames if shortened else None)
        try:
            uneven = uneven_steps(options.scheduler, read_scheduler(options.pipeline), options.steps)
        except ValueError as error:
            event("bad_steps", visitor, why=str(error))
            raise UserError(
                f"This model cannot take {options.steps} steps. Choose another number."
            ) from error
        job = Job(
            visitor,
            photo.image,
            photo.points,
            poses[:n_frames],
            motion.sound if options.sound else None,
            options,
            video=self.files.new_place(visitor, "animation.mp4"),
            columns=self.files.new_place(visitor, "side_by_side.mp4"),
            most_seconds=self.settings.limits.job_seconds,
        )
        try:
            self.queue.join(job)
        except QueueFull as full:
            self._clear(job)
            raise UserError(str(full)) from full
        event(
            "joined",
            visitor,
            source=wanted.source,
            preset=wanted.preset,
            frames=n_frames,
            place=self.queue.place(job),
        )
        try:
            while not job.over:
                job.ask()
                yield job
                await asyncio.sleep(_ASK_EVERY)
            if job.state != "done":
                raise UserError(job.why)
        finally:
            if job.state != "done":
                self.queue.leave(job)
                self._clear(job)
        results = self.files.visit(visitor).results
        results.insert(0, job.video)
        del results[_MOST_RESULTS:]
        command = self._command(photo, motion, changed)
        yield Result(
            job.video, job.columns, command, n_frames, self.fps, job.seconds, photo.face_file, uneven
        )

    def stop(self, visitor: str) -> bool:
        """Stops this visitor's job; False where there is none."""
        job = self.queue.of(visitor)
        if job is not None:
            self.queue.leave(job)
        return job is not None

    def wait_words(self, job: Job) -> str:
        before = self.queue.place(job)
        seconds = self.queue.seconds_until(job, len(self.workers.pipelines))
        if self.workers.state == "loading":
            return "The model is still loading; then your video is made."
        about = f", about {messages.clock(seconds)}" if seconds else ""
        return f"Waiting: {before} video{'s' * (before != 1)} before yours{about}."

    def _options(
        self, wanted: VideoRequest, max_frames: int | None
    ) -> tuple[InferenceOptions, dict[str, str | int]]:
        """What infer.py is to do, and the options in which it differs from the preset."""
        options = self.presets[wanted.preset]
        changed = {} if wanted.preset == STANDARD else {"preset": wanted.preset}
        if wanted.steps is not None and wanted.steps != options.steps:
            options, changed = replace(options, steps=wanted.steps), changed | {"steps": wanted.steps}
        if wanted.label:
            options, changed = replace(options, label=LABEL), changed | {"label": LABEL}
        changed["seed"] = wanted.seed
        if max_frames is not None:
            changed["max_frames"] = max_frames
        return replace(options, seed=wanted.seed), changed

    def _command(self, photo: PhotoAnalysis, motion: MotionAnalysis, changed: dict[str, str | int]) -> str:
        """The infer.py command that makes the same video from the same files."""
        given = {
            "pipeline": self.settings.pipeline,
            "reference": photo.face_file.name if photo.face_file else photo.name,
            {"template": "template", "video": "driving", "speech": "audio"}[motion.source]: motion.name,
            **changed,
        }
        shared = [word for word in self.settings.options if motion.speech or not word.startswith("speech=")]
        return infer_command(given, shared)

    def _clear(self, job: Job) -> None:
        for path in (job.video, job.columns):
            self.files.forget(path)
