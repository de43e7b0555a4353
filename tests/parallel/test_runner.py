"""Neither a crash nor a hang costs more than one job. Few imports: each worker imports this module."""

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from faceanim.parallel.runner import run_in_processes
from faceanim.parallel.worker import TookTooLong, WorkerDied

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Square:
    """Job 3 kills its process the first time, 4 every time, 5 never ends, 6 raises, 7 warns, 8 leaves its process's id,
    None returns the name."""

    folder: Path
    name: str = "a"

    def __call__(self, job: int | None) -> int | str:
        if job is None:
            time.sleep(0.5)  # so that the other has a job as well
            return self.name
        if job == 4 or (job == 3 and not (self.folder / "tried").exists()):
            (self.folder / "tried").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if job == 5:
            time.sleep(600)
        if job == 6:
            raise ValueError("no space")
        if job == 7:
            logging.getLogger("faceanim.somewhere").warning("clock of %s", "a.ts")
        if job == 8:
            (self.folder / "process").write_text(str(os.getpid()))
            time.sleep(1)
        return job * job


def results(jobs: list[int], tmp_path: Path, workers: int = 2, time_limit: float = 60) -> dict[int, object]:
    done = run_in_processes([Square(tmp_path)] * workers, jobs, time_limit)
    return {jobs[number]: result for number, result in done}


def test_a_worker_that_dies_costs_nothing_once_and_its_job_twice(tmp_path):
    found = results([1, 3, 4, 2], tmp_path)
    assert (found[1], found[2], found[3]) == (1, 4, 9)
    assert isinstance(found[4], WorkerDied) and str(found[4]) == "exit code -9"


def test_a_job_that_hangs_is_given_up_and_the_others_go_on(tmp_path):
    found = results([5, 1, 2], tmp_path, workers=1, time_limit=4)
    assert isinstance(found[5], TookTooLong) and (found[1], found[2]) == (1, 4)


def test_an_exception_ends_all_and_shows_where_it_was_raised(tmp_path):
    with pytest.raises(ValueError, match="no space") as caught:
        results([1, 6, 2], tmp_path, workers=1)
    assert "in __call__" in caught.value.__notes__[0]


def test_each_worker_has_its_task_and_what_it_logs_is_logged_here(tmp_path, caplog):
    tasks = [Square(tmp_path, name) for name in ("cuda:0", "cuda:1")]
    found = dict(run_in_processes(tasks, [None, None, 7]))
    assert {found[0], found[1]} == {"cuda:0", "cuda:1"}
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("faceanim.somewhere", "WARNING", "clock of a.ts")
    ]


def test_a_worker_ends_after_its_job_when_the_parent_was_killed(tmp_path):
    code = "import sys; from pathlib import Path; from tests.parallel.test_runner import results"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{code}; results([8, 5], Path(sys.argv[1]), 1)", str(tmp_path)], cwd=ROOT
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "process").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    worker = Path("/proc") / (tmp_path / "process").read_text()
    while worker.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
