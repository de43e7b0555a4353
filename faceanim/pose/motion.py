"""Decomposition of poses into identity (`Head`) and motion (`FaceMotion`), and back.

T: frames. Lengths are centimetres on a head of average size (head_model.py); a person's own shape has the depth of the
average head, and where a backend gives depth, half of that: see `_shapes`.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from faceanim.pose.head_model import AVERAGE_HEAD_68x3, angles, fit_head, project, rotations
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.topology import INNER_LIP_PAIRS, JAW, LEFT_EYE, MOUTH, NOSE, RIGHT_EYE

_AROUND = 2  # frames to either side of the calmest one: their mean is the neutral face, with less jitter
_SHUT = 3.0  # an eye so many times narrower than an average one is taken for shut, and its usual opening for unknown
_UPPER_SHARE = 0.2  # of the way to a closed mouth that the upper lip makes
_CHIN_FOLLOWS = 0.6  # of the lower lip's way
_STILL = [*NOSE, *RIGHT_EYE, *LEFT_EYE]  # by them a face's depth is laid over the average one
_OWN_DEPTH = 0.5  # see `_shapes`
_ROUNDS = 2  # until heads look turned as they should, to 0.1 degrees
_OUTER_UPPER, _OUTER_LOWER, _CHIN = [50, 51, 52], [56, 57, 58], [6, 7, 8, 9, 10]


@dataclass(frozen=True)
class Head:
    """One person's neutral face and its place in an image.

    shape: (68, 3) centimetres, axes of the head. rotation: (3, 3). scale: pixels a centimetre. centre: (2,) pixels.
    """

    shape: np.ndarray
    rotation: np.ndarray
    scale: float
    centre: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Self:
        """Build the head of one image from (68, 2) points, or (68, 3) with depth; its `points` are the same again."""
        rotation, scale, centre = fit_head(points[None, :, :2], AVERAGE_HEAD_68x3)
        (shape,) = _shapes(points[None], rotation, scale, centre)
        return cls(shape, rotation[0], float(scale[0]), centre[0])

    @property
    def points(self) -> np.ndarray:
        """(68, 2) pixels."""
        pose = self.rotation[None], np.array([self.scale]), self.centre[None]
        return project(self.shape[None], *pose)[0]

    @property
    def mouth_gap(self) -> float:
        """Distance between the lips, on an average mouth."""
        gaps = [self.shape[low, 1] - self.shape[up, 1] for up, low in INNER_LIP_PAIRS]
        return max(0.0, float(np.mean(gaps))) * _mouth(AVERAGE_HEAD_68x3) / _mouth(self.shape)


@dataclass(frozen=True)
class FaceMotion:
    """What a face does, relative to its neutral frame; NaN where it was not seen.

    turn: (T, 3) yaw, pitch, roll in radians, see head_model. zoom: (T,) log of the size. shift: (T, 2).
    expression: (T, 68, 2) what the points do besides, axes of the head, on an average mouth and average eyes: lids
    that meet there meet on every face. mouth_gap: between the neutral lips. confidence: (T,) 0 to 1.
    """

    turn: np.ndarray
    zoom: np.ndarray
    shift: np.ndarray
    expression: np.ndarray
    mouth_gap: float
    confidence: np.ndarray
    fps: float

    def __len__(self) -> int:
        return len(self.turn)

    def __getitem__(self, frames: slice) -> Self:
        names = ("turn", "zoom", "shift", "expression", "confidence")
        return replace(self, **{name: getattr(self, name)[frames] for name in names})

    @classmethod
    def still(cls, n_frames: int, fps: float) -> Self:
        """A neutral face with closed lips that does nothing."""
        shapes = {"turn": (3,), "zoom": (), "shift": (2,), "expression": (68, 2)}
        zeros = {name: np.zeros((n_frames, *shape)) for name, shape in shapes.items()}
        return cls(**zeros, mouth_gap=0.0, confidence=np.ones(n_frames, np.float32), fps=fps)

    @property
    def head_poses(self) -> np.ndarray:
        """(T, 6) yaw, pitch, roll, the shift's two, zoom."""
        return np.column_stack([self.turn, self.shift, self.zoom])

    def with_head_poses(self, pose_T6: np.ndarray) -> Self:
        """Return this expression with these head poses."""
        return replace(self, turn=pose_T6[:, :3], shift=pose_T6[:, 3:5], zoom=pose_T6[:, 5])

    def with_lips_of(self, other: Self) -> Self:
        """Return this motion with lips and jaw of another, of the same frames."""
        if len(other) != len(self) or abs(other.fps - self.fps) > 1e-6:
            raise ValueError(
                f"motions to blend: expected {len(self)} frames at {self.fps:g} fps in both, "
                f"got {len(other)} at {other.fps:g}"
            )
        expression = self.expression.copy()
        lower = [*JAW, *MOUTH]
        expression[:, lower] = other.expression[:, lower]
        return replace(self, expression=expression, mouth_gap=other.mouth_gap)


