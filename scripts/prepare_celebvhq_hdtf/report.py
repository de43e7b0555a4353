"""The page that shows what was prepared, in numbers and images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from faceanim.data.manifest import ManifestRow
from faceanim.data.quality import Scores
from faceanim.media.image import write_image
from faceanim.pages.page import data_uri, svg, write_page
from scripts.prepare_celebvhq_hdtf.contact_sheet import accepted_sheet, rejected_sheet
from scripts.prepare_celebvhq_hdtf.coverage import coverage_line
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import PARTS, Release

_BINS = 20
_DROPPED_BY = {  # the option of each limit: how its reason begins
    "min_seconds": "too short",
    "min_face_rate": "face found in",
    "min_face_size": "face too small",
    "min_sharpness": "face not sharp",
    "max_second_face_rate": "second face in",
    "max_duplicate_rate": "frozen or repeated in",
    "max_padding": "crop over the border",
}


def write_report(
    folder: Path, release: Release, rows: Sequence[ManifestRow], options: PrepareOptions
) -> Path:
    """Write `report.html`, which needs no other file, and its sheets as contact_sheet.png, rejected_sheet.png."""
    kept, dropped = [row for row in rows if row.keep], [row for row in rows if not row.keep]
    clip_of = {}
    for clip in release.clips:
        clip_of |= {clip.name: clip, **{f"{clip.name}_{part}": clip for part in PARTS}}
    sheets = {
        "contact_sheet.png": ("Kept", accepted_sheet(folder, kept)),
        "rejected_sheet.png": ("Dropped", rejected_sheet(dropped, clip_of, options)),
    }
    shown = []
    for name, (title, sheet) in sheets.items():
        if sheet is None:
            (folder / name).unlink(missing_ok=True)
            continue
        write_image(folder / name, sheet)
        shown.append((title, data_uri((folder / name).read_bytes(), "image/png")))
    histograms, constant = _histograms(kept, dropped)
    return write_page(
        folder / "report.html",
        "preparation.html",
        source=options.source,
        terms=release.terms,
        coverage=coverage_line(release),
        n_kept=len(kept),
        n_dropped=len(dropped),
        notes=release.notes,
        splits=_splits(kept),
        faulty=[row for row in kept if row.audio_fault],
        reasons=_reasons(dropped),
        histograms=histograms,
        constant=constant,
        sheets=shown,
        settings=_settings(options, dropped),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def reason_head(row: ManifestRow) -> str:
    """The first reason without what differs from clip to clip."""
    head = row.drop_reasons.split("; ")[0].split(":")[0]
    return " ".join(word for word in head.split() if not word[0].isdigit())


def _splits(kept: list[ManifestRow]) -> list[tuple]:
    lines = []
    for split in sorted({row.split for row in kept}):
        clips = [row for row in kept if row.split == split]
        minutes = sum(row.n_frames / row.fps for row in clips) / 60
        people, sound = len({row.identity for row in clips}), sum(bool(row.audio_path) for row in clips)
        frames = sum(row.n_frames for row in clips)
        lines.append((split, len(clips), people, frames, f"{minutes:.1f}", sound))
    return lines


def _reasons(dropped: list[ManifestRow]) -> list[tuple]:
    counted = Counter(reason_head(row) for row in dropped)
    examples = {reason_head(row): f"{row.clip_id}: {row.drop_reasons}" for row in reversed(dropped)}
    return [(head, n, examples[head]) for head, n in counted.most_common()]


def _settings(options: PrepareOptions, dropped: list[ManifestRow]) -> list[tuple]:
    """Every option that shapes the clips; no place of this machine."""
    reasons = [row.drop_reasons.split("; ") for row in dropped]
    lines = []
    for name, value in options.shaping().items():
        value = options.val_share if name == "val" else value
        head = _DROPPED_BY.get(name)
        count = sum(any(one.startswith(head) for one in some) for some in reasons) if head else ""
        lines.append((name, "null" if value is None else str(value), count))
    return lines


def _histograms(
    kept: list[ManifestRow], dropped: list[ManifestRow]
) -> tuple[list[tuple[str, Markup]], list[str]]:
    """A plot per score, as (caption, plot), and the scores that are the same for all clips; only of clips that got as
    far as a crop."""
    measured = [row for row in dropped if row.crop_size]
    drawn, constant = [], []
    for name in (field.name for field in fields(Scores)):
        values = [np.array([getattr(row, name) for row in some]) for some in (kept, measured)]
        together = np.concatenate(values)
        if not len(together):
            continue
        if np.ptp(together) == 0:
            constant.append(f"{name} {together[0]:.3g}")
            continue
        edges = np.histogram_bin_edges(together, _BINS)
        figure = Figure((2.0, 0.6), layout="constrained")
        axes = figure.subplots()
        axes.hist(values, edges, stacked=True, color=("#3b7", "#d65"), rwidth=0.9)  # kept below dropped
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.set(xticks=[], yticks=[])
        drawn.append((f"{name}: {edges[0]:.3g} to {edges[-1]:.3g}", svg(figure)))
    return drawn, constant
