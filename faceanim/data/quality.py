"""What a clip is worth, measured on its landmarks, its pixels and its sound. T: frames; N: samples."""

from dataclasses import dataclass

import cv2
import numpy as np

from faceanim.pose.face_shape import face_size
from faceanim.pose.head_model import head_angles

_SHARPNESS_SIDE = 128  # pixels of the face, so that sharpness compares between sizes
_THUMBNAIL_SIDE = 64
_SAME_PICTURE = 1  # of 255: what encoding noise leaves of a repeated frame, in thumbnails
_LARGEST_LAG = 1.0  # seconds
QUIETEST = -120.0  # dB relative to full scale; also where there is no sound
_SILENCE = -60.0
_UPPER_INNER_LIP, _LOWER_INNER_LIP = 62, 66


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of one clip; the defaults where nothing could be measured.

    face_size: median over the frames, in pixels of the source. sharpness: median variance of the Laplacian of
    the face at 128 pixels. yaw_range, pitch_range, roll_range: degrees between the 5th and 95th percentile.
    visibility: share of the landmarks that lie inside the source frame. motion: how far landmarks travel, in
    face sizes per second. duplicate_rate: share of frames that repeat the one before. second_face_rate: share
    of frames with another face of more than a quarter of the main one's area. padding: how far the crop reaches
    over the border, of its side. upscale: the clip's side over the crop's. loudness: dB relative to full scale,
    -120 without sound. mouth_audio_correlation: of the mouth's opening with the sound's loudness, at the lag
    within 1 s where it is highest; mouth_audio_lag: that lag in seconds, positive where the sound comes late.
    """

    face_size: float = 0.0
    sharpness: float = 0.0
    yaw_range: float = 0.0
    pitch_range: float = 0.0
    roll_range: float = 0.0
    visibility: float = 0.0
    motion: float = 0.0
    duplicate_rate: float = 0.0
    second_face_rate: float = 0.0
    padding: float = 0.0
    upscale: float = 0.0
    loudness: float = QUIETEST
    mouth_audio_correlation: float = 0.0
    mouth_audio_lag: float = 0.0


def sharpness(image_HWC: np.ndarray, box: np.ndarray) -> float:
    """Variance of the Laplacian of the box (left, top, right, bottom) in a uint8 RGB picture, see `Scores`."""
    height, width = image_HWC.shape[:2]
    left, top, right, bottom = np.round(np.clip(box, 0, [width, height, width, height])).astype(int)
    if right - left < 2 or bottom - top < 2:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(image_HWC[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    interpolation = cv2.INTER_AREA if right - left > _SHARPNESS_SIDE else cv2.INTER_CUBIC
    face = cv2.resize(grey, (_SHARPNESS_SIDE, _SHARPNESS_SIDE), interpolation=interpolation)
    return float(cv2.Laplacian(face, cv2.CV_64F).var())


def thumbnail(image_HWC: np.ndarray) -> np.ndarray:
    """A grey copy so small that encoding noise is averaged away, for `is_duplicate`."""
    small = cv2.resize(image_HWC, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def is_duplicate(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two thumbnails show the same picture; faces at rest differ by more than encoding noise."""
    return int(cv2.absdiff(a, b).max()) <= _SAME_PICTURE


def face_scores(points_T68x2: np.ndarray, fps: float, width: int, height: int) -> dict[str, float]:
    """What the landmarks alone tell, in a source frame of width x height; frames of NaN are passed over."""
    found = np.isfinite(points_T68x2).all(axis=(1, 2))
    if not found.any():
        return {}
    faces = points_T68x2[found]
    size = float(np.median([face_size(face) for face in faces]))
    inside = ((faces > -0.5) & (faces < np.array([width, height]) - 0.5)).all(axis=-1)
    steps = np.linalg.norm(np.diff(points_T68x2, axis=0), axis=-1).mean(axis=-1)
    moved = steps[np.isfinite(steps)]
    low, high = np.nanpercentile(head_angles(faces), (5, 95), axis=0)
    yaw, pitch, roll = (high - low).tolist()
    return {
        "face_size": size,
        "yaw_range": yaw,
        "pitch_range": pitch,
        "roll_range": roll,
        "visibility": float(inside.mean()),
        "motion": float(moved.mean()) * fps / size if len(moved) else 0.0,
    }


def sound_scores(samples_N: np.ndarray, rate: int, points_T68x2: np.ndarray, fps: float) -> dict[str, float]:
    """Scores of the sound and of its synchrony with the mouth. samples_N: -1 to 1, from the first frame on."""
    loudness = 20 * np.log10(max(float(np.sqrt(np.mean(samples_N**2))), 10 ** (QUIETEST / 20)))
    if loudness < _SILENCE:
        return {"loudness": loudness}
    n_frames = len(points_T68x2)
    edges = np.minimum(np.round(np.arange(n_frames + 1) * rate / fps).astype(int), len(samples_N))
    energy = np.concatenate([[0.0], np.cumsum(samples_N.astype(np.float64) ** 2)])
    envelope = np.log10(np.diff(energy[edges]) / np.maximum(np.diff(edges), 1) + 1e-6)
    eyes = np.linalg.norm(points_T68x2[:, 36] - points_T68x2[:, 45], axis=-1)
    opening = np.linalg.norm(points_T68x2[:, _LOWER_INNER_LIP] - points_T68x2[:, _UPPER_INNER_LIP], axis=-1)
    lag, correlation = _best_lag(opening / eyes, envelope, round(_LARGEST_LAG * fps))
    return {
        "loudness": loudness,
        "mouth_audio_correlation": correlation,
        "mouth_audio_lag": lag / fps,
    }


def _best_lag(mouth_T: np.ndarray, envelope_T: np.ndarray, largest: int) -> tuple[int, float]:
    """The lag in frames, and the correlation there; NaN in either is left out."""
    best = (0, 0.0)
    most = min(largest, len(mouth_T) - 1)
    for lag in sorted(range(-most, most + 1), key=abs):
        a = mouth_T[max(0, -lag) : len(mouth_T) - max(0, lag)]
        b = envelope_T[max(0, lag) : len(envelope_T) - max(0, -lag)]
        both = np.isfinite(a) & np.isfinite(b)
        if both.sum() < max(2, 2 * largest) or a[both].std() == 0 or b[both].std() == 0:
            continue
        correlation = float(np.corrcoef(a[both], b[both])[0, 1])
        if correlation > best[1]:
            best = (lag, correlation)
    return best
