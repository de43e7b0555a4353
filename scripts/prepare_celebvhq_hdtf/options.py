"""What can be chosen when preparing clips; the values stand in conf/prepare.yaml, where each is explained."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from faceanim import __version__


@dataclass(frozen=True)
class PrepareOptions:
    """Checked on construction: wrong values are `ValueError`s that name the option."""

    source: str
    raw: str
    output: str
    landmarks: str
    size: int
    fps: float | None
    crf: float
    margin: float
    split_by: str
    holdout: float
    min_frames: int
    min_face_rate: float
    max_frames: int

    def __post_init__(self) -> None:
        if self.source in ("celebvhq", "hdtf"):
            raise ValueError(
                f"source={self.source} is not available in this version, which prepares source=folder only"
            )
        if self.source != "folder":
            raise ValueError(f"source: expected folder, got {self.source}")
        if self.size < 16 or self.size % 2:
            raise ValueError(f"size: expected an even number of pixels from 16 on, got {self.size}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"fps: expected a rate above 0 and at most 1000, or null, got {self.fps}")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf: expected 0 to 51, got {self.crf}")
        if self.margin < 0:
            raise ValueError(f"margin: expected 0 or more, got {self.margin}")
        if self.split_by not in ("clip", "time"):
            raise ValueError(f"split_by: expected clip or time, got {self.split_by}")
        if not 0 <= self.holdout < 1 or (self.split_by == "time" and self.holdout == 0):
            raise ValueError(f"holdout: expected from 0 (time: above 0) to below 1, got {self.holdout}")
        if self.min_frames < 1 or self.max_frames < 1:
            raise ValueError(
                f"min_frames, max_frames: expected 1 or more, got {self.min_frames} and {self.max_frames}"
            )
        if not 0 <= self.min_face_rate <= 1:
            raise ValueError(f"min_face_rate: expected a share from 0 to 1, got {self.min_face_rate}")

    @property
    def output_folder(self) -> Path:
        return Path(self.output)

    def fingerprint(self) -> str:
        """A hash of all that shapes a clip: the options without the two folders, and this tool's version."""
        shaping = {k: v for k, v in dataclasses.asdict(self).items() if k not in ("raw", "output")}
        return hashlib.sha256(json.dumps([__version__, shaping], sort_keys=True).encode()).hexdigest()[:16]
