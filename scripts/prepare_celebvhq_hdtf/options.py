"""Options of the preparation; their values and explanations are in conf/prepare.yaml."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceanim import __version__
from faceanim.bounds import above, at_least
from faceanim.media.colour import check_untagged
from scripts.prepare_celebvhq_hdtf.readers import READERS

_VAL = 0.05  # share for val, unless it is chosen
_FIRST_PASS = ("landmarks", "fps", "max_frames")  # what the first pass over a video depends on
_ELSEWHERE = (
    "raw",
    "meta",
    "output",
    "workers",
    "backend",
    "address",
    "identity",
    "shard",
)  # what no clip depends on


@dataclass(frozen=True)
class PrepareOptions:
    """Checked on construction: wrong values are `ValueError`s that name the option."""

    source: str
    raw: str
    meta: str | None
    output: str
    landmarks: str
    size: int
    fps: float | None
    colour: str
    crf: float
    margin: float
    split_by: str | None
    holdout: float
    min_seconds: float
    min_face_rate: float
    min_face_size: float
    min_sharpness: float
    max_second_face_rate: float
    max_duplicate_rate: float
    max_padding: float
    max_frames: int
    time_limit: float
    workers: int | None
    backend: str
    address: str | None
    val: float | None = None  # the latest ones have defaults
    identity: str | None = None
    shard: str | None = None

    def __post_init__(self) -> None:
        if self.source not in READERS:
            raise ValueError(f"source: expected one of {', '.join(READERS)}, got {self.source}")
        if self.meta is None and self.source in ("celebvhq", "hdtf"):
            raise ValueError(f"meta: expected where the annotations of source={self.source} are")
        if self.meta is not None and self.source == "folder":
            raise ValueError("meta: expected null with source=folder, which has no annotations")
        if self.size < 16 or self.size % 2:
            raise ValueError(f"size: expected an even number of pixels from 16 on, got {self.size}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"fps: expected a rate above 0 and at most 1000, or null, got {self.fps}")
        check_untagged(self.colour)
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf: expected 0 to 51, got {self.crf}")
        if self.split_by not in (None, "clip", "time"):
            raise ValueError(f"split_by: expected clip or time, got {self.split_by}")
        if self.split_by == "time" and self.source != "folder":
            raise ValueError(f"split_by: expected clip with source={self.source}, got time")
        if self.identity is not None and self.source != "folder":
            raise ValueError(f"identity: expected null with source={self.source}, got {self.identity}")
        if self.identity not in (None, "folder") and not self.identity.lower().endswith(".csv"):
            raise ValueError(f"identity: expected folder, a .csv file or null, got {self.identity}")
        k, _, n = (self.shard or "1/1").partition("/")
        if not (k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n)):
            raise ValueError(f"shard: expected <number>/<how many> such as 3/16, or null, got {self.shard}")
        if not 0 <= self.holdout < 1 or (self.split_by == "time" and self.holdout == 0):
            raise ValueError(f"holdout: expected from 0 (time: above 0) to below 1, got {self.holdout}")
        if self.val is not None and not 0 <= self.val < 1 - self.holdout:
            rest = 1 - self.holdout
            raise ValueError(f"val: expected from 0 to below 1 - holdout = {rest:g}, got {self.val:g}")
        for name in ("margin", "min_seconds", "min_face_size", "min_sharpness", "workers"):
            at_least(0, **{name: getattr(self, name)})
        for name in ("min_face_rate", "max_second_face_rate", "max_duplicate_rate", "max_padding"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a share from 0 to 1, got {getattr(self, name)}")
        at_least(1, max_frames=self.max_frames)
        above(0, time_limit=self.time_limit)
        if self.backend not in ("processes", "ray"):
            raise ValueError(f"backend: expected processes or ray, got {self.backend}")
        if self.address is not None and self.backend != "ray":
            raise ValueError(f"address: expected null with backend={self.backend}, got {self.address}")

    @property
    def val_share(self) -> float:
        return min(_VAL, (1 - self.holdout) / 2) if self.val is None else self.val

    @property
    def output_folder(self) -> Path:
        return Path(self.output)

    def shaping(self) -> dict[str, Any]:
        """The options that clips and their splits depend on, by name."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in _ELSEWHERE}

    def fingerprint(self) -> str:
        """A hash of all that shapes a clip, this tool's version included."""
        no_matter = ("val",) if self.split_by == "clip" else ()
        no_matter += ("colour",) if self.colour == "auto" else ()  # older folders do not know it
        return _hash({k: v for k, v in self.shaping().items() if k not in no_matter})

    def first_pass_fingerprint(self) -> str:
        """A hash of what the first pass depends on, so that other thresholds need no other pass."""
        names = _FIRST_PASS if self.colour == "auto" else (*_FIRST_PASS, "colour")
        return _hash({name: getattr(self, name) for name in names})


def _hash(shaping: dict) -> str:
    return hashlib.sha256(json.dumps([__version__, shaping], sort_keys=True).encode()).hexdigest()[:16]