def decompose(poses: PoseSequence) -> tuple[FaceMotion, Head]:
    """Split a pose sequence into what the face does and whose it is; `recompose` joins them again, exactly.

    The neutral frame is the calmest: lips closed, eyes open, head straight. ValueError where no frame has a face.
    """
    found = poses.found
    if not found.any():
        raise ValueError(f"pose sequence: expected a face in at least one of {len(poses)} frames, got none")
    landmarks = poses.landmarks[found].astype(np.float64)
    points = landmarks[..., :2]
    rotation, scale, centre = fit_head(points, AVERAGE_HEAD_68x3)
    k = _calmest(points, rotation)
    calm = slice(max(0, k - _AROUND), k + _AROUND + 1)
    shape = _shapes(landmarks[calm], rotation[calm], scale[calm], centre[calm]).mean(axis=0)
    rotation, scale, centre = fit_head(points, shape)
    head = Head(shape, rotation[k], float(scale[k]), centre[k])
    expression = _straightened(points, rotation, scale, centre, shape) - shape[:, :2]

    def everywhere(values: np.ndarray) -> np.ndarray:
        whole = np.full((len(poses), *values.shape[1:]), np.nan)
        whole[found] = values
        return whole

    motion = FaceMotion(
        turn=everywhere(angles(rotation) - angles(rotation[k : k + 1])),
        zoom=everywhere(np.log(scale / scale[k])),
        shift=everywhere((centre - centre[k]) / scale[k]),
        expression=everywhere(_between(expression, shape, AVERAGE_HEAD_68x3)),
        mouth_gap=head.mouth_gap,
        confidence=poses.confidence,
        fps=poses.fps,
    )
    return motion, head


def from_closed_lips(motion: FaceMotion, head: Head) -> FaceMotion:
    """Return the motion relative to the neutral face with closed lips, so that the openings of different people, whose
    mouths are never quite closed, compare."""
    closed = _with_gap(head.shape, 0.0)
    opened = _between((head.shape - closed)[None, :, :2], closed, AVERAGE_HEAD_68x3)
    return replace(motion, expression=motion.expression + opened, mouth_gap=0.0)


def recompose(motion: FaceMotion, head: Head, width: int, height: int, source: str = "") -> PoseSequence:
    """Return the poses of this head with this motion, in an image of this size.

    How far a mouth is open is motion, not shape: in the neutral frame it is as far open as the motion's, whatever it
    is in `head`. Lips never cross.
    """
    seen = np.isfinite(motion.zoom)
    shape = _with_gap(head.shape, motion.mouth_gap)
    expression = _between(motion.expression[seen], AVERAGE_HEAD_68x3, shape)
    shapes = np.repeat(shape[None], int(seen.sum()), axis=0)
    shapes[..., :2] += expression
    _uncross(shapes)
    rotation = rotations(angles(head.rotation[None]) + motion.turn[seen])
    place = head.scale * np.exp(motion.zoom[seen]), head.centre + head.scale * motion.shift[seen]
    points = np.full((len(motion), 68, 2), np.nan, np.float32)
    points[seen] = project(shapes, _apply_shape(rotation, shapes, place, shape), *place)
    return PoseSequence(points, motion.confidence.astype(np.float32), motion.fps, width, height, source)


def _apply_shape(
    rotation_T33: np.ndarray,
    shapes_T68x3: np.ndarray,
    place: tuple[np.ndarray, np.ndarray],
    shape_68x3: np.ndarray,
) -> np.ndarray:
    """Correct rotations (T, 3, 3) so that the changed shapes still look turned by `rotation_T33`.

    What eyes and nose do besides is no turn of the driver's head, but on another head, turned otherwise, would look
    like one. place: scales and centres, see `project`.
    """
    kept = rotation_T33
    for _ in range(_ROUNDS if len(kept) else 0):
        looks, *_ = fit_head(project(shapes_T68x3, kept, *place), shape_68x3)
        kept = rotation_T33 @ looks.transpose(0, 2, 1) @ kept
    return kept


def _shapes(
    landmarks_T68xD: np.ndarray, rotation_T33: np.ndarray, scale_T: np.ndarray, centre_T2: np.ndarray
) -> np.ndarray:
    """Faces in the axes of the head (T, 68, 3), from points in pixels (D = 2), with their depth (D = 3), and where an
    average head lies. Depth is the average head's; and where there is one of their own, the mean of both, as what one
    frame says of it differs from frame to frame as much as it does from person to person."""
    flat = _straightened(landmarks_T68xD[..., :2], rotation_T33, scale_T, centre_T2, AVERAGE_HEAD_68x3)
    depth = np.broadcast_to(AVERAGE_HEAD_68x3[:, 2:], (*flat.shape[:2], 1))
    shapes = np.concatenate([flat, depth], axis=-1)
    if landmarks_T68xD.shape[-1] == 2:
        return shapes
    seen = np.matmul(shapes, rotation_T33.transpose(0, 2, 1))  # as the camera sees them
    own = landmarks_T68xD[..., 2] / scale_T[:, None] - seen[..., 2]
    own -= own[:, _STILL].mean(axis=1, keepdims=True)
    seen[..., 2] += _OWN_DEPTH * own
    return np.matmul(seen, rotation_T33)


