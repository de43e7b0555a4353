"""One process at a time in a folder, where its file system can tell."""

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

# What NFS, Lustre and FUSE answer where locks are not switched on
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def locked(file: Path, taken: str) -> Iterator[None]:
    """Hold the lock `file`, created where it is missing; it ends with the process, however that ends.

    Raises ValueError with the text `taken` where another process holds it. A file system without locks is warned of,
    and the block runs.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(taken) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.warning(
                "%s cannot be locked (%s): see to it that no other command writes there",
                file.parent,
                os.strerror(error.errno),
            )
        yield
