"""What is already done: one small record a video, so that an interrupted run can go on."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from faceanim.data.manifest import ManifestRow
from faceanim.media.files import write_json
from scripts.prepare_celebvhq_hdtf.one_video import file_hash
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import SourceVideo


def save_record(video: SourceVideo, options: PrepareOptions, rows: list[ManifestRow]) -> None:
    """Remember a finished video under `<output>/.work/<hash of the options>/`."""
    content = {"source": _state(video), "rows": [dataclasses.asdict(row) for row in rows]}
    write_json(_path(video, options), content)


def finished_rows(video: SourceVideo, options: PrepareOptions) -> list[ManifestRow] | None:
    """The video's rows, or None if it must be prepared: not recorded, changed, or its files are not right."""
    try:
        content = json.loads(_path(video, options).read_text(encoding="utf-8"))
        rows = [ManifestRow(**values) for values in content["rows"]]
        if content["source"] != _state(video):
            return None
        for row in rows:
            clip, landmarks = options.output_folder / row.path, options.output_folder / row.landmarks_path
            if row.keep and not (landmarks.is_file() and file_hash(clip) == row.content_hash):
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows


def _state(video: SourceVideo) -> dict[str, Any]:
    status = video.path.stat()
    return {"path": video.shown, "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _path(video: SourceVideo, options: PrepareOptions) -> Path:
    return options.output_folder / ".work" / options.fingerprint() / f"{video.name}.json"
