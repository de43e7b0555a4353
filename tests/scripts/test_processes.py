"""Neither a crash nor a hang costs more than one job. Few imports: each worker imports this module."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from scripts.prepare_celebvhq_hdtf.processes import TookTooLong, WorkerDied, run_in_processes


def square(job: int, folder: Path) -> int:
    """Job 3 kills its process the first time, 4 every time, 5 never ends, 6 raises."""
    if job == 4 or (job == 3 and not (folder / "tried").exists()):
        (folder / "tried").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job == 5:
        time.sleep(600)
    if job == 6:
        raise ValueError("no space")
    return job * job


def results(jobs: list[int], tmp_path: Path, workers: int = 2, time_limit: float = 60) -> dict[int, object]:
    done = run_in_processes(partial(square, folder=tmp_path), jobs, workers, time_limit)
    return {jobs[number]: result for number, result in done}


def test_a_worker_that_dies_costs_nothing_once_and_its_job_twice(tmp_path: Path) -> None:
    found = results([1, 3, 4, 2], tmp_path)
    assert (found[1], found[2], found[3]) == (1, 4, 9)
    assert isinstance(found[4], WorkerDied) and str(found[4]) == "exit code -9"


def test_a_job_that_hangs_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    found = results([5, 1, 2], tmp_path, workers=1, time_limit=4)
    assert isinstance(found[5], TookTooLong) and (found[1], found[2]) == (1, 4)


def test_an_exception_ends_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no space"):
        results([1, 6, 2], tmp_path, workers=1)
