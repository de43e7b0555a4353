"""A worker: a process, here or on another machine, that takes one job after another."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

Task = Callable[[Any], Any]
READY = "ready"  # a worker's first outcome: its start does not count as its job's time


class TookTooLong(Exception):
    """The job was stopped at its time limit."""


class WorkerDied(Exception):
    """The worker of the job ended on its own."""


class Worker(ABC):
    """Starts with construction. job: the index of its job, None between jobs. since: when it got it, monotonic."""

    job: int | None = None
    since: float = math.inf

    def __init__(self, task: Task) -> None:
        self.task = task

    @staticmethod
    @abstractmethod
    def wait(workers: Sequence["Worker"], timeout: float | None) -> list["Worker"]:
        """Block until some workers have an outcome, for `timeout` seconds at most; those that have."""

    @abstractmethod
    def give(self, job: Any) -> None:
        """Start `task(job)`."""

    @abstractmethod
    def outcome(self) -> Any:
        """READY, the task's result, the exception that it raised, a `WorkerDied` or a log record."""

    @abstractmethod
    def stop(self) -> Any:
        """End it at once, whatever it does."""
