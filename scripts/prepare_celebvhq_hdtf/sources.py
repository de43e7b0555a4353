"""Source clips: intervals of raw videos, whatever data set they come from."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video_files import VIDEO_SUFFIXES, utf8_name, videos_below

PARTS = ("train", "val", "test")  # of a video that is split by time: their names end so
_LONGEST_NAME = 180  # characters: file systems take 255 bytes, and we add to it


@dataclass(frozen=True)
class FaceHint:
    """Where the annotated face is: left, top, right, bottom, in pixels of a frame of `height`, or, without
    one, as shares of the frame's sides."""

    box: tuple[float, float, float, float]
    height: int | None = None

    def contains(self, box: tuple[float, float, float, float], width: int, height: int) -> bool:
        """Whether the centre of a box, in pixels of a frame of width x height, lies inside."""
        scale = (width, height) if self.height is None else (height / self.height,) * 2
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        left, top, right, bottom = self.box
        return left * scale[0] <= x <= right * scale[0] and top * scale[1] <= y <= bottom * scale[1]


@dataclass(frozen=True)
class SourceClip:
    """One clip to make.

    name: unique, safe as a file name. path: the raw video; shown: relative to the raw folder, in UTF-8. source_id: the
    video's id in its data set. identity: what the split goes by. start, stop: seconds in the video, None to its
    end. face: which one, where the data set says so.
    """

    name: str
    path: Path
    shown: str
    source_id: str
    identity: str
    start: float = 0.0
    stop: float | None = None
    face: FaceHint | None = None


@dataclass(frozen=True)
class Absent:
    """An entry of the data set that cannot be prepared. reason: missing (no video found) or unusable: why."""

    name: str
    source_id: str
    reason: str


@dataclass(frozen=True)
class Release:
    """All clips of a data set. naming: how the command expects the videos to be called. terms, notes: to be shown."""

    clips: list[SourceClip]
    absent: list[Absent]
    naming: str = ""
    terms: str = ""
    notes: tuple[str, ...] = ()


def read_folder(raw: str) -> Release:
    """The videos of the folder `raw` and its subfolders, sorted by name; for the word demo, the demo clip."""
    if raw == "demo":
        path = demo_clip_path()
        return Release([SourceClip(path.stem, path, path.name, path.stem, path.stem)], [])
    paths = video_files(raw)
    plain = {path: _file_name(path.relative_to(raw)) for path in paths}
    uses = Counter(name.lower() for name in plain.values())  # lower: some file systems ignore case
    clips = []
    for path in paths:
        name, whole = plain[path], plain[path].lower().rpartition("_")
        if uses[name.lower()] > 1 or (whole[0] in uses and whole[2] in PARTS) or len(name) > _LONGEST_NAME:
            digest = hashlib.sha256(os.fsencode(path.relative_to(raw).as_posix())).hexdigest()
            name = f"{name[:_LONGEST_NAME]}-{digest[:8]}"
        clips.append(SourceClip(name, path, utf8_name(path.relative_to(raw)), name, name))
    return Release(sorted(clips, key=lambda clip: clip.name), [])


def video_files(raw: str) -> list[Path]:
    """All video files below the folder, sorted; at least one."""
    if not Path(raw).is_dir():
        raise ValueError(f"raw: expected a folder of videos, or the word demo, got {raw}")
    paths = videos_below(raw)
    if not paths:
        raise ValueError(f"raw: expected videos ({' '.join(VIDEO_SUFFIXES)}) in {raw}, found none")
    return paths


class ReleaseBuilder:
    """Sorts the clips that a data set lists into those whose video is below `raw`, whole or cut, and absent ones."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._files = {
            path.stem: path for path in reversed(video_files(raw))
        }  # of several, the first in order
        self._clips: list[SourceClip] = []
        self._absent: list[Absent] = []
        self._both: list[tuple[str, Path, Path]] = []

    def unusable(self, name: str, source_id: str, why: str) -> None:
        self._absent.append(Absent(name, source_id, f"unusable: {why}"))

    def add(
        self,
        name: str,
        source_id: str,
        identity: str,
        interval: tuple[float, float | None],
        face: FaceHint | None,
        whole: Sequence[str],
        cut: Sequence[str],
    ) -> None:
        """One clip. whole, cut: the names that its files may have; interval and face are those of the whole video."""
        whole_path, cut_path = (
            next((self._files[name] for name in names if name in self._files), None) for names in (whole, cut)
        )
        if whole_path and cut_path:
            self._both.append((name, whole_path, cut_path))
        path = whole_path or cut_path
        if path is None:
            self._absent.append(Absent(name, source_id, "missing"))
            return
        part = (*interval, face) if whole_path else (0.0, None, None)
        shown = utf8_name(path.relative_to(self._raw))
        self._clips.append(SourceClip(name, path, shown, source_id, identity, *part))

    def release(self, naming: str, terms: str) -> Release:
        notes = ()
        if self._both:
            name, whole, cut = self._both[0]
            notes = (
                f"{len(self._both)} clip(s) are there as whole video and cut: the whole one is taken, such as for "
                f"{name} {utf8_name(whole.name)}, not {utf8_name(cut.name)}",
            )
        clips = sorted(self._clips, key=lambda clip: clip.name)
        return Release(clips, self._absent, naming, terms, notes)


def read_text(path: Path) -> str:
    """A metadata file as text, without its byte-order mark; ValueError if it is missing or no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"meta: cannot read {path} ({type(error).__name__})") from error


def split_of(identity: str, holdout: float, val: float = 0.0) -> str:
    """train, val or test, by a hash of the identity: stable when videos are added or removed.

    holdout, val: shares of test and of val. val comes out of train: what test is, `holdout` alone decides.
    """
    share = int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if share < holdout else "val" if share < holdout + val else "train"


def _file_name(path: Path) -> str:
    return re.sub(r"[^\w.-]+", "_", str(path.with_suffix("")), flags=re.ASCII)
