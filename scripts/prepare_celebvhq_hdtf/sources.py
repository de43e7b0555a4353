"""Which videos there are, and what each is called."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from faceanim.data.demo_clip import demo_clip_path

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv", ".gif")


@dataclass(frozen=True)
class SourceVideo:
    """One raw video. name: unique, safe as a file name; path: the file; shown: relative to the raw folder."""

    name: str
    path: Path
    shown: str


def find_videos(raw: str) -> list[SourceVideo]:
    """The videos of the folder `raw` and its subfolders, sorted by name; for the word demo, the demo clip."""
    if raw == "demo":
        path = demo_clip_path()
        return [SourceVideo(path.stem, path, path.name)]
    folder = Path(raw)
    if not folder.is_dir():
        raise ValueError(f"raw: expected a folder of videos, or the word demo, got {raw}")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
    if not paths:
        raise ValueError(f"raw: expected videos ({' '.join(VIDEO_SUFFIXES)}) in {raw}, found none")
    shown = {path: path.relative_to(folder).as_posix() for path in paths}
    plain = {path: _file_name(Path(shown[path])) for path in paths}
    uses = Counter(name.lower() for name in plain.values())  # lower: some file systems do not tell case apart
    videos = []
    for path in paths:
        name = plain[path]
        if uses[name.lower()] > 1 or name.startswith("."):
            name = f"{name.lstrip('.')}-{hashlib.sha256(shown[path].encode()).hexdigest()[:8]}"
        videos.append(SourceVideo(name, path, shown[path]))
    return sorted(videos, key=lambda video: video.name)


def _file_name(path: Path) -> str:
    return re.sub(r"[^\w.-]+", "_", str(path.with_suffix("")), flags=re.ASCII)


def split_of(name: str, holdout: float) -> str:
    """train or test, by a hash of the video's name: stable when videos are added or removed."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if share < holdout else "train"
