"""One video that somebody asked for, and the line in which it waits. T: frames; H, W: pixels; C: RGB."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from faceanim.media.sound import Soundtrack
from faceanim.pipelines.request import InferenceOptions
from faceanim.pose.sequence import PoseSequence

State = Literal["waiting", "running", "done", "stopped", "failed"]
_REMEMBERED = 20  # videos from which the speed is known


class Stopped(Exception):
    """The visitor does not want the video any more, or may not have it."""


@dataclass
class Job:
    """image: uint8 (H, W, 3) and points (68, 2): the reference. poses: a face in every frame. video, columns: where
    the video goes, and reference, pose and video side by side. patience: seconds that nobody may have asked how far it
    is, before it counts as abandoned. most_seconds: that it may run."""

    visitor: str
    image: np.ndarray
    points: np.ndarray
    poses: PoseSequence
    sound: Soundtrack | None
    options: InferenceOptions
    video: Path
    columns: Path
    most_seconds: float
    patience: float = 30.0
    state: State = "waiting"
    why: str = ""  # it ended otherwise than done
    share: float = 0.0  # of the work that is done
    frames_done: int = 0
    frame: np.ndarray | None = None  # the last that is finished
    begun: float | None = None
    ended: float | None = None
    asked: float = field(default_factory=time.monotonic)
    unwanted: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        return self.state in ("done", "stopped", "failed")

    @property
    def seconds(self) -> float:
        """That it has been running."""
        if self.begun is None:
            return 0.0
        return (self.ended or time.monotonic()) - self.begun

    @property
    def seconds_left(self) -> float | None:
        """None before that can be told."""
        return self.seconds / self.share * (1 - self.share) if self.share > 0.02 else None

    def ask(self) -> None:
        """Somebody still waits for it."""
        self.asked = time.monotonic()

    def check(self) -> None:
        """Raises Stopped where it is not to go on."""
        if self.unwanted.is_set():
            raise Stopped("Stopped.")
        if time.monotonic() - self.asked > self.patience:
            raise Stopped("Stopped, because the page was closed.")
        if self.seconds > self.most_seconds:
            raise Stopped(f"Stopped: this platform gives a video at most {self.most_seconds / 60:g} minutes.")


class QueueFull(Exception):
    """The line does not take the job; the message is for the visitor."""


class JobQueue:
    """First come, first served, one job a visitor: so nobody waits for more than one job of each of the others."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._pace: deque[float] = deque(maxlen=_REMEMBERED)  # seconds a job took
        self._closed = False

    def join(self, job: Job) -> None:
        with self._changed:
            if any(other.visitor == job.visitor for other in (*self._waiting, *self._running)):
                raise QueueFull("A video of yours is in the making already: wait for it, or stop it.")
            if len(self._waiting) >= self.longest:
                raise QueueFull(
                    f"{len(self._waiting)} people are waiting already. Try again in some minutes."
                )
            self._waiting.append(job)
            self._changed.notify()

    def take(self) -> Job | None:
        """The next job, when there is one; None once the line is closed."""
        with self._changed:
            while not self._closed:
                while self._waiting:
                    job = self._waiting.popleft()
                    try:
                        job.check()
                    except Stopped as stopped:
                        job.state, job.why = "stopped", str(stopped)
                        continue
                    job.state, job.begun = "running", time.monotonic()
                    self._running.append(job)
                    return job
                self._changed.wait(timeout=1)
            return None

    def finish(self, job: Job, state: State, why: str = "") -> None:
        with self._changed:
            job.ended = time.monotonic()
            job.state, job.why = state, why
            self._running.remove(job)
            if state == "done":
                self._pace.append(job.seconds)

    def leave(self, job: Job) -> None:
        """Stops a job that waits or runs; one that runs ends within a step."""
        job.unwanted.set()
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                job.state, job.why = "stopped", "Stopped."

    def of(self, visitor: str) -> Job | None:
        with self._changed:
            return next((job for job in (*self._running, *self._waiting) if job.visitor == visitor), None)

    def place(self, job: Job) -> int:
        """How many are before it, those that are being made included; 0 for one that is made or over."""
        with self._changed:
            if job not in self._waiting:
                return 0
            return len(self._running) + self._waiting.index(job)

    def seconds_until(self, job: Job, devices: int) -> float | None:
        """How long it will wait, from what others took; None as long as nobody knows."""
        with self._changed:
            if job not in self._waiting:
                return 0.0
            left = [other.seconds_left for other in self._running]
            known = [seconds for seconds in left if seconds is not None]
            if not self._pace and not known:
                return None
            usual = float(np.mean(self._pace)) if self._pace else max(known)
            first = sum(usual / 2 if seconds is None else seconds for seconds in left)
            return (first + self._waiting.index(job) * usual) / max(1, devices)

    @property
    def lengths(self) -> tuple[int, int]:
        """(waiting, running)."""
        with self._changed:
            return len(self._waiting), len(self._running)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for job in (*self._waiting, *self._running):
                job.unwanted.set()
            self._changed.notify_all()
