import errno
import fcntl
import os
import subprocess
import sys

import pytest

from faceanim.media import lock
from faceanim.media.lock import exclusive_lock
from tests.helpers.commands import ROOT

HOLD = """
import sys, time
from faceanim.media.lock import exclusive_lock
with exclusive_lock(sys.argv[1], "busy"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_and_a_dead_one_holds_nothing(tmp_path):
    path = tmp_path / "new" / "lock"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], cwd=ROOT, **pipes)
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(ValueError, match=r"^another one writes here$"),
        exclusive_lock(path, "another one writes here"),
    ):
        pass
    holder.kill()
    holder.wait()
    for _ in range(2):
        with exclusive_lock(path, "another one writes here"):
            pass


def test_an_error_inside_the_block_is_the_blocks(tmp_path):
    with pytest.raises(OSError, match="inside"), exclusive_lock(tmp_path / "lock", "busy"):
        raise OSError(errno.ENOLCK, "inside")


@pytest.mark.parametrize("name", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", None])
def test_a_system_without_locks_is_warned_of_once(name, tmp_path, monkeypatch, caplog):
    """name: what a file system answers; None: the system's Python has no flock."""
    entered = []

    def refuse(*_: object) -> None:
        raise OSError(getattr(errno, name), name)

    if name:
        monkeypatch.setattr(fcntl, "flock", refuse)
    else:
        monkeypatch.setattr(lock, "fcntl", None)
    for _ in range(2):
        with exclusive_lock(tmp_path / "lock", "busy"):
            entered.append(True)
    assert len(entered) == 2 and len(caplog.records) == 1 and f"{tmp_path}: no lock" in caplog.text


def test_any_other_refusal_is_raised(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Bad file"), exclusive_lock(tmp_path / "lock", "busy"):
        pass
