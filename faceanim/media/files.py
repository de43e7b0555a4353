"""Files that appear whole or not at all."""

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faceanim.media.errors import MediaError

NO_SPACE_OR_RIGHTS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` (same suffix) that replaces `path` if the block succeeds.

    Parent folders are created. When the block raises, the temporary file is deleted and an older file at
    `path` stays as it was. A full disk, missing rights or a file in a folder's place become a `MediaError`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, ValueError) or error.errno not in NO_SPACE_OR_RIGHTS:
            raise
        raise MediaError(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        if temporary.is_file():
            temporary.unlink()


def file_hash(path: Path) -> str:
    """sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_hash(folder: Path, paths: Iterable[Path]) -> str:
    """sha256 over the files' names relative to the folder, and their contents, whatever the order."""
    lines = sorted(f"{path.relative_to(folder).as_posix()} {file_hash(path)}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys, atomically; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
