"""Workers: a thread per device, which loads the pipeline and then makes one video at a time."""

import threading
import traceback

import torch

from faceanim.app.job_queue import Job, JobQueue, State, Stopped
from faceanim.app.log import event
from faceanim.media.contact_sheet import side_by_side
from faceanim.media.frame_writers import frame_writer
from faceanim.media.video_writer import AI_GENERATED
from faceanim.media.watermark import Watermark
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.options import Runtime, Sampling
from faceanim.pipelines.render import render
from faceanim.pipelines.request import InferenceOptions, part_of
from faceanim.pipelines.runtime import prepare

_DENOISING = 0.9  # its approximate share of the work; the rest is decoding


class Workers:
    """Take jobs from the queue, each device once its pipeline is loaded.

    names: of devices, see conf/app.yaml. options: of the pipeline's runtime. failure: why a pipeline did not load.
    """

    def __init__(self, names: list[str], options: InferenceOptions, queue: JobQueue) -> None:
        self.names, self.options, self.queue = _device_names(names), options, queue
        self.pipelines: dict[str, AnimationPipeline] = {}
        self.failure: str | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for name in self.names:
            thread = threading.Thread(target=self._work, args=(name,), name=f"device {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def state(self) -> str:
        """loading, ready or failed."""
        if self.pipelines:
            return "ready"
        return "failed" if self.failure is not None else "loading"

    def close(self) -> None:
        self.queue.close()
        for thread in self._threads:
            thread.join(timeout=30)

    def _work(self, name: str) -> None:
        try:
            pipeline = AnimationPipeline.from_pretrained(self.options.pipeline)
            pipe = prepare(pipeline, torch.device(name), part_of(Runtime, self.options))
            self.pipelines[name] = pipe
        except Exception as error:
            self.failure = " ".join(str(error).split())
            event("device_failed", device=name, why=self.failure)
            if not isinstance(error, ValueError):
                traceback.print_exc()
            return
        event("device_ready", device=name)
        while (job := self.queue.take()) is not None:
            state, reason = _run(pipe, job)
            self.queue.finish(job, state, reason)
            frames = {"frames": len(job.poses), "frames_done": job.frames_done}
            event(
                "job",
                job.visitor,
                state=state,
                device=name,
                **frames,
                seconds=round(job.seconds, 2),
                why=reason,
            )
            del job  # its images


def _run(pipe: AnimationPipeline, job: Job) -> tuple[State, str]:
    """Make the videos of a job; return its final state and the reason for the visitor."""
    try:
        write_videos(pipe, job)
        return "done", ""
    except Stopped as stopped:
        return "stopped", str(stopped)
    except Exception:
        traceback.print_exc()
        return "failed", "Something went wrong on our side while the video was made. Try again."
    finally:
        if pipe.where.type == "cuda":
            torch.cuda.empty_cache()


def write_videos(pipe: AnimationPipeline, job: Job) -> None:
    """Write the job's two videos, which appear whole or not at all. Raises Stopped as soon as the job is to end."""
    options, T = job.options, len(job.poses)
    height, width = job.image.shape[:2]

    def on_progress(done: int, total: int) -> None:
        job.check()
        job.share = max(job.share, _DENOISING * done / total + (1 - _DENOISING) * job.frames_done / T)

    job.check()
    comment = AI_GENERATED if options.mark else ""
    label = Watermark(options.label, height, width) if options.label else None
    frames = render(
        pipe, job.image, job.points, job.poses, part_of(Sampling, options), on_progress=on_progress
    )
    with (
        frame_writer(job.video, job.poses.fps, width, height, comment, job.sound) as video,
        frame_writer(job.columns, job.poses.fps, 3 * width, height, comment, job.sound) as columns,
    ):
        for generated_HWC, pose_HWC, _ in frames:
            job.check()
            job.frame = label.over(generated_HWC) if label else generated_HWC
            video.write(job.frame)
            columns.write(side_by_side([job.image, pose_HWC, job.frame]))
            job.frames_done += 1
            job.share = max(job.share, (1 - _DENOISING) * job.frames_done / T)
    job.share = 1.0


def _device_names(names: list[str]) -> list[str]:
    """Resolve "auto" to every GPU, else the CPU, and "cuda" to every GPU; ValueError for a device that is missing."""
    found: list[str] = []
    for name in names:
        device = choose_device(name)
        if device.type == "cuda" and device.index is None:
            found += [f"cuda:{k}" for k in range(torch.cuda.device_count())]
        else:
            found.append(str(device))
    if len(set(found)) != len(found):
        raise ValueError(f"devices: expected each once, got {', '.join(found)}")
    return found
