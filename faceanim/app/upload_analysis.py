"""What is known of a photograph and of what drives it, before anything is generated. H, W: pixels; F: faces."""

import zipfile
import zlib
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceanim.media.sound import Soundtrack
from faceanim.pose.sequence import PoseSequence

_MOST_BYTES = 2**26  # of the arrays that the other process wrote


@dataclass(frozen=True)
class PhotoAnalysis:
    """image: uint8 (H, W, 3), the head at the video's size; landmarks (68, 2 or 3) in it, see `retarget`. shown: the
    whole photograph, smaller; boxes (F, 4) of all faces, crop (4,) of what is animated, in its pixels. name: of the
    file for people. face_file: what was cut out around a face that was chosen."""

    name: str
    image: np.ndarray
    landmarks: np.ndarray
    shown: np.ndarray
    boxes: np.ndarray
    crop: np.ndarray
    warnings: tuple[str, ...]
    face_file: Path | None = None

    @property
    def points(self) -> np.ndarray:
        """(68, 2)"""
        return self.landmarks[:, :2]


@dataclass(frozen=True)
class MotionAnalysis:
    """source: template, video or speech. name: the template's or the file's. poses: of the driver; None for speech,
    which becomes poses with the photograph. speech: what is heard, for the network; sound: for people."""

    source: str
    name: str
    seconds: float
    poses: PoseSequence | None
    speech: Path | None
    sound: Soundtrack | None
    warnings: tuple[str, ...] = ()


def read_arrays(path: Path, shapes: dict[str, tuple[type, tuple[int | None, ...]]]) -> dict[str, np.ndarray]:
    """The arrays of an .npz that a process wrote which is not trusted; nothing is unpickled.

    shapes: (kind, shape) of each, None for any side. Raises RuntimeError for anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        if n_bytes > _MOST_BYTES:
            raise ValueError(f"{n_bytes} bytes")
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in shapes}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise RuntimeError(f"{path.name}: expected {', '.join(shapes)}: {error}") from error
    for name, (kind, shape) in shapes.items():
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            side in (n, None) for side, n in zip(shape, array.shape, strict=True)
        )
        if array.dtype != kind or not fits or (kind is np.float32 and not np.isfinite(array).all()):
            raise RuntimeError(
                f"{path.name}: expected {name} {kind.__name__} {shape}, got {array.dtype} {array.shape}"
            )
    return arrays


class AnalysisCache:
    """The looks that were taken last, so that nothing is looked at twice."""

    def __init__(self, most: int = 200) -> None:
        self.most = most
        self._looks: dict[Hashable, PhotoAnalysis | MotionAnalysis] = {}

    def get(self, key: Hashable) -> PhotoAnalysis | MotionAnalysis | None:
        look = self._looks.pop(key, None)
        if look is not None:
            self._looks[key] = look  # now the newest
        return look

    def put(self, key: Hashable, look: PhotoAnalysis | MotionAnalysis) -> None:
        self._looks[key] = look
        while len(self._looks) > self.most:
            del self._looks[next(iter(self._looks))]
