"""One source clip from beginning to end: first pass, filter, second pass."""

import sys
import traceback
from functools import cache

from faceanim.data.manifest import ManifestRow
from faceanim.media.errors import MediaError
from faceanim.media.video_files import utf8_name
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from scripts.prepare_celebvhq_hdtf.filtering import filter_clip, unusable
from scripts.prepare_celebvhq_hdtf.first_pass import Unreadable, detect
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.progress import (
    finished_rows,
    save_detections,
    save_record,
    saved_detections,
)
from scripts.prepare_celebvhq_hdtf.second_pass import row_of, write_clips, write_sound
from scripts.prepare_celebvhq_hdtf.sources import SourceClip


def process_clip(clip: SourceClip, options: PrepareOptions) -> list[ManifestRow]:
    """Do what is not done yet; a finished clip's rows are returned as they are.

    A file that cannot be written ends the run. Any unexpected error costs this clip only, shows its traceback, and
    the clip is tried again the next time.
    """
    rows = finished_rows(clip, options)
    if rows is None:
        try:
            rows = _prepare(clip, options)
        except (MediaError, OSError):
            raise
        except Unreadable as error:
            rows = [dropped_row(clip, options, f"unreadable: {error}")]
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            return [dropped_row(clip, options, f"failed: {type(error).__name__}: {error}")]
        save_record(clip, options, rows)
    return rows


def dropped_row(clip: SourceClip, options: PrepareOptions, reason: str) -> ManifestRow:
    """The row of a source clip that gives nothing to show."""
    return row_of(clip, unusable(clip, options, utf8_name(reason)), options, None)


def _prepare(clip: SourceClip, options: PrepareOptions) -> list[ManifestRow]:
    detections = saved_detections(clip, options)
    if detections is None:
        detections = detect(clip, options, backend(options.landmarks))
        save_detections(clip, options, detections)
    parts = filter_clip(clip, detections, options)
    kept = [part for part in parts if not part.reasons]
    if kept:
        write_clips(clip, kept, detections, options)
    parts = [part if part.reasons else write_sound(clip, part, detections, options) for part in parts]
    return [row_of(clip, part, options, detections) for part in parts]


@cache
def backend(landmarks: str) -> FaceLandmarker:
    """Loaded once in each process; `ValueError` where the backend is not there."""
    return landmarker(landmarks, windows=True)
