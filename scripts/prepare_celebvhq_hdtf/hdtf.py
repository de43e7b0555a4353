"""HDTF: five annotation files for each of three subsets, and a folder of videos."""

import re
from pathlib import Path
from typing import NamedTuple

from scripts.prepare_celebvhq_hdtf.sources import FaceHint, Release, ReleaseBuilder, read_text

SUBSETS = ("RD", "WDA", "WRA")
_NAMING = (
    "<subset>_<name>.mp4, <name>.mp4 or <YouTube id>.mp4 (whole video), or <subset>_<name>_<000>.mp4 or "
    "<name>_<0>.mp4 (cut already), any container, in any subfolder"
)
_TERMS = "HDTF: annotations CC BY 4.0; the videos belong to their uploaders."


class _Video(NamedTuple):
    """One annotated name. intervals: seconds. faces: per interval, None where there is no usable crop."""

    subset: str
    name: str
    source_id: str
    intervals: list[tuple[float, float]]
    faces: list[FaceHint | None]


def read_hdtf(raw: str, meta: str) -> Release:
    """The clips of the annotation files in the folder `meta` whose video is below `raw`.

    The annotated crops only say whose face is meant: they hold at the stated height, which some videos lack,
    and three of them are taller than it. The split goes by person: all videos of one name (without its
    number), and all names of one video.
    """
    videos = [video for subset in SUBSETS for video in read_subset(Path(meta), subset)]
    identities = identities_of(videos)
    listed = ReleaseBuilder(raw)
    for video in videos:
        full = f"{video.subset}_{video.name}"
        if not video.intervals:
            listed.unusable(full, video.source_id, "no times in the annotation")
        for k, (interval, face) in enumerate(zip(video.intervals, video.faces, strict=True)):
            name, whole = f"{full}_{k:03d}", (full, video.name, video.source_id)
            cut = (name, f"{video.name}_{k}")
            listed.add(name, video.source_id, identities[full], interval, face, whole, cut)
    return listed.release(_NAMING, _TERMS)


def read_subset(meta: Path, subset: str) -> list[_Video]:
    urls, times, crops, heights = (
        _table(meta / f"{subset}_{kind}.txt")
        for kind in ("video_url", "annotion_time", "crop_wh", "resolution")  # spelt as in the release
    )
    videos = []
    for name, url in urls.items():
        intervals = [_interval(text) for text in times.get(name, [])]
        height = int(heights.get(name, ["0"])[0])
        faces = [_face(crops.get(f"{name}_{k}"), height) for k in range(len(intervals))]
        videos.append(_Video(subset, name, _youtube_id(url, name), intervals, faces))
    return videos


def _table(path: Path) -> dict[str, list[str]]:
    """First word (without .mp4) -> the other words of each line that is not blank."""
    lines = [line.split() for line in read_text(path).splitlines()]
    return {words[0].removesuffix(".mp4"): words[1:] for words in lines if words}


def _youtube_id(words: list[str], name: str) -> str:
    found = re.search(r"(?:[?&]v=|youtu\.be/)([\w-]{11})(?:[&?#]|$)", words[0]) if words else None
    if found is None:
        raise ValueError(f"meta: expected a YouTube address for {name}, got {' '.join(words)!r}")
    return found.group(1)


def _interval(text: str) -> tuple[float, float]:
    found = re.fullmatch(r"(?:(\d+):)?(\d+):(\d\d)-(?:(\d+):)?(\d+):(\d\d)", text)
    if found is None:
        raise ValueError(f"meta: expected times such as 00:20-01:35, got {text!r}")
    hours, minutes, seconds, *end = (int(value or 0) for value in found.groups())
    return hours * 3600 + minutes * 60 + seconds, end[0] * 3600 + end[1] * 60 + end[2]


def _face(words: list[str] | None, height: int) -> FaceHint | None:
    """The crop `x w y h` at the stated height; None where it is missing or cannot be meant at that height."""
    if words is None:
        return None
    x, w, y, h = (int(word) for word in words)
    return FaceHint((x, y, x + w, y + h), height) if 0 < y + h <= height else None


def identities_of(videos: list[_Video]) -> dict[str, str]:
    """<subset>_<name> -> the first YouTube id of all that its person, or a video of theirs, is linked with."""
    groups: dict[str, set[str]] = {}  # person or video -> the ids of its group
    for video in videos:
        person = _person(video)
        joined = groups.get(person, set()) | groups.get(video.source_id, set()) | {video.source_id}
        for key, group in list(groups.items()):
            if group & joined:
                groups[key] = joined
        groups[person] = groups[video.source_id] = joined
    return {f"{video.subset}_{video.name}": min(groups[video.source_id]) for video in videos}


def _person(video: _Video) -> str:
    """RD numbers its radio addresses by speaker; elsewhere a number distinguishes the videos of one person."""
    return video.name if video.subset == "RD" else re.sub(r"\d+$", "", video.name)
