"""Visitors' files on disk, whose they are and when they are deleted."""

import secrets
import shutil
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_MAX_VISITS = 10_000


@dataclass
class Visit:
    """State of one visitor.

    results: paths of their videos, newest first. selections: how often they selected a motion, by source.
    """

    results: list[Path] = field(default_factory=list)
    selections: Counter[str] = field(default_factory=Counter)
    seen: float = 0.0  # monotonic clock


class FileStore:
    """Files of all visitors in one folder, each in a subfolder with a random name.

    Args:
        folder: holds nothing else.
        keep_seconds: files are deleted after.
        max_bytes: of all files, before the store counts as full.
    """

    def __init__(self, folder: Path, keep_seconds: float, max_bytes: float) -> None:
        self.folder, self.keep_seconds, self.max_bytes = folder.resolve(), keep_seconds, max_bytes
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._owners: dict[str, set[str]] = {}  # several if they uploaded the same file
        self._sessions: dict[str, tuple[str, float]] = {}  # (visitor, time of the last request)
        self._visits: dict[str, Visit] = {}

    def own(self, path: str | Path, visitor: str) -> None:
        with self._lock:
            self._owners.setdefault(str(path), set()).add(visitor)

    def owned(self, path: str | Path, visitor: str) -> bool:
        """Return whether the file belongs to the visitor; only the exact spelling of its path is known."""
        with self._lock:
            return visitor in self._owners.get(str(path), ())

    def new_place(self, visitor: str, name: str) -> Path:
        """Return a path, in a folder whose name nobody can guess, for a file that will belong to the visitor."""
        folder = self.folder / secrets.token_urlsafe(24)
        folder.mkdir(mode=0o700)
        self.own(folder / name, visitor)
        return folder / name

    def forget(self, path: str | Path, visitor: str | None = None) -> None:
        """Delete the file, and its folder if empty. visitor: delete only if nobody else owns the file too."""
        path = Path(path)
        with self._lock:
            others = self._owners.get(str(path), set()) - {visitor}
            if visitor is not None and others:
                self._owners[str(path)] = others
                return
            self._owners.pop(str(path), None)
        path.unlink(missing_ok=True)
        if path.parent != self.folder and path.is_relative_to(self.folder):
            with suppress(OSError):  # not empty
                path.parent.rmdir()

    def visit(self, visitor: str) -> Visit:
        with self._lock:
            if len(self._visits) > _MAX_VISITS:
                del self._visits[min(self._visits, key=lambda name: self._visits[name].seen)]
            visit = self._visits.setdefault(visitor, Visit())
            visit.seen = time.monotonic()
            return visit

    def session_is_of(self, session: str, visitor: str) -> bool:
        """Return whether a page's session belongs to this visitor: to the first who used it."""
        with self._lock:
            owner, _ = self._sessions.get(session, (visitor, 0.0))
            if owner == visitor:
                self._sessions[session] = (visitor, time.monotonic())
            return owner == visitor

    @property
    def full(self) -> bool:
        return sum(path.stat().st_size for path in self._all()) > self.max_bytes

    def tidy(self, now: float | None = None) -> int:
        """Delete files and visitors' state older than `keep_seconds`; return the number of files."""
        oldest = (time.time() if now is None else now) - self.keep_seconds
        expired = [path for path in self._all() if path.stat().st_mtime < oldest]
        for path in expired:
            self.forget(path)
        for folder in self.folder.iterdir():
            waits_for_a_file = folder.stat().st_mtime > oldest - self.keep_seconds
            if folder.is_dir() and not waits_for_a_file and not any(folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
        left = time.monotonic() - (time.time() - oldest)
        with self._lock:
            self._owners = {path: who for path, who in self._owners.items() if Path(path).parent.exists()}
            self._visits = {name: visit for name, visit in self._visits.items() if visit.seen > left}
            self._sessions = {name: who for name, who in self._sessions.items() if who[1] > left}
            for visit in self._visits.values():
                visit.results = [path for path in visit.results if path.exists()]
        return len(expired)

    def _all(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]