def _straightened(
    points_T68x2: np.ndarray,
    rotation_T33: np.ndarray,
    scale_T: np.ndarray,
    centre_T2: np.ndarray,
    shape_68x3: np.ndarray,
) -> np.ndarray:
    """x and y in the head's axes (T, 68, 2) of points whose depth is the shape's."""
    seen = (points_T68x2 - centre_T2[:, None]) / scale_T[:, None, None]
    by_depth = rotation_T33[:, None, :2, 2] * shape_68x3[None, :, 2:]
    return np.linalg.solve(rotation_T33[:, :2, :2], (seen - by_depth).transpose(0, 2, 1)).transpose(0, 2, 1)


def _calmest(points_T68x2: np.ndarray, rotation_T33: np.ndarray) -> int:
    """The frame with closed lips, eyes as open as usual, and the face to the camera."""
    openness = eye_openness(points_T68x2).mean(axis=1)
    away = np.arccos(np.clip(rotation_T33[:, 2, 2], -1, 1))  # of the face's axis from the camera's, radians
    return int(np.argmin(4 * lip_aperture(points_T68x2) + np.abs(openness - np.median(openness)) + away))


def _between(expression_T68x2: np.ndarray, one_68x3: np.ndarray, other_68x3: np.ndarray) -> np.ndarray:
    """Scale mouth and lid motion from one face's proportions to another's; invertible, other points unchanged."""
    fitted = expression_T68x2.copy()
    fitted[:, MOUTH] *= _mouth(other_68x3) / _mouth(one_68x3)
    for eye in (RIGHT_EYE, LEFT_EYE):
        lids, corners = [*eye[1:3], *eye[4:6]], [eye[0], eye[3]]
        along = expression_T68x2[:, corners].mean(axis=1)[:, None, 1]
        ratio = _eye(other_68x3, eye) / _eye(one_68x3, eye)
        fitted[:, lids, 1] = along + ratio * (expression_T68x2[:, lids, 1] - along)
    return fitted


def _mouth(shape_68x3: np.ndarray) -> float:
    """Width of the mouth."""
    return float(shape_68x3[54, 0] - shape_68x3[48, 0])


def _eye(shape_68x3: np.ndarray, eye: tuple[int, ...]) -> float:
    """Opening of an eye; of one that is shut in the image, a share of the average opening."""
    opening = float(shape_68x3[[*eye[4:6]], 1].mean() - shape_68x3[[*eye[1:3]], 1].mean())
    average = float(AVERAGE_HEAD_68x3[[*eye[4:6]], 1].mean() - AVERAGE_HEAD_68x3[[*eye[1:3]], 1].mean())
    return max(opening, average / _SHUT)


def _with_gap(shape_68x3: np.ndarray, gap: float) -> np.ndarray:
    """The face with its lips as far apart as `gap` (of an average mouth): brought together, or opened."""
    changed = shape_68x3.copy()
    wanted = gap * _mouth(shape_68x3) / _mouth(AVERAGE_HEAD_68x3)
    gaps = np.array([shape_68x3[low, 1] - shape_68x3[up, 1] for up, low in INNER_LIP_PAIRS])
    closing = gaps.mean() - wanted
    shares = gaps / gaps.mean() if closing > 0 else np.ones(len(gaps))  # all pairs of lips meet together
    for (up, low), share in zip(INNER_LIP_PAIRS, shares, strict=True):
        changed[up, 1] += _UPPER_SHARE * share * closing
        changed[low, 1] -= (1 - _UPPER_SHARE) * share * closing
    changed[_OUTER_UPPER, 1] += _UPPER_SHARE * closing
    changed[_OUTER_LOWER, 1] -= (1 - _UPPER_SHARE) * closing
    changed[_CHIN, 1] -= (1 - _UPPER_SHARE) * closing * _CHIN_FOLLOWS
    return changed


def _uncross(shapes_T68x3: np.ndarray) -> None:
    """Where the lower lip would be above the upper one, put both in the middle."""
    for up, low in INNER_LIP_PAIRS:
        crossed = np.maximum(shapes_T68x3[:, up, 1] - shapes_T68x3[:, low, 1], 0) / 2
        shapes_T68x3[:, up, 1] -= crossed
        shapes_T68x3[:, low, 1] += crossed
