"""This evaluation's figures next to those of others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceanim.media.video_files import utf8_name
from faceanim.metrics.clip_record import ClipRecord, parsed
from faceanim.metrics.evaluation_report import FILE, EvaluationReport, Figure, most_frames
from faceanim.metrics.families import METRICS
from faceanim.metrics.paired import difference
from faceanim.metrics.protocol import Stamp
from faceanim.pages.page import number


@dataclass(frozen=True)
class OtherEvaluation:
    """records: of its clips, by id; empty if they are missing."""

    report: EvaluationReport
    records: dict[str, ClipRecord]


def read_evaluation(folder: str | Path) -> OtherEvaluation:
    """A finished evaluation; ValueError if there is none."""
    try:
        report = EvaluationReport.read(Path(folder) / FILE)
        assert report.metrics["nme"]["generated"]
        files = sorted((Path(folder) / "clips").glob("*.json"))
        records = [parsed(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"compare: expected the folder of a finished evaluation, got {folder} ({type(error).__name__}: {error})"
        ) from error
    stamp = Stamp(report.protocol_hash, report.data_hash)
    return OtherEvaluation(report, {record.clip_id: record for record in records if record.stamp == stamp})


def comparison(
    report: EvaluationReport, records: Sequence[ClipRecord], others: Mapping[str, OtherEvaluation]
) -> dict[str, Any]:
    """For the page: the generated figures of other evaluations, by folder, whether they are comparable, and how sure
    the difference then is."""
    last = [Path(name).name for name in others]
    names = [end if end and last.count(end) == 1 else name for name, end in zip(others, last, strict=True)]
    differ = [differences(report, other.report) for other in others.values()]
    rows = []
    for name, spec in METRICS.items():
        ours = report.metrics[name]["generated"]
        theirs = [other.report.metrics.get(name, {}).get("generated") for other in others.values()]
        if all(figure is None or figure.value is None for figure in (ours, *theirs)):
            continue
        same = [figure for figure, differs in zip(theirs, differ, strict=True) if figure and not differs]
        most = most_frames([ours, *same])
        cells = [
            None if figure is None else _cell(name, figure, differs, most, report, records, other)
            for figure, differs, other in zip(theirs, differ, others.values(), strict=True)
        ]
        rows.append({"title": spec.title, "ours": ours, "of": _of(ours, most), "others": cells})
    shown = [
        {"name": utf8_name(name), "differs": differs, "faces": _faces(other.report)}
        for name, differs, other in zip(names, differ, others.values(), strict=True)
    ]
    return {"others": shown, "faces": _faces(report), "compared": rows}


def _cell(
    metric: str,
    figure: Figure,
    differs: list[str],
    most: int,
    report: EvaluationReport,
    records: Sequence[ClipRecord],
    other: OtherEvaluation,
) -> dict[str, Any]:
    """The other's figure and, if comparable, what this evaluation has more; nothing for metrics of sets, which have no
    figure for each clip."""
    if figure.value is None or differs:
        return {"figure": figure, "of": None, "gain": [], "left_out": None}
    pairs = [
        ((record, "generated"), (other.records[record.clip_id], "generated"))
        for record in records
        if record.clip_id in other.records
    ]
    protocol = report.protocol
    found = difference(metric, pairs, report.same_person, protocol["resamples"], protocol["bootstrap_seed"])
    gain, left_out = [], None
    if found.score.value is not None:
        interval = found.score.interval
        sure = "" if interval is None else " ({:+.3g} to {:+.3g})".format(*interval)
        gain.append(f"{found.score.value:+.3g}{sure}")
    if found.frames_left_out:
        clips = f", {found.clips_left_out} whole clips" if found.clips_left_out else ""
        left_out = f"left out: {found.frames_left_out}{clips}"
    return {
        "figure": replace(figure, interval=None),
        "of": _of(figure, most),
        "gain": gain,
        "left_out": left_out,
    }


def _of(figure: Figure, most: int) -> int | None:
    return most if figure.n < most else None


def _faces(report: EvaluationReport) -> str | None:
    figure = report.metrics.get("face_found_rate", {}).get("generated")
    return None if figure is None or figure.value is None else number(figure.value)


def differences(report: EvaluationReport, other: EvaluationReport) -> list[str]:
    """Why the figures of two evaluations are not comparable; empty if they are."""
    ours, theirs = report.protocol, other.protocol
    found = [f"protocol.{name}" for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
    if not found and report.protocol_hash != other.protocol_hash:
        found = ["protocol"]
    return found + (["the clips measured"] if report.data_hash != other.data_hash else [])
