"""The protocol of an evaluation: what exactly is measured, and how. There is no result without one."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self, get_args

from faceanim.bounds import above, at_least
from faceanim.pose.retarget import Mode

TASKS = ("self", "cross")
CROPS = ("stabilised_square", "none")
REFERENCES = ("source", "clip")
IDENTITIES = ("dlib", "arcface")
FVD_NETWORKS = ("i3d", "videomae")
RETARGETS = get_args(Mode)


@dataclass(frozen=True)
class Protocol:
    """All choices that shape the numbers of an evaluation; the values are in conf/protocol/.

    task: the reference's own clip gives the motion and is what should come out (self), or another person's clip gives
    the motion (cross).
    reference: the reference image is the first frame of the earliest prepared clip of the same source video
    ("source"), or the clip's own first frame ("clip").
    split: of the prepared clips that are evaluated. clips: their frozen ids, or those of source videos, whose first
    clip is meant; None: all of the split. pairs, of cross: (clip whose first frame is the reference, clip that drives);
    None: drawn by pairing_seed from the clips.
    retarget: how the driving landmarks are brought onto the reference's face, see `retarget`.
    max_frames: at most so many from each clip's start, None for all. fps, size (pixels, square): what clips must have,
    None: whatever they have. crop: how clips were cut from their videos: stabilised_square is the preparation's; none
    where nothing is known.
    steps, guidance_scale, seed: of the sampling.
    landmarks: the backend that finds the faces in real and generated frames alike. identity: the face embedding;
    identity_every: of so many frames one is embedded. fvd_network, fvd_frames: FVD's network, and how many frames it
    sees at a time.
    extractors: by name, the sha256 of the weights of the networks that measure; other files are refused.
    resamples, bootstrap_seed: of the confidence intervals. version: counts changes of what this name stands for.
    """

    name: str
    version: int
    task: str = "self"
    reference: str = "clip"
    split: str | None = None
    clips: list[str] | None = None
    pairs: list[list[str]] | None = None
    pairing_seed: int = 0
    retarget: str = "absolute"
    max_frames: int | None = None
    fps: float | None = None
    size: int | None = None
    crop: str = "none"
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    landmarks: str = "dlib"
    identity: str = "dlib"
    identity_every: int = 1
    fvd_network: str = "i3d"
    fvd_frames: int = 16
    extractors: dict[str, str] = field(default_factory=dict)
    resamples: int = 1000
    bootstrap_seed: int = 0

    def __post_init__(self) -> None:
        choices = {
            "task": TASKS,
            "crop": CROPS,
            "reference": REFERENCES,
            "retarget": RETARGETS,
            "identity": IDENTITIES,
            "fvd_network": FVD_NETWORKS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"protocol.{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        for name in ("max_frames", "steps", "size", "identity_every", "fvd_frames", "resamples"):
            at_least(1, "protocol.", **{name: getattr(self, name)})
        above(0, "protocol.", fps=self.fps)
        for name in ("guidance_scale", "seed", "pairing_seed", "bootstrap_seed"):
            at_least(0, "protocol.", **{name: getattr(self, name)})
        for name, value in self.extractors.items():
            if not re.fullmatch(r"[0-9a-f]{64}", value or ""):
                raise ValueError(f"protocol.extractors.{name}: expected a sha256, got {value!r}")
        ids = [*(self.clips or []), *("/".join(pair) for pair in self.pairs or [])]
        if len(set(ids)) < len(ids) or any(len(pair) != 2 for pair in self.pairs or []):
            raise ValueError("protocol.clips, protocol.pairs: expected each clip, or pair of two clips, once")
        if self.pairs is not None and self.task != "cross":
            raise ValueError("protocol.pairs: expected task=cross")

    def for_videos(self) -> Self:
        """The protocol for videos made elsewhere, in an unknown way; all of each video is measured."""
        unknown = ("split", "clips", "pairs", "max_frames", "steps", "guidance_scale", "seed", "fps", "size")
        return dataclasses.replace(
            self,
            name="predictions",
            task="self",
            reference="clip",
            retarget="absolute",
            crop="none",
            **dict.fromkeys(unknown),
        )

    @property
    def hash(self) -> str:
        """sha256 of the canonical JSON of all fields."""
        return _hash(dataclasses.asdict(self))

    def stamp(self, clips: Iterable[tuple[str, str]]) -> "Stamp":
        """The stamp of results on these clips, given as (clip id, hash of its content)."""
        return Stamp(self.hash, _hash(sorted([list(clip) for clip in clips])))


@dataclass(frozen=True)
class Stamp:
    """The two sha256 hashes in every result: figures are comparable if both are the same.

    protocol: of all choices. data: of the clips that were measured, with their contents, whatever their order.
    """

    protocol: str
    data: str

    def __post_init__(self) -> None:
        for name in ("protocol", "data"):
            if not re.fullmatch(r"[0-9a-f]{64}", getattr(self, name)):
                raise ValueError(
                    f"a result needs its {name} hash: expected a sha256, got {getattr(self, name)!r}"
                )


def _hash(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
