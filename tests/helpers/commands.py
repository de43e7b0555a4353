"""Run commands of the project as a user would, without network."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = {
    **os.environ,
    "PYTHONPATH": f"{ROOT / 'tests' / 'no_network'}{os.pathsep}{ROOT}",
    "OMP_NUM_THREADS": "1",
}


def run(*arguments: str | Path, cwd: Path = ROOT, **kwargs) -> subprocess.CompletedProcess:
    """A command of the project, as a user would run it, by default from the repository's root; without network."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=OFFLINE, capture_output=True, text=True, timeout=600, **kwargs
    )


def start(*arguments: str | Path, cwd: Path = ROOT, **pipes) -> subprocess.Popen:
    """The same, without waiting for its end; it leads a process group of its own."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=OFFLINE, text=True, start_new_session=True, **pipes)


def wait_for(condition: Callable[[], object], process: subprocess.Popen, seconds: float = 300) -> None:
    """Wait until a condition is true that comes true while the process runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(0.005)


def kill(process: subprocess.Popen) -> None:
    """The command and its workers, as the end of a batch job would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
