"""The one interface to every landmark backend. T: frames; H, W: pixels; C: RGB."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from faceanim.pose.topology import N_POINTS

BACKENDS = ("face_alignment", "dlib", "mediapipe", "dwpose")


@dataclass(frozen=True)
class Landmarks:
    """The main face of each frame; frames without a face hold NaN and confidence 0.

    points: (T, 68, 2) float32, x and y in pixels of the input frame; the centre of the first pixel is (0, 0).
    confidence: (T,) float32, 0 to 1; not comparable between backends.
    box: (T, 4) float32, left, top, right, bottom in pixels, as the detector gave it.
    """

    points: np.ndarray
    confidence: np.ndarray
    box: np.ndarray

    def __post_init__(self) -> None:
        n_frames = len(self.points)
        shapes = {"points": (n_frames, N_POINTS, 2), "confidence": (n_frames,), "box": (n_frames, 4)}
        for name, shape in shapes.items():
            value = getattr(self, name)
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
    def concatenate(cls, pieces: list[Self]) -> Self:
        """Join landmarks of consecutive pieces of one video; at least one piece."""
        return cls(
            np.concatenate([piece.points for piece in pieces]),
            np.concatenate([piece.confidence for piece in pieces]),
            np.concatenate([piece.box for piece in pieces]),
        )


class FaceLandmarker(Protocol):
    """Finds the main face's 68 points in each frame."""

    def detect(self, frames_THWC: np.ndarray) -> Landmarks:
        """Return one entry per uint8 RGB frame; a frame without a face is NaN, never an exception."""
        ...


def landmarker(name: str) -> FaceLandmarker:
    """Build the backend of this name with its default settings; its weights are loaded here, once."""
    if name not in BACKENDS:
        raise ValueError(f"landmarks: expected one of {', '.join(BACKENDS)}, got {name!r}")
    if name != "dlib":
        raise ValueError(f"landmarks={name} is not available in this version; landmarks=dlib works offline")
    from faceanim.pose.dlib_landmarker import DlibLandmarker  # here: dlib is only needed by who asks for it

    return DlibLandmarker()
