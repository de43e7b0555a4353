"""The one interface to every landmark backend. T: frames; F: faces; H, W: pixels; C: RGB."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import numpy as np

from faceanim.pose.topology import N_POINTS


class Face(NamedTuple):
    """One face of one frame, in its pixels. points: (68, 2). box: (4,) left, top, right, bottom. depth: (68,), see
    `Landmarks`."""

    confidence: float
    points: np.ndarray
    box: np.ndarray
    depth: np.ndarray | None = None


@dataclass(frozen=True)
class Landmarks:
    """The main face of each frame; frames without a face hold NaN and confidence 0.

    points: (T, 68, 2) float32, x and y in pixels of the input frame; the centre of the first pixel is (0, 0).
    confidence: (T,) float32, 0 to 1; not comparable between backends.
    box: (T, 4) float32, left, top, right, bottom in pixels, as the face detector gave it; around the points
    where the backend has none.
    depth: (T, 68) float32, how far each point lies behind the others, in pixels as x and y; which depth is 0 differs
    from frame to frame. None where the backend has none, or found no face at all.
    """

    points: np.ndarray
    confidence: np.ndarray
    box: np.ndarray
    depth: np.ndarray | None = None

    def __post_init__(self) -> None:
        n_frames = len(self.points)
        shapes = {"points": (n_frames, N_POINTS, 2), "confidence": (n_frames,), "box": (n_frames, 4)}
        shapes |= {"depth": (n_frames, N_POINTS)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is None and name == "depth":
                continue
            if value.shape != shape or value.dtype != np.float32:
                raise ValueError(
                    f"landmarks: expected {name} float32 {shape}, got {value.dtype} {value.shape}"
                )

    def __len__(self) -> int:
        return len(self.points)

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: frames that hold a face."""
        return np.isfinite(self.points).all(axis=(1, 2))

    @classmethod
    def of(cls, faces: Iterable[Face | None]) -> Self:
        """One entry per frame, None where no face was found."""
        none = Face(0.0, np.full((N_POINTS, 2), np.nan), np.full(4, np.nan))
        filled = [face or none for face in faces]
        return cls(
            np.array([face.points for face in filled], np.float32).reshape(-1, N_POINTS, 2),
            np.array([face.confidence for face in filled], np.float32),
            np.array([face.box for face in filled], np.float32).reshape(-1, 4),
            _joined([None if face.depth is None else face.depth[None] for face in filled], [1] * len(filled)),
        )

    @classmethod
    def concatenate(cls, pieces: list[Self]) -> Self:
        """Join landmarks of consecutive pieces of one video; at least one piece."""
        return cls(
            np.concatenate([piece.points for piece in pieces]),
            np.concatenate([piece.confidence for piece in pieces]),
            np.concatenate([piece.box for piece in pieces]),
            _joined([piece.depth for piece in pieces], [len(piece) for piece in pieces]),
        )


def _joined(depths: list[np.ndarray | None], lengths: list[int]) -> np.ndarray | None:
    """Concatenate depths, NaN for pieces (of `lengths` frames) without; None where all are without."""
    if all(depth is None for depth in depths):
        return None
    filled = [
        np.full((n, N_POINTS), np.nan) if depth is None else depth
        for depth, n in zip(depths, lengths, strict=True)
    ]
    return np.concatenate(filled).astype(np.float32)


def with_depth(points: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """Points (..., 68, 2) and their depth (..., 68) as one array (..., 68, 3); as they are where there is none."""
    return points if depth is None else np.concatenate([points, depth[..., None]], axis=-1)


class FaceLandmarker(Protocol):
    """Finds the main face's 68 points in each frame: of several faces, the one with the largest box.

    Each frame is looked at for itself: what is found depends neither on the frames before it nor on how a
    video is cut into pieces.
    """

    def detect(self, frames_THWC: np.ndarray) -> Landmarks:
        """Return one entry per uint8 RGB frame; a frame without a face is NaN, never an exception."""
        ...

    def boxes(self, image_HWC: np.ndarray) -> np.ndarray:
        """All faces of a uint8 RGB image, largest first: (F, 4) float32, left, top, right, bottom in its pixels."""
        ...


def largest(faces: Iterable[Face]) -> Face | None:
    """Return the face with the largest box, or None."""
    return max(faces, key=lambda face: np.prod(face.box[2:] - face.box[:2]), default=None)


def box_around(points_68x2: np.ndarray) -> np.ndarray:
    """The box (4,) around the points, for backends without a face detector of their own."""
    return np.concatenate([points_68x2.min(axis=0), points_68x2.max(axis=0)])


def check_frames(frames_THWC: np.ndarray) -> None:
    """Raise ValueError for frames that no backend takes."""
    if frames_THWC.ndim != 4 or frames_THWC.shape[3] != 3 or frames_THWC.dtype != np.uint8:
        raise ValueError(f"frames: expected uint8 (T, H, W, 3), got {frames_THWC.dtype} {frames_THWC.shape}")
