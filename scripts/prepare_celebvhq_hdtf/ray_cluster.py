"""Clips spread over the machines of a Ray cluster that share one file system."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts.prepare_celebvhq_hdtf.processes import TookTooLong, WorkerDied

_TRIES = 2
_ROOT = Path(__file__).resolve().parents[2]


def run_on_ray(
    task: Callable[[Any], Any],
    jobs: Sequence[Any],
    workers: int | None,
    time_limit: float,
    address: str | None,
) -> Iterator[tuple[int, Any]]:
    """As `run_in_processes`, on the cluster at `address`, or one of this machine's cores where it is None.

    workers: how many jobs run at a time; None: as many as the cluster has cores. A job of a lost node runs
    again on another. This checkout, `raw` and `output` have to be at the same place on every node.
    """
    try:
        import ray
    except ImportError as error:
        raise ValueError("backend=ray needs the package ray: pip install faceanim[ray]") from error
    environment = {"env_vars": {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}}
    local = {} if address else {"num_cpus": workers, "include_dashboard": False}
    ray.init(address=address or "local", runtime_env=environment, logging_level="warning", **local)
    try:
        at_a_time = workers or int(ray.cluster_resources()["CPU"])
        remote = ray.remote(num_cpus=1, max_retries=_TRIES - 1)(lambda job: task(job))
        waiting = list(range(len(jobs)))[::-1]
        running: dict[Any, tuple[int, float]] = {}
        while waiting or running:
            while waiting and len(running) < at_a_time:
                number = waiting.pop()
                running[remote.remote(jobs[number])] = number, time.monotonic() + time_limit
            first_limit = min(limit for _, limit in running.values())
            ready, _ = ray.wait(list(running), timeout=max(0.0, first_limit - time.monotonic()))
            for reference in ready:
                number, _ = running.pop(reference)
                try:
                    result = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError) as error:
                    result = WorkerDied(type(error).__name__)
                yield number, result
            for reference, (number, limit) in list(running.items()):
                if time.monotonic() > limit:
                    ray.cancel(reference, force=True)
                    del running[reference]
                    yield number, TookTooLong(f"more than {time_limit:g} s")
    finally:
        ray.shutdown()
