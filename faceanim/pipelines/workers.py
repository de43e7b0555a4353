"""Who animates: this process, one process a device, or the actors of a Ray cluster."""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from faceanim.parallel.runner import run_here, run_in_processes, run_on_ray
from faceanim.parallel.worker import WorkerDied
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.inference import Animator
from faceanim.pipelines.request import AnimationRequest


@dataclass(frozen=True)
class Failure:
    """Why a job was not done. callers_mistake: a ValueError, whose line says it all."""

    line: str
    callers_mistake: bool


class BatchAnimator:
    """Animates job after job with one pipeline, which it loads for the first; a failure is an outcome too."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._animator: Animator | None = None

    def __call__(self, request: AnimationRequest) -> str | Failure:
        runtime = replace(request.runtime, device=self.device)
        self._animator = self._animator or Animator(runtime)  # a pipeline that does not load ends all
        try:
            return self._animator.animate(request)
        except ValueError as error:
            return Failure(" ".join(str(error).split()), True)
        except Exception as error:
            traceback.print_exc()
            return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}", False)


def run_on(
    jobs: list[AnimationRequest], backend: str, workers: int | None, address: str | None
) -> Iterator[tuple[int, str | Failure]]:
    """Yield (index of the job, its line or Failure) as they come.

    workers: processes; None: one a GPU, or one where there is none. One is this process itself.
    """
    if not jobs:
        return
    if backend == "ray":
        gpus = jobs[0].runtime.device != "cpu"
        outcomes = run_on_ray(BatchAnimator("auto" if gpus else "cpu"), jobs, workers, address, gpus=gpus)
    else:
        animators = [BatchAnimator(device) for device in _devices(jobs[0].runtime.device, workers)]
        outcomes = run_here(animators[0], jobs) if len(animators) == 1 else run_in_processes(animators, jobs)
    for number, outcome in outcomes:
        if isinstance(outcome, WorkerDied):
            outcome = Failure(f"its process ended with {outcome}", False)
        yield number, outcome


def _devices(device: str, workers: int | None) -> list[str]:
    chosen = choose_device(device)
    if chosen.type != "cuda" or chosen.index is not None:
        return [str(chosen)] * (workers or 1)
    n = torch.cuda.device_count()
    return [f"cuda:{k % n}" for k in range(workers or n)]
