"""Who is who, and whose is which file. Nobody has to say a name: a browser keeps a secret word in a cookie."""

import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

COOKIE = "faceanim_visitor"
HEADER = "x-faceanim-visitor"  # for programs, which keep no cookies
_WORD = re.compile(r"[A-Za-z0-9_-]{22,128}")  # 128 random bits and more
_MOST_VISITS = 10_000


def visitor_of(headers: dict[str, str], address: str) -> str | None:
    """The visitor behind a request, None for a word in HEADER that is none.

    headers: lower-case names. Programs show a word of their own in HEADER; those that do not, and browsers that have no
    cookie yet, are told apart by address alone.
    """
    word = headers.get(HEADER)
    if word is not None:
        return f"program:{word}" if _WORD.fullmatch(word) else None
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    if cookie is not None and _WORD.fullmatch(cookie.value):
        return f"browser:{cookie.value}"
    return f"address:{address}"


def new_word() -> str:
    return secrets.token_urlsafe(32)


@dataclass
class Visit:
    """results: the paths of this visitor's videos, newest first. looks: how often each kind of motion was looked at."""

    results: list[Path] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    seen: float = field(default_factory=time.monotonic)


class FileStore:
    """The platform's one folder of visitors' files, each with an owner, none for longer than `keep_seconds`."""

    def __init__(self, folder: Path, keep_seconds: float, most_bytes: float) -> None:
        self.folder, self.keep_seconds, self.most_bytes = folder.resolve(), keep_seconds, most_bytes
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._owners: dict[str, set[str]] = {}  # several, where they brought the same
        self._sessions: dict[str, tuple[str, float]] = {}
        self._visits: dict[str, Visit] = {}

    def own(self, path: str | Path, visitor: str) -> None:
        with self._lock:
            self._owners.setdefault(str(path), set()).add(visitor)

    def owned(self, path: str | Path, visitor: str) -> bool:
        """Whether this very name was given to this visitor; no other spelling of it is."""
        with self._lock:
            return visitor in self._owners.get(str(path), ())

    def new_place(self, visitor: str, name: str) -> Path:
        """A path, in a folder that nobody can guess, of a file that is to be this visitor's."""
        folder = self.folder / secrets.token_urlsafe(24)
        folder.mkdir(mode=0o700)
        self.own(folder / name, visitor)
        return folder / name

    def forget(self, path: str | Path, visitor: str | None = None) -> None:
        """Deletes the file, and the folder that it was alone in; for one visitor, only once nobody else owns it."""
        path = Path(path)
        with self._lock:
            others = self._owners.get(str(path), set()) - {visitor}
            if visitor is not None and others:
                self._owners[str(path)] = others
                return
            self._owners.pop(str(path), None)
        path.unlink(missing_ok=True)
        if path.parent != self.folder and path.is_relative_to(self.folder):
            try:
                path.parent.rmdir()
            except OSError:
                return  # others are in it

    def visit(self, visitor: str) -> Visit:
        with self._lock:
            if len(self._visits) > _MOST_VISITS:
                del self._visits[min(self._visits, key=lambda name: self._visits[name].seen)]
            visit = self._visits.setdefault(visitor, Visit())
            visit.seen = time.monotonic()
            return visit

    def session_is_of(self, session: str, visitor: str) -> bool:
        """Whether a page's session belongs to this visitor: to the first who used it."""
        with self._lock:
            owner, _ = self._sessions.get(session, (visitor, 0.0))
            if owner == visitor:
                self._sessions[session] = (visitor, time.monotonic())
            return owner == visitor

    @property
    def full(self) -> bool:
        return sum(path.stat().st_size for path in self._all()) > self.most_bytes

    def tidy(self, now: float | None = None) -> int:
        """Deletes what is older than `keep_seconds`, and what was known of visitors who are gone as long. Returns how
        many files went."""
        oldest = (time.time() if now is None else now) - self.keep_seconds
        gone = [path for path in self._all() if path.stat().st_mtime < oldest]
        for path in gone:
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
        return len(gone)

    def _all(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]
