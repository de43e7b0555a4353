"""Faces as ArcFace's networks see them, from an ONNX file. T: frames; H, W: pixels; D: size of an embedding."""

from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from faceanim.metrics.functional.identity import cosine_similarity
from faceanim.pose.landmarks import check_frames
from faceanim.pose.topology import LEFT_EYE, NOSE_TIP, RIGHT_EYE

SIDE = 112
# Where the eyes, the nose's tip and the corners of the mouth lie in the pictures that these networks are trained on.
_TEMPLATE_5x2 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
_BATCH = 16


class ArcFaceEmbedder:
    """A network of the ArcFace family (Deng et al., 2019, arXiv:1801.07698) as insightface publishes them: one input
    (N, 3, 112, 112), RGB in [-1, 1], one output (N, D).

    Raises ValueError where onnxruntime is missing or the file is none of these.
    """

    def __init__(self, weights: Path) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ValueError(
                "identity=arcface needs the package onnxruntime: pip install onnxruntime"
            ) from error
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), providers=onnxruntime.get_available_providers()
            )
        except Exception as error:  # onnxruntime's have no base of their own
            raise ValueError(f"cannot read weights {weights}: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = list(inputs[0].shape[1:])
        if len(inputs) != 1 or len(outputs) != 1 or shape != [3, SIDE, SIDE]:
            raise ValueError(
                f"{weights}: expected one input (N, 3, {SIDE}, {SIDE}) and one output, got {shape}"
            )
        self._input, self._size = inputs[0].name, outputs[0].shape[-1]

    def embed(self, frames_THW3: np.ndarray, points_T68x2: np.ndarray) -> np.ndarray:
        """float32 (T, D) of uint8 RGB frames and their landmarks, of any backend; NaN where these are NaN."""
        check_frames(frames_THW3)
        embeddings = np.full((len(frames_THW3), self._size), np.nan, np.float32)
        there = np.flatnonzero(np.isfinite(points_T68x2).all(axis=(1, 2)))
        for chunk in np.split(there, range(_BATCH, len(there), _BATCH)):
            if not len(chunk):
                continue
            faces = np.stack([aligned(frames_THW3[t], points_T68x2[t]) for t in chunk])
            pictures = (faces.transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5
            embeddings[chunk] = self._session.run(None, {self._input: pictures})[0]
        return embeddings

    def likeness(self, reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
        """See `cosine_similarity`."""
        return cosine_similarity(reference_TD, generated_TD)


def aligned(frame_HW3: np.ndarray, points_68x2: np.ndarray) -> np.ndarray:
    """uint8 (112, 112, 3): moved, turned and scaled so that eyes, nose and mouth come nearest to their places."""
    eyes = [points_68x2[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    five = np.stack([*eyes, points_68x2[NOSE_TIP], points_68x2[48], points_68x2[54]]).astype(np.float64)
    # the least-squares similarity in complex numbers, z -> a z + b (Umeyama, 1991, without reflection)
    z, w = (p[:, 0] + 1j * p[:, 1] for p in (five, _TEMPLATE_5x2))
    centred = z - z.mean()
    a = (centred.conj() * (w - w.mean())).sum() / max((np.abs(centred) ** 2).sum(), 1e-12)
    b = w.mean() - a * z.mean()
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    return cv2.warpAffine(frame_HW3, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
