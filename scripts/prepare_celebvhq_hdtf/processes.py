"""Clips spread over processes of this machine, where neither a crash nor a hang costs more than one clip."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

_TRIES = 2  # for a job whose process dies
_READY = "ready"  # a worker's first word; its start does not count as its job's time


class TookTooLong(Exception):
    """The job was stopped at its time limit."""


class WorkerDied(Exception):
    """The process of the job ended on its own, and again when the job was tried a second time."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: int | None = None
    since: float = float("inf")


def run_in_processes(
    task: Callable[[Any], Any], jobs: Sequence[Any], workers: int, time_limit: float
) -> Iterator[tuple[int, Any]]:
    """Yield (number of the job, result of `task(job)`) as they come, from spawned processes.

    The result is a `TookTooLong` for a job that ran for more than `time_limit` seconds and a `WorkerDied` for
    one whose process died twice. An exception that the task raises is raised here, and ends all.
    """
    context = multiprocessing.get_context("spawn")  # no lock or decoder is inherited
    waiting, tries = deque(range(len(jobs))), [0] * len(jobs)
    team: list[_Worker] = []
    try:
        while waiting or team:
            while len(team) < min(workers, len(waiting) + sum(worker.job is not None for worker in team)):
                team.append(_start(context, task))
            left = min(worker.since for worker in team) + time_limit - time.monotonic()
            timeout = None if left == float("inf") else max(0.0, left)
            ready = wait([worker.connection for worker in team], timeout)
            for worker in list(team):
                number, outcome = worker.job, None
                if worker.connection in ready:
                    try:
                        outcome = worker.connection.recv()
                    except (EOFError, OSError):
                        outcome = WorkerDied(f"exit code {_stop(worker)}")
                elif time.monotonic() > worker.since + time_limit:
                    outcome = TookTooLong(f"more than {time_limit:g} s")
                if outcome is None:
                    continue
                if number is None and outcome != _READY:
                    raise RuntimeError(f"a worker process ended before it began: {outcome}")
                if isinstance(outcome, Exception) and not isinstance(outcome, WorkerDied | TookTooLong):
                    raise outcome
                if waiting and not isinstance(outcome, WorkerDied | TookTooLong):
                    _give(worker, jobs, waiting, tries)
                else:
                    _stop(worker)
                    team.remove(worker)
                if isinstance(outcome, WorkerDied) and tries[number] < _TRIES:
                    waiting.appendleft(number)
                elif number is not None:
                    yield number, outcome
    finally:
        for worker in team:
            _stop(worker)


def _start(context: multiprocessing.context.SpawnContext, task: Callable[[Any], Any]) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(task, theirs, os.getpid()), daemon=True)
    process.start()
    theirs.close()  # so that its death closes the pipe
    return _Worker(process, ours)


def _give(worker: _Worker, jobs: Sequence[Any], waiting: deque[int], tries: list[int]) -> None:
    worker.job, worker.since = waiting.popleft(), time.monotonic()
    tries[worker.job] += 1
    with suppress(OSError):  # it died: `wait` tells
        worker.connection.send(jobs[worker.job])


def _stop(worker: _Worker) -> int | None:
    """Its exit code; a worker that ended on its own keeps its own."""
    worker.process.kill()
    worker.process.join()
    worker.connection.close()
    return worker.process.exitcode


def _work(task: Callable[[Any], Any], connection: Connection, parent: int) -> None:
    """The life of a worker: it ends with the pipe, so also when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops its workers
    with suppress(OSError):
        connection.send(_READY)
    while os.getppid() == parent:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = task(job)
        except Exception as error:
            result = error
        with suppress(OSError):  # nobody waits for it any more
            connection.send(result)
