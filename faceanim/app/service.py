"""From a request to a video: analysis, warnings, the queue, the result. Independent of the web framework."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from faceanim.app import messages
from faceanim.app.analyzer import Analyzer, MotionAnalysis, PhotoAnalysis
from faceanim.app.file_store import FileStore
from faceanim.app.job_queue import Job, JobQueue
from faceanim.app.log import event
from faceanim.app.messages import UserError
from faceanim.app.reproduction import infer_command
from faceanim.app.settings import STANDARD, AppSettings
from faceanim.app.validation import VideoRequest
from faceanim.app.workers import Workers
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import write_image
from faceanim.media.video import iter_video
from faceanim.models.weights import read_json
from faceanim.pipelines.motion_sources import DrivingVideo, Speech, Template, on_reference
from faceanim.pipelines.pretrained import INDEX, component_classes, read_scheduler
from faceanim.pipelines.request import InferenceOptions, part_of
from faceanim.pipelines.step_counts import UnevenSteps, uneven_steps
from faceanim.pose.retarget import retarget
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence

LABEL = "AI-generated"
MODEL_STATES = {  # words for the visitor
    "loading": "The model is loading; you can prepare everything meanwhile.",
    "failed": "The model could not be loaded. The people who run this platform have to look at its log.",
    "ready": "",
}
_POLL_SECONDS = 0.3
_SUITABLE = 0.6  # suitability above which a driver gets no warning
_COMPARED_SIZE = 512  # pixels at which photo and driver are compared
_MAX_RESULTS = 12  # shown of a visitor's
_DRIVEN_BY = {
    "template": "template",
    "video": "driving",
    "speech": "audio",
}  # infer.py's option for each source
_REQUIRED = {
    "crop": True,
    "height": None,
    "width": None,
    "side_by_side": False,
    "paste_back": False,
    "sheet": None,
    "dry_run": False,
}


@dataclass(frozen=True)
class Result:
    """A finished video.

    columns: reference, poses and video side by side. command: reproduces the video from the uploads and, where a face
    was chosen, face_file. seconds: how long it took.
    """

    video: Path
    columns: Path
    command: str
    n_frames: int
    fps: float
    seconds: float
    face_file: Path | None
    uneven: UnevenSteps | None

    @property
    def words(self) -> str:
        took = messages.duration(self.seconds)
        done = f"Done: {self.n_frames} frames, {self.n_frames / self.fps:.1f} s of video, made in {took}."
        return f"{done} {messages.steps_warning(self.uneven)}" if self.uneven else done


class AnimationService:
    """presets: by name, the options of infer.py that each stands for; the first is the default. trained: the options
    that the pipeline was trained with."""

    def __init__(self, settings: AppSettings, presets: dict[str, InferenceOptions], files: FileStore) -> None:
        self.settings, self.presets, self.files = settings, presets, files
        self._default = options = next(iter(presets.values()))
        for name, value in _REQUIRED.items():
            if getattr(options, name) != value:
                raise ValueError(
                    f"options: expected {name}={value} on the platform, got {getattr(options, name)}"
                )
        if options.fps is None:
            raise ValueError("options: expected a rate for fps, got null")
        component_classes(settings.pipeline)  # raises if it is no pipeline folder
        self.trained = read_json(Path(settings.pipeline) / INDEX)
        size = (int(self.trained["image_size"]),) * 2
        self.fps = options.fps
        self.speaks = options.speech is not None or (Path(settings.pipeline) / "audio_to_pose").is_dir()
        self.queue = JobQueue(settings.limits.waiting)
        self.workers = Workers(settings.devices, options, self.queue)
        driving = part_of(DrivingVideo, options)
        self.analyzer = Analyzer(files, settings.limits, options.landmarks, size, driving, self.speaks)

    def example(self, visitor: str) -> Path | None:
        """Return a copy of the example photo for this visitor; None where none is offered."""
        photo = self.settings.photo
        if photo is None:
            return None
        place = self.files.new_place(visitor, "example.png" if photo == "demo" else Path(photo).name)
        if photo == "demo":
            write_image(place, next(iter_video(demo_clip_path())).image_HWC)
        else:
            place.write_bytes(Path(photo).read_bytes())
        return place

    async def fit(self, photo: PhotoAnalysis, motion: MotionAnalysis, seed: int) -> PoseSequence:
        """Fit the motion to the face in the photo; UserError where there is none."""
        try:
            return await asyncio.to_thread(self._fit, photo, motion, seed)
        except ValueError as error:
            event("unfit", source=motion.source, why=str(error))
            kind = "speech" if motion.source == "speech" else "video"
            raise UserError(messages.upload_error(error, kind, self.settings.limits)) from error

    def _fit(self, photo: PhotoAnalysis, motion: MotionAnalysis, seed: int) -> PoseSequence:
        """Call the functions that `infer.py` calls."""
        size, options = photo.image.shape[:2], self._default
        if motion.source == "video":
            return on_reference(motion.poses, photo.landmarks, size, options.retarget)
        if motion.source == "template":
            source = Template(motion.name, self.fps)
        else:
            speaker = {
                "model": options.speech,
                "pipeline": self.settings.pipeline,
                "fps": self.fps,
                "seed": seed,
            }
            source = Speech(motion.speech, **speaker)
        return source.read(size, photo.landmarks).poses

    def suitability_warnings(self, photo: PhotoAnalysis, motion: MotionAnalysis) -> tuple[str, ...]:
        """Warn of a driver that this photo will hardly follow."""
        if motion.poses is None:
            return ()
        # at a fixed size: that the photo has few pixels is another warning, that the model has few is none
        points = rescale_points(photo.points, photo.image.shape[:2], (_COMPARED_SIZE, _COMPARED_SIZE))
        found = retarget(motion.poses, points, _COMPARED_SIZE, _COMPARED_SIZE).suited
        if found.score >= _SUITABLE:
            return ()
        reasons = "; ".join(found.reasons[:2])
        return (f"This motion hardly suits this photo: {reasons}. The video may look poor.",)

    async def animate(self, visitor: str, request: VideoRequest) -> AsyncIterator[Job | Result]:
        """Yield the job again and again while it waits and runs, then the result; a client that stops listening stops
        the job. Raises UserError where it ends otherwise."""
        if self.workers.state == "failed":
            raise UserError(MODEL_STATES["failed"])
        photo = await self.analyzer.photo(visitor, request.photo, request.face)
        motion = await self.analyzer.motion(visitor, request.source, request.motion)
        poses = await self.fit(photo, motion, request.seed)
        seconds = min(request.seconds or len(poses) / self.fps, self.settings.limits.result_seconds)
        n_frames = min(max(1, round(seconds * self.fps)), len(poses))
        changes: dict[str, str | int] = {}  # of the preset's options
        if request.steps is not None:
            changes["steps"] = request.steps
        if request.label:
            changes["label"] = LABEL
        changes["seed"] = request.seed
        if n_frames < len(poses):
            changes["max_frames"] = n_frames
            if request.source == "video":
                motion = await self.analyzer.motion(visitor, request.source, request.motion, n_frames)
                poses = await self.fit(photo, motion, request.seed)
        options = replace(self.presets[request.preset], **changes)
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
            max_seconds=self.settings.limits.job_seconds,
        )
        try:
            self.queue.put(job)
            place = self.queue.position(job)
            event(
                "joined", visitor, source=request.source, preset=request.preset, frames=n_frames, place=place
            )
            while not job.over:
                job.touch()
                yield job
                await asyncio.sleep(_POLL_SECONDS)
            if job.state != "done":
                raise UserError(job.reason)
        finally:
            if job.state != "done":
                self.queue.cancel(job)
                for path in (job.video, job.columns):
                    self.files.forget(path)
        results = self.files.visit(visitor).results
        results.insert(0, job.video)
        del results[_MAX_RESULTS:]
        command = self._command(photo, motion, request.preset, changes)
        yield Result(
            job.video, job.columns, command, n_frames, self.fps, job.seconds, photo.face_file, uneven
        )

    def waiting_words(self, job: Job) -> str:
        if self.workers.state == "loading":
            return "The model is still loading; then your video is made."
        before = self.queue.position(job)
        seconds = self.queue.expected_wait(job, len(self.workers.pipelines))
        about = f", about {messages.duration(seconds)}" if seconds else ""
        return f"Waiting: {before} video{'s' * (before != 1)} before yours{about}."

    def _command(
        self, photo: PhotoAnalysis, motion: MotionAnalysis, preset: str, changes: dict[str, str | int]
    ) -> str:
        """Return the infer.py command that makes the same video from the same files."""
        values = {
            "pipeline": self.settings.pipeline,
            "reference": photo.face_file.name if photo.face_file else photo.name,
            _DRIVEN_BY[motion.source]: motion.name,
            **({} if preset == STANDARD else {"preset": preset}),
            **changes,
        }
        shared = [word for word in self.settings.options if motion.speech or not word.startswith("speech=")]
        return infer_command(values, shared)
