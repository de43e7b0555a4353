"""Queue of videos to make: first come, first served, one job per visitor. H, W: pixels."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from faceanim.app.messages import UserError
from faceanim.media.sound import Soundtrack
from faceanim.pipelines.request import InferenceOptions
from faceanim.pose.sequence import PoseSequence

State = Literal["waiting", "running", "done", "stopped", "failed"]
_MEASURED = 20  # latest jobs whose mean duration predicts the others'


class Stopped(Exception):
    """The job is cancelled, abandoned or out of time; the message is for the visitor."""


class QueueFull(UserError):
    """The queue does not take the job."""


@dataclass
class Job:
    """A video to make.

    image: uint8 (H, W, 3) and points (68, 2): the reference. poses: a face in every frame. video, columns: files to
    write, columns with reference, pose and video side by side. max_seconds: of running. patience: seconds without
    `touch` after which the job counts as abandoned. reason: why it ended otherwise than done. share: of the work that
    is done. frame: the newest.
    """

    visitor: str
    image: np.ndarray
    points: np.ndarray
    poses: PoseSequence
    sound: Soundtrack | None
    options: InferenceOptions
    video: Path
    columns: Path
    max_seconds: float
    patience: float = 30.0
    state: State = "waiting"
    reason: str = ""
    share: float = 0.0
    frames_done: int = 0
    frame: np.ndarray | None = None
    started: float | None = None
    ended: float | None = None
    touched: float = field(default_factory=time.monotonic)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        return self.state in ("done", "stopped", "failed")

    @property
    def seconds(self) -> float:
        """Seconds of running so far."""
        return 0.0 if self.started is None else (self.ended or time.monotonic()) - self.started

    @property
    def seconds_left(self) -> float | None:
        """Predicted seconds until it is done; None at the start."""
        return self.seconds / self.share * (1 - self.share) if self.share > 0.02 else None

    def touch(self) -> None:
        """Keep the job alive: a client is polling."""
        self.touched = time.monotonic()

    def check(self) -> None:
        """Raise Stopped if the job is to end."""
        if self.cancelled.is_set():
            raise Stopped("Stopped.")
        if time.monotonic() - self.touched > self.patience:
            raise Stopped("Stopped, because the page was closed.")
        if self.seconds > self.max_seconds:
            raise Stopped(f"Stopped: this platform gives a video at most {self.max_seconds / 60:g} minutes.")


class JobQueue:
    """One job per visitor, so that nobody waits for more than one job of each of the others."""

    def __init__(self, max_waiting: int) -> None:
        self.max_waiting = max_waiting
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._durations: deque[float] = deque(maxlen=_MEASURED)  # seconds
        self._closed = False

    def put(self, job: Job) -> None:
        with self._changed:
            if self._job_of(job.visitor) is not None:
                raise QueueFull("A video of yours is in the making already: wait for it, or stop it.")
            if len(self._waiting) >= self.max_waiting:
                raise QueueFull(
                    f"{len(self._waiting)} people are waiting already. Try again in some minutes."
                )
            self._waiting.append(job)
            self._changed.notify()

    def take(self) -> Job | None:
        """Wait for the next job and start it; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                job = self._waiting.popleft()
                try:
                    job.check()
                except Stopped as stopped:
                    job.state, job.reason = "stopped", str(stopped)
                    continue
                job.state, job.started = "running", time.monotonic()
                self._running.append(job)
                return job
            return None

    def finish(self, job: Job, state: State, reason: str = "") -> None:
        with self._changed:
            job.ended, job.state, job.reason = time.monotonic(), state, reason
            self._running.remove(job)
            if state == "done":
                self._durations.append(job.seconds)

    def cancel(self, job: Job) -> None:
        """Stop a job; one that runs ends within a denoising step."""
        job.cancelled.set()
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                job.state, job.reason = "stopped", "Stopped."

    def cancel_of(self, visitor: str) -> None:
        """Stop the visitor's job if there is one."""
        with self._changed:
            job = self._job_of(visitor)
        if job is not None:
            self.cancel(job)

    def position(self, job: Job) -> int:
        """Number of jobs before this one, running ones included; 0 once it is started."""
        with self._changed:
            return len(self._running) + self._waiting.index(job) if job in self._waiting else 0

    def expected_wait(self, job: Job, n_workers: int) -> float | None:
        """Seconds until the job starts, predicted from the latest jobs; None before there are any."""
        with self._changed:
            if job not in self._waiting:
                return 0.0
            left = [other.seconds_left for other in self._running]
            known = [seconds for seconds in left if seconds is not None]
            if not self._durations and not known:
                return None
            usual = float(np.mean(self._durations)) if self._durations else max(known)
            first = sum(usual / 2 if seconds is None else seconds for seconds in left)
            return (first + self._waiting.index(job) * usual) / max(1, n_workers)

    @property
    def sizes(self) -> tuple[int, int]:
        """(waiting, running)."""
        with self._changed:
            return len(self._waiting), len(self._running)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for job in (*self._waiting, *self._running):
                job.cancelled.set()
            self._changed.notify_all()

    def _job_of(self, visitor: str) -> Job | None:
        return next((job for job in (*self._running, *self._waiting) if job.visitor == visitor), None)
