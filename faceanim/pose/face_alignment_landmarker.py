"""face-alignment: the S3FD face detector and the 2D FAN. T: frames; N: faces; C: RGB or 68; H, W: pixels."""

import pickle
from pathlib import Path

import numpy as np
import torch
from face_alignment.detection.sfd.bbox import nms
from face_alignment.detection.sfd.detect import batch_detect
from face_alignment.detection.sfd.net_s3fd import s3fd
from face_alignment.models import FAN
from face_alignment.utils import CENTER_Y_OFFSET, REFERENCE_SCALE, SCALE_FACTOR, crop, flip
from torch import nn

from faceanim.bounds import at_least
from faceanim.models.weights import load_into
from faceanim.pose.boxes import distinct
from faceanim.pose.landmark_weights import WeightsFile, weights_paths
from faceanim.pose.landmarks import Landmarks, check_frames
from faceanim.pose.scaling import rescale_points, resize_within
from faceanim.pose.topology import N_POINTS

DETECTOR = WeightsFile(
    "s3fd-619a316812.pth", "https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth"
)
NETWORK = WeightsFile(
    "2DFAN4-11f355bf06.pth.tar", "https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar"
)
_SHORT_SIDE = (128, 640)  # at which a frame is searched; S3FD takes half a gigabyte for 640x1138
_MIN_SIDE = 32  # of a frame that S3FD can halve as often as it does
_OVERLAP = 0.3  # boxes that overlap by more are one face
_MIN_SCORE = 0.5  # the detector's, 0 to 1
_MIN_FACE = 4  # pixels; smaller boxes cannot be cut out


