"""Many jobs on many workers, where neither a crash nor a hang costs more than one job."""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from faceanim.parallel.processes import ProcessWorker
from faceanim.parallel.worker import READY, Task, TookTooLong, Worker, WorkerDied

_TRIES = 2  # for a job whose worker dies
Outcomes = Iterator[tuple[int, Any]]


def run_here(task: Task, jobs: Sequence[Any]) -> Outcomes:
    """Yield (index of the job, `task(job)`) in this process, which has no time limit."""
    return ((number, task(job)) for number, job in enumerate(jobs))


def run_in_processes(tasks: Sequence[Task], jobs: Sequence[Any], time_limit: float = math.inf) -> Outcomes:
    """Yield (index of the job, outcome) as they come, from one spawned process for each task.

    tasks: what each process calls with its jobs; they may differ by the device that they use, and keep what
    they load from job to job. The outcome is the task's result, a `TookTooLong` for a job that ran for more than
    `time_limit` seconds, or a `WorkerDied` for one whose process died twice. An exception that a task raises is
    raised here, and ends all.
    """
    return _run(ProcessWorker, tasks, jobs, time_limit)


def run_on_ray(
    task: Task,
    jobs: Sequence[Any],
    workers: int | None,
    address: str | None,
    time_limit: float = math.inf,
    gpus: bool = False,
) -> Outcomes:
    """The same on the Ray cluster at `address`, or on one of this machine where it is None.

    This checkout and all files have to be at the same place on every node.

    Args:
        workers: how many jobs run at a time; None: one a GPU if `gpus` and the cluster has any, else one a core.
        gpus: whether a worker gets a GPU of its own, if the cluster has any.
    """
    if not jobs:
        return
    try:
        from faceanim.parallel.ray_cluster import cluster
    except ImportError as error:
        raise ValueError("backend=ray needs the package ray: pip install 'faceanim[ray]'") from error
    with cluster(workers, address, gpus) as (kind, n_workers):
        yield from _run(kind, [task] * min(n_workers, len(jobs)), jobs, time_limit)


def _run(kind: type[Worker], tasks: Sequence[Task], jobs: Sequence[Any], time_limit: float) -> Outcomes:
    waiting, tries = deque(range(len(jobs))), [0] * len(jobs)
    free, team = list(tasks), []
    try:
        while waiting or any(worker.job is not None for worker in team):
            busy = sum(worker.job is not None for worker in team)
            while free and len(team) < len(waiting) + busy:
                team.append(kind(free.pop(0)))
            left = min(worker.since for worker in team) + time_limit - time.monotonic()
            ready = kind.wait(team, None if left == math.inf else max(0.0, left))
            for worker in list(team):
                if worker in ready:
                    outcome = worker.outcome()
                elif time.monotonic() > worker.since + time_limit:
                    outcome = TookTooLong(f"more than {time_limit:g} s")
                else:
                    continue
                if isinstance(outcome, logging.LogRecord):
                    logging.getLogger(outcome.name).handle(outcome)
                    continue
                number, stopped = worker.job, isinstance(outcome, WorkerDied | TookTooLong)
                if number is None and outcome != READY:
                    raise RuntimeError(f"a worker ended before it began: {outcome}")
                if isinstance(outcome, Exception) and not stopped:
                    raise outcome
                if waiting and not stopped:
                    worker.job, worker.since = waiting.popleft(), time.monotonic()
                    tries[worker.job] += 1
                    worker.give(jobs[worker.job])
                else:
                    worker.stop()
                    team.remove(worker)
                    free.append(worker.task)
                if isinstance(outcome, WorkerDied) and tries[number] < _TRIES:
                    waiting.appendleft(number)
                elif number is not None:
                    yield number, outcome
    finally:
        for worker in team:
            worker.stop()
