"""Which files are videos, and how they are called in what we write. One list for every command."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v"),
    *(".ogv", ".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".gif"),
)


def is_hidden(path: Path) -> bool:
    """Whether the name begins with a dot: what macOS leaves next to files (._a.mp4, .DS_Store), and our own folders."""
    return path.name.startswith(".")


def is_video_name(path: Path) -> bool:
    """Whether the name is one of a video, in letters of either case, and not hidden."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not is_hidden(path)


def videos_of(folder: str | Path) -> list[Path]:
    """The videos in the folder itself, sorted."""
    return sorted(path for path in Path(folder).iterdir() if is_video_name(path) and path.is_file())


def videos_below(folder: str | Path) -> list[Path]:
    """The videos in the folder and its subfolders, sorted; links are followed.

    Each folder is searched once, however many links lead to it, by its own path where it has one in `folder`.
    """
    return sorted(path for path in _below(Path(folder)) if is_video_name(path) and path.is_file())


def utf8_name(path: str | Path) -> str:
    """The path with / between its parts; bytes that are not UTF-8, which no file of ours can hold, as \\xe9."""
    name = path if isinstance(path, str) else path.as_posix()
    try:
        content = os.fsencode(name)
    except UnicodeEncodeError:  # no name of a file, but JSON may hold it
        content = name.encode("utf-8", "surrogatepass")
    return content.decode("utf-8", "backslashreplace")


def _below(folder: Path) -> Iterator[Path]:
    links, seen = [folder], set()
    while links:  # behind the folders that lie there themselves
        folders = [links.pop(0)]
        while folders:
            folder = folders.pop()
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            try:
                inside = sorted(folder.iterdir())
            except PermissionError:  # such as lost+found
                log.warning(
                    "left out: folder %s cannot be searched, the rights are missing", utf8_name(folder)
                )
                continue
            for path in inside:
                if not path.is_dir():
                    yield path
                elif not is_hidden(path):
                    (links if path.is_symlink() else folders).append(path)