class FaceAlignmentLandmarker:
    """A `FaceLandmarker` for a GPU: a CPU core takes seconds for a frame.

    It runs the package's networks with the package's cropping. The package's own `FaceAlignment` class
    downloads, takes one face at a time, and rounds points down to whole pixels.
    weights: the folder of `DETECTOR` and `NETWORK`, read without running any code that they might contain.
    device: cpu or cuda[:index]; None takes a GPU if there is one. The confidence is the detector's score.
    batch_size: frames to the detector, and faces to the network, at once.
    """

    def __init__(self, weights: str | Path, device: str | None = None, batch_size: int = 8) -> None:
        at_least(1, batch_size=batch_size)
        detector, network = weights_paths("face_alignment", weights, DETECTOR, NETWORK)
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.batch_size = batch_size
        self._detector = _loaded(s3fd(), detector).to(self.device)
        self._network = _loaded(FAN(4), network).to(self.device)

    @torch.inference_mode()
    def detect(self, frames_THWC: np.ndarray) -> Landmarks:
        """Find the largest face of each uint8 RGB frame."""
        check_frames(frames_THWC)
        n_frames = len(frames_THWC)
        boxes_Tx5 = np.full((n_frames, 5), np.nan, np.float32)
        points = np.full((n_frames, N_POINTS, 2), np.nan, np.float32)
        for start in range(0, n_frames, self.batch_size):
            batch = slice(start, start + self.batch_size)
            boxes_Tx5[batch] = self._search(frames_THWC[batch])
            found = start + np.flatnonzero(np.isfinite(boxes_Tx5[batch, 4]))
            if len(found):
                points[found] = self._points(frames_THWC[found], boxes_Tx5[found, :4])
        return Landmarks(points, np.nan_to_num(boxes_Tx5[:, 4]), boxes_Tx5[:, :4])

    @torch.inference_mode()
    def boxes(self, image_HWC: np.ndarray) -> np.ndarray:
        """All faces of a uint8 RGB image, by S3FD: (F, 4) float32, largest first."""
        (found_Fx5,) = self._all_boxes(image_HWC[None])
        return distinct(found_Fx5[:, :4])

    def _search(self, frames_THWC: np.ndarray) -> np.ndarray:
        """The largest box of each frame, in its pixels, and its score: (T, 5), NaN where none."""
        boxes_Tx5 = np.full((len(frames_THWC), 5), np.nan)
        for t, found_Fx5 in enumerate(self._all_boxes(frames_THWC)):
            if len(found_Fx5):
                boxes_Tx5[t] = found_Fx5[np.argmax(np.prod(found_Fx5[:, 2:4] - found_Fx5[:, :2], axis=1))]
        return boxes_Tx5

    def _all_boxes(self, frames_THWC: np.ndarray) -> list[np.ndarray]:
        """The faces of each frame, in its pixels, and their score: (F, 5)."""
        searched_THWC = np.stack([resize_within(frame_HWC, _SHORT_SIDE) for frame_HWC in frames_THWC])
        size, searched_size = frames_THWC.shape[1:3], searched_THWC.shape[1:3]
        if min(searched_size) < _MIN_SIDE:
            return [np.empty((0, 5))] * len(frames_THWC)
        batch_TCHW = torch.from_numpy(searched_THWC).permute(0, 3, 1, 2)
        benchmark = torch.backends.cudnn.benchmark
        candidates = batch_detect(self._detector, batch_TCHW, self.device)
        torch.backends.cudnn.benchmark = benchmark  # which batch_detect switches on
        boxes = []
        for found_Nx5 in candidates:
            found_Nx5 = found_Nx5.reshape(-1, 5)
            found_Nx5 = found_Nx5[nms(found_Nx5, _OVERLAP)]
            corners_Nx2x2 = rescale_points(found_Nx5[:, :4].reshape(-1, 2, 2), searched_size, size)
            middle, extent = corners_Nx2x2.mean(axis=1), np.diff(corners_Nx2x2, axis=1)[:, 0]
            usable = (found_Nx5[:, 4] >= _MIN_SCORE) & (extent >= _MIN_FACE).all(axis=1)
            usable &= ((middle >= 0) & (middle < size[::-1])).all(axis=1)  # or nothing could be cut out
            boxes.append(np.column_stack([corners_Nx2x2.reshape(-1, 4), found_Nx5[:, 4]])[usable])
        return boxes

    def _points(self, frames_NHWC: np.ndarray, boxes_Nx4: np.ndarray) -> np.ndarray:
        """The points (N, 68, 2) of one face in each frame."""
        left, top, right, bottom = boxes_Nx4.T.astype(np.float64)
        centres_Nx2 = np.stack([(left + right) / 2, (top + bottom) / 2 - CENTER_Y_OFFSET * (bottom - top)], 1)
        scales_N = (right - left + bottom - top) / REFERENCE_SCALE
        cut = zip(frames_NHWC, centres_Nx2, scales_N, strict=True)
        crops_NHWC = np.stack([crop(frame_HWC, centre, scale) for frame_HWC, centre, scale in cut])
        crops_NCHW = torch.from_numpy(crops_NHWC).permute(0, 3, 1, 2).to(self.device, torch.float32) / 255
        mirrored_NCHW = flip(self._network(flip(crops_NCHW))[-1], is_label=True)
        heatmaps_NCHW = self._network(crops_NCHW)[-1] + mirrored_NCHW
        sides_N = SCALE_FACTOR * scales_N
        return (
            centres_Nx2[:, None] + sides_N[:, None, None] * (_peaks(heatmaps_NCHW.cpu().numpy()) - 0.5) - 0.5
        )


def _peaks(heatmaps_NCHW: np.ndarray) -> np.ndarray:
    """Each heatmap's highest cell, a quarter of a cell towards its higher neighbours: (N, C, 2).

    x and y from 0 to 1, border to border. The package's rule; its own code compiles for half a minute first.
    """
    n_faces, n_points, height, width = heatmaps_NCHW.shape
    y, x = np.divmod(heatmaps_NCHW.reshape(n_faces, n_points, -1).argmax(axis=2), width)
    n, c = np.ogrid[:n_faces, :n_points]
    padded = np.pad(heatmaps_NCHW, ((0, 0), (0, 0), (1, 1), (1, 1)))
    slope_x = padded[n, c, y + 1, x + 2] - padded[n, c, y + 1, x]
    slope_y = padded[n, c, y + 2, x + 1] - padded[n, c, y, x + 1]
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    quarter = 0.25 * np.sign(np.stack([slope_x, slope_y], axis=2)) * inside[..., None]
    return (np.stack([x, y], axis=2) + 0.5 + quarter) / (width, height)


def _loaded(network: nn.Module, path: Path) -> nn.Module:
    """The network with the file's tensors, for inference; nothing but tensors is read."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, KeyError) as error:
        raise ValueError(f"cannot read weights {path}: cut off, damaged, or more than tensors") from error
    load_into(network, state, path)
    return network.eval().requires_grad_(False)
