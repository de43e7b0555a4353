"""One page that tells what was prepared and lets one judge it by looking."""

import base64
import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from faceanim import __version__
from faceanim.data.manifest import ManifestRow
from faceanim.data.quality import Scores
from faceanim.media.files import atomic_path
from faceanim.media.image import write_image
from scripts.prepare_celebvhq_hdtf.contact_sheet import accepted_sheet, rejected_sheet
from scripts.prepare_celebvhq_hdtf.coverage import coverage_line
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import PARTS, Release

_STYLE = """body { font: 15px/1.5 sans-serif; max-width: 1200px; margin: 2em auto; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em .8em; border-bottom: 1px solid #ddd;
text-align: left } td.n { text-align: right } img { max-width: 100% }
figure { display: inline-block; margin: .5em 1em } svg { border-bottom: 1px solid #888 }"""
_BINS, _BAR_HEIGHT = 20, 60
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
    parts = [f"<h1>Preparation of {html.escape(options.source)}</h1>", f"<p>{html.escape(release.terms)}</p>"]
    parts += [
        f"<p>{html.escape(coverage_line(release))}; {len(kept)} clips kept, {len(dropped)} dropped.</p>"
    ]
    parts += [f"<p>{html.escape(note)}</p>" for note in release.notes]
    parts += [
        _table(("split", "clips", "people or videos", "frames", "minutes", "with sound"), _splits(kept))
    ]
    faulty = [row for row in kept if row.audio_fault]
    if faulty:
        example = f"{faulty[0].clip_id}: {faulty[0].audio_fault}"
        parts += [
            f"<p>Kept without their sound, which cannot be read: {len(faulty)}; {html.escape(example)}</p>"
        ]
    if dropped:
        parts += [
            "<h2>Why clips were dropped</h2>",
            _table(("reason", "clips", "example"), _reasons(dropped)),
        ]
    parts += ["<h2>Scores</h2>", _histograms(kept, dropped)]
    for name, (title, sheet) in sheets.items():
        if sheet is None:
            (folder / name).unlink(missing_ok=True)
            continue
        write_image(folder / name, sheet)
        parts += [f"<h2>{title}</h2>", _image((folder / name).read_bytes())]
    parts += [
        "<h2>Settings</h2>",
        _table(("option", "value", "clips dropped by it"), _settings(options, dropped)),
    ]
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts += [f"<p>faceanim {__version__}, {written}</p>"]
    page = f"<!DOCTYPE html><meta charset=utf-8><title>Preparation</title><style>{_STYLE}</style>"
    path = folder / "report.html"
    with atomic_path(path) as temporary:
        temporary.write_text(page + "\n".join(parts) + "\n", encoding="utf-8")
    return path


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


def _table(head: tuple[str, ...], lines: list[tuple]) -> str:
    rows = ["".join(f"<th>{html.escape(name)}" for name in head)]
    rows += [
        "".join(f"<td{' class=n' * (not isinstance(v, str))}>{html.escape(str(v))}" for v in line)
        for line in lines
    ]
    return "<table>" + "".join(f"<tr>{row}" for row in rows) + "</table>"


def _histograms(kept: list[ManifestRow], dropped: list[ManifestRow]) -> str:
    """One small drawing a score, kept below and dropped on top; only clips that got as far as a crop."""
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
        counts = np.stack([np.histogram(some, edges)[0] for some in values])
        drawn.append(
            f"<figure>{_bars(counts)}<figcaption>{name}: {edges[0]:.3g} to {edges[-1]:.3g}</figcaption></figure>"
        )
    alike = f"<p>The same for all: {', '.join(constant)}.</p>" if constant else ""
    return "<p>Green: kept. Red: dropped.</p>" + "".join(drawn) + alike


def _bars(counts_2B: np.ndarray) -> str:
    heights = counts_2B * (_BAR_HEIGHT / max(1, counts_2B.sum(axis=0).max()))
    bars = []
    for k, (green, red) in enumerate(heights.T):
        for height, below, colour in ((green, 0.0, "#3b7"), (red, green, "#d65")):
            y = _BAR_HEIGHT - below - height
            bars.append(f'<rect x="{10 * k}" y="{y:.1f}" width="9" height="{height:.1f}" fill="{colour}"/>')
    return f'<svg width="{10 * _BINS}" height="{_BAR_HEIGHT}">{"".join(bars)}</svg>'


def _image(content: bytes) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(content).decode()}">'
