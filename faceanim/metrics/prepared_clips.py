"""The prepared clips that a protocol names, and the reference of each. T: frames; H, W: pixels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.data.prepared_folder import earliest_of_source, load_clip, read_reference
from faceanim.media.files import files_hash
from faceanim.media.sound import read_soundtrack
from faceanim.metrics.protocol import Protocol
from faceanim.pose.repair import fill_gaps
from faceanim.pose.sequence import PoseSequence


class MissingClip(NamedTuple):
    """A clip of the protocol that is not measured, and why."""

    clip_id: str
    reason: str


@dataclass(frozen=True)
class Job:
    """The driving clip, and the clip whose first frame is the reference image."""

    driving: ManifestRow
    reference: ManifestRow
    same_person: bool


class PreparedClips:
    """The jobs of a protocol, by name, and which of its clips are missing.

    With reference=source, the reference is the first frame of the earliest kept clip, of whatever split, that was cut
    from the same raw video (`source_path`, `source_start_frame`): where clips are split by time, an image that
    training has seen, while the motion is held out.
    """

    def __init__(self, folder: str | Path, protocol: Protocol) -> None:
        self.folder = Path(folder)
        self.missing: list[MissingClip] = []
        rows = {row.clip_id: row for row in read_manifest(folder, verify=True)}
        kept = [row for row in rows.values() if row.keep]
        if protocol.task == "cross":
            self.jobs = self._pairs(protocol, rows, kept)
        else:
            own = protocol.reference == "clip"
            self.jobs = {
                row.clip_id: Job(row, row if own else earliest_of_source(row, kept), True)
                for row in self._chosen(protocol, rows, kept)
            }
        if not self.jobs:
            reasons = f", first {self.missing[0].clip_id} ({self.missing[0].reason})" if self.missing else ""
            raise ValueError(
                f"protocol {protocol.name}: none of its clips is in {folder}: {len(self.missing)} missing{reasons}"
            )
        for job in self.jobs.values():
            _check(job.driving, protocol)

    def content_hash(self, name: str) -> str:
        """Of the clip, its landmarks and its reference, as the files are now."""
        job = self.jobs[name]
        names = [file for row in (job.driving, job.reference) for file in (row.path, row.landmarks_path)]
        return files_hash(self.folder, [self.folder / file for file in names])

    def read(self, name: str, max_frames: int | None) -> tuple[np.ndarray, PoseSequence]:
        """The driving clip's frames (T, H, W, 3) and landmarks, gaps filled."""
        clip = load_clip(self.folder, self.jobs[name].driving, max_frames)
        return clip.frames, fill_gaps(clip.poses)

    def read_reference(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The reference image (H, W, 3) and its landmarks (68, 2)."""
        return read_reference(self.folder, self.jobs[name].reference)

    def read_sound(self, name: str, seconds: float) -> np.ndarray | None:
        """The driving clip's sound from its start on, mono at 16 kHz; None if it has none."""
        row = self.jobs[name].driving
        return read_soundtrack(self.folder / row.audio_path, seconds=seconds) if row.audio_path else None

    def _chosen(
        self, protocol: Protocol, rows: dict[str, ManifestRow], kept: list[ManifestRow]
    ) -> list[ManifestRow]:
        if protocol.clips is not None:
            found = [self._find(name, rows) for name in protocol.clips]
            return [row for row in found if row is not None]
        chosen = [row for row in kept if row.split == protocol.split]
        if not chosen:
            splits = ", ".join(sorted({row.split for row in kept})) or "no clip at all"
            raise ValueError(
                f"protocol.split: no clip of split {protocol.split!r} in {self.folder}, got {splits}"
            )
        return chosen

    def _pairs(
        self, protocol: Protocol, rows: dict[str, ManifestRow], kept: list[ManifestRow]
    ) -> dict[str, Job]:
        if protocol.pairs is None:
            pairs = paired(self._chosen(protocol, rows, kept), protocol.pairing_seed)
        else:
            names = dict.fromkeys(name for pair in protocol.pairs for name in pair)
            found = {name: self._find(name, rows) for name in names}
            pairs = [(found[a], found[b]) for a, b in protocol.pairs if found[a] and found[b]]
        return {f"{a.clip_id}--{b.clip_id}": Job(b, a, False) for a, b in pairs}

    def _find(self, name: str, rows: dict[str, ManifestRow]) -> ManifestRow | None:
        """The kept clip of this id or, of a source video of this id, the first in the order of ids."""
        meant = [rows[name]] if name in rows else [row for row in rows.values() if row.source_id == name]
        kept = [row for row in meant if row.keep]
        if not kept:
            reason = f"dropped: {meant[0].drop_reasons}" if meant else "not in the index"
            self.missing.append(MissingClip(name, reason))
            return None
        return min(kept, key=lambda row: row.clip_id)


def paired(rows: list[ManifestRow], seed: int) -> list[tuple[ManifestRow, ManifestRow]]:
    """Each clip as a reference, once, with the next clip of another person in an order that the seed shuffles."""
    order = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}:{row.clip_id}".encode()).hexdigest())
    person = {row.clip_id: row.identity or row.source_path for row in rows}
    pairs = []
    for k, row in enumerate(order):
        others = [*order[k + 1 :], *order[:k]]
        other = next((o for o in others if person[o.clip_id] != person[row.clip_id]), None)
        if other is None:
            raise ValueError("protocol.task=cross: expected clips of two people or more, got one")
        pairs.append((row, other))
    return sorted(pairs, key=lambda pair: pair[0].clip_id)


def _check(row: ManifestRow, protocol: Protocol) -> None:
    if protocol.fps is not None and abs(row.fps - protocol.fps) > 0.01:
        raise ValueError(
            f"clip {row.clip_id}: protocol.fps expects {protocol.fps} frames/s, got {row.fps}; prepare with "
            f"fps={protocol.fps}"
        )
    if protocol.size is not None and (row.width, row.height) != (protocol.size, protocol.size):
        raise ValueError(
            f"clip {row.clip_id}: protocol.size expects {protocol.size}x{protocol.size} pixels, got "
            f"{row.width}x{row.height}; prepare with size={protocol.size}"
        )
