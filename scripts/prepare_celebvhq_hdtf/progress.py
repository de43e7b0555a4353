"""The records of finished source clips and first passes, with which an interrupted run resumes."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from faceanim.data.manifest import ManifestRow
from faceanim.media.files import file_hash
from faceanim.parallel.finished_jobs import FinishedJobs
from scripts.prepare_celebvhq_hdtf.first_pass import Detections
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import SourceClip, split_of

WORK = ".work"


def save_record(clip: SourceClip, options: PrepareOptions, rows: list[ManifestRow]) -> None:
    """Record a finished source clip under `<output>/.work/<hash of the options>/`."""
    content = [dataclasses.asdict(row) for row in rows]
    finished_clips(options).save(clip.name, source=_state(clip), rows=content)


def finished_rows(clip: SourceClip, options: PrepareOptions) -> list[ManifestRow] | None:
    """The source clip's rows, or None if it must be prepared: not recorded, changed, or its files not right.

    The split of whole clips is today's: it shapes no file.
    """
    record = finished_clips(options).load(clip.name, source=_state(clip))
    try:
        rows = None if record is None else [ManifestRow(**values) for values in record["rows"]]
    except (KeyError, TypeError):
        return None
    if rows is None or not all(_is_whole(row, options.output_folder) for row in rows):
        return None
    if options.split_by == "clip":
        return [
            replace(row, split=split_of(clip.identity, options.holdout, options.val_share)) for row in rows
        ]
    return rows


def _is_whole(row: ManifestRow, folder: Path) -> bool:
    """Whether the row's files are there, and the clip as it was written."""
    files = [folder / name for name in (row.path, row.landmarks_path, row.audio_path) if name]
    there = all(path.is_file() for path in files)
    return there and (not row.keep or file_hash(folder / row.path) == row.content_hash)


def save_detections(clip: SourceClip, options: PrepareOptions, detections: Detections) -> None:
    """Save the first pass, the longest one, which other thresholds and sizes can build on."""
    detections.save(_detections_path(clip, options), _state(clip))


def saved_detections(clip: SourceClip, options: PrepareOptions) -> Detections | None:
    """Detections of the first pass over this source clip, or None if it is still to be done."""
    return Detections.load(_detections_path(clip, options), _state(clip))


def _state(clip: SourceClip) -> dict[str, Any]:
    status = clip.path.stat()
    wanted = {k: v for k, v in dataclasses.asdict(clip).items() if k != "path"}
    state = {**wanted, "bytes": status.st_size, "modified_ns": status.st_mtime_ns}
    return json.loads(json.dumps(state))  # tuples become lists, as in the file


def finished_clips(options: PrepareOptions) -> FinishedJobs:
    """The records of the source clips that are finished with these options."""
    return FinishedJobs(options.output_folder / WORK / options.fingerprint())


def _detections_path(clip: SourceClip, options: PrepareOptions) -> Path:
    """The folder has the name that older output folders have."""
    return options.output_folder / WORK / f"watched-{options.first_pass_fingerprint()}" / f"{clip.name}.npz"
