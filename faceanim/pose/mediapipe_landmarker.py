"""MediaPipe's face mesh, brought to 68 points. H, W: pixels; C: RGB."""

import weakref
from pathlib import Path

import numpy as np
from mediapipe import Image, ImageFormat
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions, RunningMode

from faceanim.pose.boxes import distinct, squares
from faceanim.pose.landmark_weights import WeightsFile, weights_paths
from faceanim.pose.landmarks import Face, Landmarks, box_around, check_frames, largest
from faceanim.pose.topology import MEDIAPIPE_VERTICES

BUNDLE = WeightsFile(
    "face_landmarker_v2_with_blendshapes.task",
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
)
_MAX_FACES = 5  # among which the largest is sought
_MIN_SCORE = 0.5  # of detection and of the mesh's presence, 0 to 1
_MIN_SQUARE = 64  # pixels; smaller ones are not searched
_VERTICES = np.array(MEDIAPIPE_VERTICES)


class MediapipeLandmarker:
    """A `FaceLandmarker` on the CPU for faces of any roll up to about 90 degrees.

    The detector sees the frame shrunk, so it misses faces below about an eighth of the frame's
    longer side. So if nothing is found, the frame is searched again in squares as large as its short side and
    then half of it, which overlap by half.
    The mode for still images is used: the mode for videos tracks and smooths, so what it finds would depend
    on the frames before. MediaPipe gives no score: confidence is 1 where a face was found.
    weights: the folder of `BUNDLE`.
    """

    def __init__(self, weights: str | Path) -> None:
        (bundle,) = weights_paths("mediapipe", weights, BUNDLE)
        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(bundle)),
            running_mode=RunningMode.IMAGE,
            num_faces=_MAX_FACES,
            min_face_detection_confidence=_MIN_SCORE,
            min_face_presence_confidence=_MIN_SCORE,
        )
        try:
            self._landmarker = FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"cannot read {bundle} as a MediaPipe bundle: {error}") from error
        weakref.finalize(self, _close, self._landmarker)

    def detect(self, frames_THWC: np.ndarray) -> Landmarks:
        """Find the largest face of each uint8 RGB frame."""
        check_frames(frames_THWC)
        return Landmarks.of(self._find(frame_HWC) for frame_HWC in frames_THWC)

    def boxes(self, image_HWC: np.ndarray) -> np.ndarray:
        """All faces of a uint8 RGB image, at most 5 that are looked for at once: (F, 4) float32, largest first."""
        return distinct(np.array([face.box for face in self._search(image_HWC)]))

    def _find(self, frame_HWC: np.ndarray) -> Face | None:
        return largest(self._search(frame_HWC))

    def _search(self, frame_HWC: np.ndarray) -> list[Face]:
        """Faces of the frame; of its squares, where it shows none: then some may come twice."""
        faces = self._faces(frame_HWC)
        short_side = min(frame_HWC.shape[:2])
        for size in (short_side, short_side // 2):
            if not faces and size >= _MIN_SQUARE:
                corners = squares(*frame_HWC.shape[:2], size)
                faces = [face for corner in corners for face in self._faces(frame_HWC, *corner, size)]
        return faces

    def _faces(
        self, frame_HWC: np.ndarray, top: int = 0, left: int = 0, size: int | None = None
    ) -> list[Face]:
        """The faces of the frame, or of a square of it, in the frame's pixels."""
        image_HWC = frame_HWC[top:, left:][:size, :size]
        height, width = image_HWC.shape[:2]
        image = Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(image_HWC))
        faces = []
        for mesh in self._landmarker.detect(image).face_landmarks:
            # 0 to 1 from border to border, to pixels whose centres lie at whole numbers
            # and depth in the scale of x
            vertices = np.array([(v.x * width - 0.5, v.y * height - 0.5, v.z * width) for v in mesh])
            points_68x3 = np.add(vertices[_VERTICES].mean(axis=1), (left, top, 0))
            points = points_68x3[:, :2]
            faces.append(Face(1.0, points, box_around(points), points_68x3[:, 2]))
        return faces


def _close(landmarker: FaceLandmarker) -> None:
    """Close what else would wait forever when it is garbage-collected: its __del__ needs its thread alive."""
    try:
        landmarker.close()
    except RuntimeError:  # Python is exiting and has ended that thread already
        landmarker._handle = None
