"""One process at a time in a folder."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from faceanim.media.folder_lock import locked


def test_a_second_command_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    file = tmp_path / "work" / "lock"
    with locked(file, "taken"), pytest.raises(ValueError, match="taken"), locked(file, "taken"):
        pass
    with locked(file, "taken"):
        pass


@pytest.mark.parametrize("name", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])
def test_without_locks_it_goes_on_with_one_warning(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file system's refusal is simulated: none here is without locks."""
    number, entered = getattr(errno, name), []

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "lock", "taken"):
        entered.append(True)
    assert entered and len(caplog.records) == 1 and f"{tmp_path} cannot be locked" in caplog.text


def test_any_other_refusal_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output"), locked(tmp_path / "lock", "taken"):
        pass
