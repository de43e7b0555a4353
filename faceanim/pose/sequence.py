"""Pose sequences: the one interface between what drives an animation and what draws it. T: frames."""

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from faceanim.media.files import atomic_path
from faceanim.pose.draw import Drawing, draw_pose
from faceanim.pose.landmarks import with_depth
from faceanim.pose.scaling import rescale_points
from faceanim.pose.topology import N_POINTS

_MAX_BYTES = 2**28  # unpacked; five hours of video
_FIELDS = ("points", "confidence", "fps", "width", "height", "source")
_OPTIONAL = ("depth",)  # in a file only where there is one


@dataclass(frozen=True)
class PoseSequence:
    """A face's landmarks over time.

    points: (T, 68, 2) float32, pixels in a frame of `width` x `height`; each frame all finite
    or all NaN (no face).
    confidence: (T,) float32, 0 to 1. fps: frames per second. source: where it came from, for people to read.
    depth: (T, 68) float32, pixels, see `Landmarks`; NaN where the points are; None where it is not known.
    """

    points: np.ndarray
    confidence: np.ndarray
    fps: float
    width: int
    height: int
    source: str = ""
    depth: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 3 or self.points.shape[1:] != (N_POINTS, 2) or len(self.points) == 0:
            raise ValueError(f"pose sequence: expected points (T, {N_POINTS}, 2), got {self.points.shape}")
        if self.confidence.shape != self.points.shape[:1]:
            raise ValueError(
                f"pose sequence: expected confidence ({len(self.points)},), got {self.confidence.shape}"
            )
        for name in ("points", "confidence"):
            if getattr(self, name).dtype != np.float32:
                raise ValueError(f"pose sequence: expected {name} float32, got {getattr(self, name).dtype}")
        finite, missing = np.isfinite(self.points).all(axis=(1, 2)), np.isnan(self.points).all(axis=(1, 2))
        if not (finite | missing).all():
            frame = int(np.argmin(finite | missing))
            raise ValueError(f"pose sequence: expected frame {frame} all finite or all NaN, got a mixture")
        if self.depth is not None:
            if self.depth.shape != self.points.shape[:2] or self.depth.dtype != np.float32:
                expected = f"float32 {self.points.shape[:2]}"
                raise ValueError(
                    f"pose sequence: expected depth {expected}, got {self.depth.dtype} {self.depth.shape}"
                )
            if (np.isfinite(self.depth) != finite[:, None]).any():
                raise ValueError("pose sequence: expected depth where there are points, and nowhere else")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ValueError("pose sequence: expected confidence from 0 to 1, got values outside")
        if not 0 < self.fps <= 1000:
            raise ValueError(f"pose sequence: expected fps above 0 and at most 1000, got {self.fps}")
        if not (0 < self.width <= 2**16 and 0 < self.height <= 2**16):
            raise ValueError(f"pose sequence: expected a frame size, got {self.width}x{self.height}")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, frames: slice) -> Self:
        """The sequence of these frames, such as `pose[10:34]`; at least one must remain."""
        if not isinstance(frames, slice):
            raise TypeError(f"pose sequence: expected a slice of frames, got {type(frames).__name__}")
        return self.with_landmarks(self.landmarks[frames], confidence=self.confidence[frames])

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: frames that hold a face."""
        return np.isfinite(self.points).all(axis=(1, 2))

    @property
    def landmarks(self) -> np.ndarray:
        """(T, 68, 2) points, or (T, 68, 3) with their depth where it is known."""
        return with_depth(self.points, self.depth)

    def with_landmarks(self, landmarks: np.ndarray, **changes: Any) -> Self:
        """The same sequence with other landmarks, (T, 68, 2) or (T, 68, 3), and other changes."""
        points, depth = landmarks, None
        if landmarks.shape[-1] == 3:
            points, depth = np.ascontiguousarray(landmarks[..., :2]), landmarks[..., 2].copy()
        return replace(self, points=points, depth=depth, **changes)

    def placed(self, points: np.ndarray, scale: float, width: int, height: int) -> Self:
        """The same faces at other points, `scale` times as large, in a frame of this size."""
        depth = None if self.depth is None else self.depth * np.float32(scale)
        return replace(self, points=points, depth=depth, width=width, height=height)

    def crop(self, x: int, y: int, crop_size: int, size: int) -> Self:
        """The same motion in the square at (x, y) of side `crop_size`, resized to `size` pixels."""
        corner = np.array([x, y], np.float32)
        points = rescale_points(self.points - corner, (crop_size, crop_size), (size, size))
        return self.placed(points, size / crop_size, size, size)

    def resized(self, width: int, height: int) -> Self:
        """The same motion in a frame of another size; depth follows the width."""
        points = rescale_points(self.points, (self.height, self.width), (height, width))
        return self.placed(points, width / self.width, width, height)

    def draw(
        self, height: int, width: int, thickness: int | None = None, drawing: Drawing = "full"
    ) -> np.ndarray:
        """Pose images of this size: uint8 (T, height, width, 3) RGB, see `draw_pose`."""
        return draw_pose(self.points, height, width, (self.height, self.width), thickness, drawing)

    def save(self, path: str | Path) -> None:
        """Write everything into one .npz file, atomically."""
        path = Path(path)
        if path.suffix != ".npz":
            raise ValueError(f"cannot write pose sequence {path}: expected a name that ends in .npz")
        with atomic_path(path) as temporary:
            values = {name: getattr(self, name) for name in (*_FIELDS, *_OPTIONAL)}
            values = {name: np.asarray(value) for name, value in values.items() if value is not None}
            np.savez_compressed(temporary, **values)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote; nothing is unpickled, and any other file raises `ValueError`."""
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"cannot read pose sequence {path}: no such file")
        try:
            with zipfile.ZipFile(path) as archive:
                n_bytes = sum(member.file_size for member in archive.infolist())
            if n_bytes > _MAX_BYTES:
                raise ValueError(f"expected at most {_MAX_BYTES} bytes, got {n_bytes}")
            with np.load(path, allow_pickle=False) as content:
                if not set(_FIELDS) <= set(content.files):
                    raise ValueError(f"expected the entries {', '.join(_FIELDS)}, got {content.files}")
                values = {name: content[name] for name in (*_FIELDS, *_OPTIONAL) if name in content.files}
            scalars = {"fps": float, "width": int, "height": int, "source": str}
            return cls(**{k: scalars[k](v.item()) if k in scalars else v for k, v in values.items()})
        except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"cannot read pose sequence {path}: {' '.join(str(error).split())}") from error
