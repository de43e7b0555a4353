"""One process at a time works in a folder."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

log = logging.getLogger(__name__)

_HELD_ELSEWHERE = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_NOT_SUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO}


@contextmanager
def exclusive_lock(path: str | Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`, which is created with its folders, as long as the block runs.

    The system releases it when the process ends, however that happens. Where the file system has no locks (some NFS
    and Lustre mounts), warns once and runs the block without.
    what: what the error says when another process holds it, such as "another training is running in <folder>".
    Raises ValueError then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in _HELD_ELSEWHERE:
                raise ValueError(what) from error
            if error.errno not in _NOT_SUPPORTED:
                raise
            _warn_once(path.parent, error.strerror)
        yield


def _lock(descriptor: int) -> None:
    if fcntl is None:
        raise OSError(errno.ENOSYS, "no flock on this system")
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@cache
def _warn_once(folder: Path, reason: str) -> None:
    log.warning("%s: no lock (%s); do not start a second process on this folder", folder, reason)
