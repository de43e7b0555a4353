"""CelebV-HQ: celebvhq_info.json and a folder of videos."""

import json
from pathlib import Path
from typing import Any

from scripts.prepare_celebvhq_hdtf.sources import FaceHint, Release, ReleaseBuilder, read_text

_NAMING = "<ytb_id>.mp4 (whole video) or <clip id>.mp4 (cut already), any container, in any subfolder"
_TERMS = (
    "CelebV-HQ: for non-commercial research only; neither the videos nor data derived from them may be "
    "passed on; the videos belong to their owners. See the data set's own terms before you go on."
)


def read_celebvhq(raw: str, meta: str) -> Release:
    """The clips of the annotation file `meta` (or the one in that folder) whose video is below `raw`.

    A whole video is cut by the annotated times, and its face is the one in the annotated box; a file named
    after the clip is taken as it is. Identities are not published, so the split goes by source video.
    """
    listed = ReleaseBuilder(raw)
    for name, entry in sorted(_entries(Path(meta)).items()):
        try:
            source_id, *interval = _source(entry)
            face = _face(entry)
        except (KeyError, TypeError, ValueError) as error:
            listed.unusable(name, "", f"bad annotation ({type(error).__name__}: {error})")
            continue
        listed.add(name, source_id, source_id, interval, face, whole=[source_id], cut=[name])
    return listed.release(_NAMING, _TERMS)


def _entries(meta: Path) -> dict[str, Any]:
    if meta.is_dir():
        found = sorted(meta.glob("celebvhq_info*.json"))
        if len(found) != 1:
            raise ValueError(f"meta: expected one celebvhq_info*.json in {meta}, found {len(found)}")
        meta = found[0]
    try:
        clips = json.loads(read_text(meta))["clips"]
        if not isinstance(clips, dict):
            raise TypeError(f"clips is {type(clips).__name__}")
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"meta: expected a JSON file with an object `clips`, got {meta} ({type(error).__name__}: {error})"
        ) from error
    return clips


def _source(entry: dict[str, Any]) -> tuple[str, float, float]:
    start, stop = float(entry["duration"]["start_sec"]), float(entry["duration"]["end_sec"])
    if not 0 <= start < stop < float("inf"):
        raise ValueError(f"expected start_sec before end_sec, got {start} and {stop}")
    return str(entry["ytb_id"]), start, stop


def _face(entry: dict[str, Any]) -> FaceHint:
    left, top, right, bottom = (float(entry["bbox"][side]) for side in ("left", "top", "right", "bottom"))
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"expected bbox inside 0 to 1, got {(left, top, right, bottom)}")
    return FaceHint((left, top, right, bottom))
