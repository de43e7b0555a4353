"""This run's figures beside those of other runs."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceanim.media.video_files import utf8_name
from faceanim.metrics.clip_record import ClipRecord, parsed
from faceanim.metrics.families import METRICS
from faceanim.metrics.paired import difference
from faceanim.metrics.protocol import Stamp
from faceanim.metrics.report_cells import cell, most, number


@dataclass(frozen=True)
class OtherRun:
    """Another evaluation. content: its metrics.json. records: of its clips, by id; empty where they are not there."""

    content: dict[str, Any]
    records: dict[str, ClipRecord]


def read_run(folder: str | Path) -> OtherRun:
    """A finished evaluation; ValueError where there is none."""
    path = Path(folder) / "metrics.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["metrics"]["nme"]["generated"]["value"]
        files = sorted((Path(folder) / "clips").glob("*.json"))
        records = [parsed(json.loads(file.read_text(encoding="utf-8"))) for file in files]
        stamp = Stamp(content["protocol_hash"], content["data_hash"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"compare: expected the folder of a finished evaluation, got {folder} ({type(error).__name__}: {error})"
        ) from error
    return OtherRun(content, {record.clip_id: record for record in records if record.stamp == stamp})


def beside_others(
    content: dict[str, Any], records: Sequence[ClipRecord], others: Mapping[str, OtherRun]
) -> str:
    """The generated figures of other runs, by folder, whether they compare, and how sure the difference then is."""
    head, notes = f"<th class=n>this run{_faces(content)}", []
    others = {utf8_name(name): other for name, other in others.items()}
    last = [Path(name).name for name in others]
    others = {
        end if end and last.count(end) == 1 else name: others[name]
        for name, end in zip(others, last, strict=True)
    }
    for name, other in others.items():
        differs = differences(content, other.content)
        head += (
            f"<th class=n>{html.escape(name)}<small>{'not comparable' if differs else 'comparable'}</small>"
            f"{_faces(other.content)}"
        )
        if differs:
            notes.append(f"<li>{html.escape(name)} differs in {html.escape(', '.join(differs))}")
    rows = []
    for name, info in METRICS.items():
        ours = content["metrics"][name]["generated"]
        theirs = [other.content["metrics"].get(name, {}).get("generated") for other in others.values()]
        if all(score is None or score["value"] is None for score in (ours, *theirs)):
            continue
        same = [
            s
            for s, o in zip(theirs, others.values(), strict=True)
            if s and not differences(content, o.content)
        ]
        frames = most([ours, *same])
        cells = cell(ours | {"common": None}, of=frames if ours["n"] < frames else None)
        for score, other in zip(theirs, others.values(), strict=True):
            if score is None:
                cells += "<td class=n>–"
            elif score["value"] is None or differences(content, other.content):
                cells += cell(score | {"common": None})
            else:
                shown = score | {"common": None, "interval": None}
                cells += cell(shown, of=frames if score["n"] < frames else None) + _gain(
                    name, content, records, other
                )
        rows.append(f"<tr><td>{info.title}{cells}")
    listed = f"<ul>{''.join(notes)}</ul>" if notes else ""
    return (
        "<h2>Beside other runs</h2><p class=soft>Where they compare: this run's figure less theirs over the frames "
        "in which both have one, with the 95% interval over the clips of both; an interval without 0 is more than "
        "chance. What only one of the two has, such as frames in which the other lost the face, is left out and "
        "counted: read it beside the faces found.</p>"
        f"<div class=wide><table><tr><th>metric{head}{''.join(rows)}</table></div>{listed}"
    )


def _gain(metric: str, content: dict[str, Any], records: Sequence[ClipRecord], other: OtherRun) -> str:
    """What this run has more than the other; nothing for metrics of sets, which have no figure for each clip."""
    protocol = content["protocol"]
    pairs = [
        ((record, "generated"), (other.records[record.clip_id], "generated"))
        for record in records
        if record.clip_id in other.records
    ]
    found = difference(
        metric, pairs, protocol["task"] == "self", protocol["resamples"], protocol["bootstrap_seed"]
    )
    said = []
    if found.score.value is not None:
        interval = found.score.interval
        said.append(
            f"{found.score.value:+.3g}"
            + ("" if interval is None else " ({:+.3g} to {:+.3g})".format(*interval))
        )
    if found.frames_left_out:
        clips = f", {found.clips_left_out} whole clips" if found.clips_left_out else ""
        said.append(f"<b class=few>left out: {found.frames_left_out}{clips}</b>")
    return "".join(f"<small>{line}</small>" for line in said)


def _faces(content: dict[str, Any]) -> str:
    rate = content["metrics"].get("face_found_rate", {}).get("generated", {}).get("value")
    return "" if rate is None else f"<small>faces found {number(rate)}</small>"


def differences(content: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Why the figures of two runs do not compare: nothing where they do."""
    fields = sorted(set(content["protocol"]) | set(other.get("protocol", {})))
    ours, theirs = content["protocol"], other.get("protocol", {})
    found = [f"protocol.{name}" for name in fields if ours.get(name) != theirs.get(name)]
    if not found and content["protocol_hash"] != other["protocol_hash"]:
        found = ["protocol"]
    return found + (["the clips measured"] if content["data_hash"] != other["data_hash"] else [])
