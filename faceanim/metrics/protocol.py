"""What exactly was measured: without a protocol there is no result."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

REFERENCES = ("source", "clip")


@dataclass(frozen=True)
class Protocol:
    """All choices that shape the numbers of an evaluation; the values stand in conf/protocol/.

    reference: the reference image is the first frame of the earliest prepared clip of the same source video
    ("source"), or the clip's own first frame ("clip"). split: of the prepared clips that are evaluated.
    max_frames: at most so many from each clip's start, None for all. steps, guidance_scale, seed: of the
    sampling. landmarks: the backend that finds the faces in real and generated frames alike. version: counts
    changes of what this name stands for. split and the sampling are None for videos made elsewhere.
    """

    name: str
    reference: str
    split: str | None
    max_frames: int | None
    steps: int | None
    guidance_scale: float | None
    seed: int | None
    landmarks: str
    version: int

    def __post_init__(self) -> None:
        if self.reference not in REFERENCES:
            raise ValueError(
                f"protocol.reference: expected one of {', '.join(REFERENCES)}, got {self.reference!r}"
            )
        for name in ("max_frames", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"protocol.{name}: expected 1 or more, got {value}")

    def for_videos(self) -> Self:
        """The protocol for videos made elsewhere: how, is unknown; all of each video is measured."""
        return dataclasses.replace(
            self,
            name="predictions",
            reference="clip",
            split=None,
            max_frames=None,
            steps=None,
            guidance_scale=None,
            seed=None,
        )

    def fingerprint(self, clips: Iterable[tuple[str, str]]) -> str:
        """sha256 of the canonical JSON of all fields and of the clips: (clip id, hash of its content)."""
        content = {"protocol": dataclasses.asdict(self), "clips": sorted([list(clip) for clip in clips])}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
