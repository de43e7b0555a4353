"""Workers that are actors of a Ray cluster, whose machines share one file system."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from faceanim import IMPORTS
from faceanim.parallel.worker import READY, Task, Worker, WorkerDied

_ROOT = Path(__file__).resolve().parents[2]


class RayWorker(Worker):
    """An actor on one core of any machine of the cluster, and on a GPU in the subclass."""

    n_gpus = 0

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._actor = ray.remote(num_cpus=1, num_gpus=self.n_gpus)(_Actor).remote(task)
        self._outcome = self._actor.start.remote()

    @staticmethod
    def wait(workers: Sequence["RayWorker"], timeout: float | None) -> list["RayWorker"]:
        ready, _ = ray.wait([worker._outcome for worker in workers], timeout=timeout)
        return [worker for worker in workers if worker._outcome in ready]

    def give(self, job: Any) -> None:
        self._outcome = self._actor.run.remote(job)

    def outcome(self) -> Any:
        try:
            return ray.get(self._outcome)
        except ray.exceptions.RayTaskError as error:
            return error.cause
        except ray.exceptions.RayError as error:
            return WorkerDied(type(error).__name__)

    def stop(self) -> None:
        ray.kill(self._actor)


class RayGpuWorker(RayWorker):
    n_gpus = 1


class _Actor:
    def __init__(self, task: Task) -> None:
        self.task = task

    def start(self) -> str:
        return READY

    def run(self, job: Any) -> Any:
        return self.task(job)


@contextmanager
def cluster(workers: int | None, address: str | None, gpus: bool) -> Iterator[tuple[type[RayWorker], int]]:
    """Connect to the cluster, or start one on this machine: the kind of its workers, and how many."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", IMPORTS: os.environ.get(IMPORTS, "")}
    local = {} if address else {"num_cpus": workers, "include_dashboard": False}
    ray.init(
        address=address or "local",
        runtime_env={"env_vars": variables},
        logging_level="warning",
        **local,
    )
    try:
        resources = ray.cluster_resources()
        n_gpus = int(resources.get("GPU", 0)) if gpus else 0
        yield RayGpuWorker if n_gpus else RayWorker, workers or n_gpus or int(resources["CPU"])
    finally:
        ray.shutdown()
