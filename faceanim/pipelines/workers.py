"""Who animates: this process, one process a device, or the actors of a Ray cluster."""

import multiprocessing
import os
import queue
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from faceanim.pipelines.device import choose_device
from faceanim.pipelines.inference import Animator
from faceanim.pipelines.options import InferenceOptions

_ROOT = Path(__file__).resolve().parents[2]
Outcomes = Iterator[tuple[int, "str | Failure"]]


@dataclass(frozen=True)
class Failure:
    """Why a job was not done. callers_mistake: a ValueError, whose line says it all."""

    line: str
    callers_mistake: bool


class Worker:
    """Animates job after job with one pipeline, which it loads for the first; a failure is an outcome too."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._animator: Animator | None = None

    def run(self, options: InferenceOptions) -> str | Failure:
        options = replace(options, device=self.device)
        self._animator = self._animator or Animator(options)  # a pipeline that does not load ends all
        try:
            return self._animator.animate(options)
        except ValueError as error:
            return Failure(" ".join(str(error).split()), True)
        except Exception as error:
            traceback.print_exc()
            return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}", False)

    def numbered(self, number: int, options: InferenceOptions) -> tuple[int, str | Failure]:
        return number, self.run(options)


def run_on(jobs: list[InferenceOptions], backend: str, workers: int | None, address: str | None) -> Outcomes:
    """Yields (number of the job, its line or Failure) as they come.

    workers: processes; None: one a GPU, or one where there is none. One is this process itself.
    """
    if not jobs:
        return iter(())
    if backend == "ray":
        return _on_ray(jobs, workers, address)
    devices = _devices(jobs[0].device, workers)
    if len(devices) == 1:
        worker = Worker(devices[0])
        return ((number, worker.run(job)) for number, job in enumerate(jobs))
    return _in_processes(jobs, devices)


def _devices(device: str, workers: int | None) -> list[str]:
    chosen = choose_device(device)
    if chosen.type != "cuda" or chosen.index is not None:
        return [str(chosen)] * (workers or 1)
    n = torch.cuda.device_count()
    return [f"cuda:{k % n}" for k in range(workers or n)]


def _in_processes(jobs: list[InferenceOptions], devices: list[str]) -> Outcomes:
    context = multiprocessing.get_context("spawn")
    tasks, outcomes = context.Queue(), context.Queue()
    for task in (*enumerate(jobs), *[None] * len(devices)):
        tasks.put(task)
    team = [
        context.Process(target=_serve, args=(device, tasks, outcomes, os.getpid()), daemon=True)
        for device in devices[: len(jobs)]
    ]
    for process in team:
        process.start()
    left = set(range(len(jobs)))
    try:
        while left:
            try:
                number, outcome = outcomes.get(timeout=1)
            except queue.Empty:
                if any(process.is_alive() for process in team):
                    continue
                codes = sorted({process.exitcode for process in team})
                yield from ((n, Failure(f"its process ended with exit code {codes}", False)) for n in left)
                return
            if isinstance(outcome, ValueError):
                raise outcome
            left.discard(number)
            yield number, outcome
    finally:
        for process in team:
            process.kill()
            process.join()


def _serve(device: str, tasks, outcomes, parent: int) -> None:
    """The life of a process: job after job until there are none, or the parent is gone."""
    worker = Worker(device)
    while os.getppid() == parent and (task := tasks.get()) is not None:
        number, options = task
        try:
            outcomes.put((number, worker.run(options)))
        except ValueError as error:  # the pipeline does not load
            outcomes.put((number, error))
            return


def _on_ray(jobs: list[InferenceOptions], workers: int | None, address: str | None) -> Outcomes:
    """One actor a GPU of the cluster at ``address``, or of this machine where it is None; without GPUs one a core.
    This checkout and all files have to be at the same place on every node."""
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as error:
        raise ValueError("backend=ray needs the package ray: pip install 'faceanim[ray]'") from error
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {"env_vars": {"PYTHONPATH": path}}
    ray.init(
        address=address or "local",
        runtime_env=environment,
        logging_level="warning",
        **({} if address else {"include_dashboard": False}),
    )
    try:
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        if jobs[0].device == "cpu":
            gpus = 0
        n = min(workers or gpus or int(resources["CPU"]), len(jobs))
        actor = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0)(Worker)
        pool = ActorPool([actor.remote("cuda" if gpus else "cpu") for _ in range(n)])
        for number, job in enumerate(jobs):
            pool.submit(lambda worker, task: worker.numbered.remote(*task), (number, job))
        while pool.has_next():
            try:
                yield pool.get_next_unordered()
            except ray.exceptions.RayTaskError as error:  # the pipeline does not load
                raise error.cause from error
    finally:
        ray.shutdown()
