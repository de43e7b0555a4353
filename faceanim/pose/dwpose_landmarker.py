"""DWPose's whole-body pose, of which the face part is taken. H, W: pixels; C: RGB."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rtmlib import YOLOX, RTMPose

from faceanim.pose.boxes import distinct
from faceanim.pose.landmark_weights import WeightsFile, weights_paths
from faceanim.pose.landmarks import Face, Landmarks, box_around, check_frames, largest
from faceanim.pose.topology import N_POINTS

DETECTOR = WeightsFile("yolox_l.onnx", "https://huggingface.co/yzd-v/DWPose/resolve/main/yolox_l.onnx")
NETWORK = WeightsFile(
    "dw-ll_ucoco_384.onnx", "https://huggingface.co/yzd-v/DWPose/resolve/main/dw-ll_ucoco_384.onnx"
)
FACE = slice(23, 23 + N_POINTS)  # of COCO-WholeBody's 133 key points, in iBUG's order
_PERSON = 0  # YOLOX's class
_SEARCHED = (640, 640)  # the size of YOLOX's input
_POSE = (288, 384)  # width and height of the network's input
_CUDA = "CUDAExecutionProvider"
_MIN_SCORE = 0.3  # 0 to 1, of the detected person and of the face


class DwposeLandmarker:
    """A `FaceLandmarker` that finds people first, then their face: for half and whole bodies.

    One frame at a time, as `rtmlib` takes them. The box is the one around the points.
    weights: the folder of `DETECTOR` and `NETWORK`. device: cpu or cuda[:index]; None takes a GPU if
    onnxruntime can. The confidence is the face's score, the mean of its points'.
    """

    def __init__(self, weights: str | Path, device: str | None = None) -> None:
        detector, network = weights_paths("dwpose", weights, DETECTOR, NETWORK)
        has_cuda = _CUDA in onnxruntime.get_available_providers()
        device = device or ("cuda" if has_cuda else "cpu")
        if device.startswith("cuda") and not has_cuda:
            raise ValueError(f"landmarks=dwpose: device={device} needs the package onnxruntime-gpu")
        self._people = _loaded(
            YOLOX, detector, device, _SEARCHED, det_mode="multiclass", score_thr=_MIN_SCORE
        )
        self._pose = _loaded(RTMPose, network, device, _POSE)

    def detect(self, frames_THWC: np.ndarray) -> Landmarks:
        """Find the largest face of each uint8 RGB frame."""
        check_frames(frames_THWC)
        return Landmarks.of(self._find(frame_HWC) for frame_HWC in frames_THWC)

    def boxes(self, image_HWC: np.ndarray) -> np.ndarray:
        """The faces of all people in a uint8 RGB image: (F, 4) float32, largest first."""
        return distinct(np.array([face.box for face in self._faces(image_HWC)]))

    def _find(self, frame_HWC: np.ndarray) -> Face | None:
        return largest(self._faces(frame_HWC))

    def _faces(self, frame_HWC: np.ndarray) -> list[Face]:
        height, width = frame_HWC.shape[:2]
        if max(height, width) > _SEARCHED[0] * min(height, width):
            return []  # nothing would be left of the shorter side
        boxes, classes = self._people(frame_HWC[..., ::-1])  # was trained on BGR
        people = boxes[classes == _PERSON]
        if not len(people):
            return []  # the network would take the whole frame for a person
        points, scores = self._pose(frame_HWC, people)  # was trained on RGB
        faces = [
            Face(min(1.0, float(score.mean())), face, box_around(face))
            for face, score in zip(points[:, FACE], scores[:, FACE], strict=True)
        ]
        return [face for face in faces if face.confidence >= _MIN_SCORE]


def _loaded(model: type, path: Path, device: str, size: tuple[int, int], **options: Any) -> Any:
    try:
        with redirect_stdout(StringIO()):  # rtmlib prints what it loads
            loaded = model(str(path), model_input_size=size, device=device, **options)
    except Exception as error:  # onnxruntime's have no base of their own
        raise ValueError(f"cannot read weights {path}: {error}") from error
    if device != "cpu" and _CUDA not in loaded.session.get_providers():
        raise ValueError(f"landmarks=dwpose: onnxruntime cannot use device={device}; expected cpu")
    return loaded
