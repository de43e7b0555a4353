"""Coverage of the data set: which of its clips are kept, dropped, missing or unusable, and why."""

import csv
from collections.abc import Sequence
from pathlib import Path

from faceanim.data.manifest import ManifestRow
from faceanim.media.files import atomic_path
from scripts.prepare_celebvhq_hdtf.sources import Release

COVERAGE_NAME = "coverage.csv"
_SHOWN = 5


def coverage_line(release: Release) -> str:
    """How much of the data set was found, and how a video that is missing should be called."""
    missing = [absent for absent in release.absent if absent.reason == "missing"]
    unusable = len(release.absent) - len(missing)
    total = len(release.clips) + len(release.absent)
    line = f"{total} clips listed: {len(release.clips)} found, {len(missing)} missing, {unusable} unusable"
    if missing:
        some = ", ".join(sorted({absent.source_id for absent in missing})[:_SHOWN])
        line += f"; videos are expected as {release.naming}, missing for example those of {some}"
    return line


def write_coverage(folder: Path, release: Release, rows: Sequence[ManifestRow]) -> Path:
    """Write `coverage.csv`: clip_id, source_id, status (kept, dropped, missing, unusable) and reason of each."""
    lines = [
        (row.clip_id, row.source_id, "kept" if row.keep else "dropped", row.drop_reasons) for row in rows
    ]
    for absent in release.absent:
        status, _, reason = absent.reason.partition(": ")
        lines.append((absent.name, absent.source_id, status, reason))
    return write_lines(folder, lines)


def write_lines(folder: Path, lines: Sequence[tuple[str, ...]]) -> Path:
    """Write the lines (clip_id, source_id, status, reason), sorted."""
    path = folder / COVERAGE_NAME
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip_id", "source_id", "status", "reason"])
        writer.writerows(sorted(lines))
    return path
