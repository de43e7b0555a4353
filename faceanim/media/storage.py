"""Files by path or by URL: whatever fsspec opens (s3://, http://, zip://clips::data.zip, memory://, ...)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import fsspec

from faceanim.media.errors import MediaError


def is_url(path: str | Path) -> bool:
    return "://" in str(path)


def join(folder: str | Path, name: str) -> str | Path:
    """The file `name` in a folder: a path, or a URL where the folder is one.

    In a chain, such as simplecache::s3://bucket/data or zip://clips::data.zip, the first location is the folder.
    """
    if not is_url(folder):
        return Path(folder) / name
    links = str(folder).split("::")
    first = next(i for i, link in enumerate(links) if "://" in link)
    links[first] += name if links[first].endswith("/") else f"/{name}"
    return "::".join(links)


@contextmanager
def local_copy(path: str | Path) -> Iterator[Path]:
    """Yield a path that can be opened: a local file itself, or a copy of the URL's file while the block runs."""
    if not is_url(path):
        yield Path(path)
        return
    try:
        with fsspec.open(str(path), "rb") as file:
            content = file.read()
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MediaError(f"cannot read {path}: {reason}") from error
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PurePosixPath(str(path).split("::")[0]).name
        copy.write_bytes(content)
        yield copy
