"""The landmark backends by name; each is imported only when it is chosen, as its package is an extra."""

from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from faceanim.pose.landmark_weights import weights_folder
from faceanim.pose.landmarks import FaceLandmarker


class Backend(NamedTuple):
    """Where a backend's class is, the extra of its package, and which of `landmarker`'s options the class takes."""

    module: str
    class_name: str
    extra: str
    options: tuple[str, ...]


BACKENDS = {
    "face_alignment": Backend(
        *("faceanim.pose.face_alignment_landmarker", "FaceAlignmentLandmarker"),
        *("face-alignment", ("weights", "device")),
    ),
    "dlib": Backend("faceanim.pose.dlib_landmarker", "DlibLandmarker", "dlib", ("windows",)),
    "mediapipe": Backend(
        "faceanim.pose.mediapipe_landmarker", "MediapipeLandmarker", "mediapipe", ("weights",)
    ),
    "dwpose": Backend("faceanim.pose.dwpose_landmarker", "DwposeLandmarker", "dwpose", ("weights", "device")),
}


def landmarker(
    name: str, device: str | None = None, weights: str | Path | None = None, windows: bool = False
) -> FaceLandmarker:
    """Build the backend of this name with its default settings; its weights are loaded here, once.

    device: cpu or cuda[:index], for face_alignment and dwpose; None takes a GPU if there is one. The others
    always run on the CPU. weights: the folder of the weight files (see `weights_folder`); dlib's come with a
    package. windows: frames are cut out around one face, which dlib then searches smaller: 2.8 times as fast.
    """
    if name not in BACKENDS:
        raise ValueError(f"landmarks: expected one of {', '.join(BACKENDS)}, got {name!r}")
    backend = BACKENDS[name]
    given = {"device": device, "weights": weights_folder(weights), "windows": windows}
    try:
        build = getattr(import_module(backend.module), backend.class_name)
        return build(**{option: given[option] for option in backend.options})
    except ModuleNotFoundError as error:
        offline = "" if name == "dlib" else "; landmarks=dlib works offline"
        raise ValueError(
            f"landmarks={name} needs the package {error.name}: pip install 'faceanim[{backend.extra}]'{offline}"
        ) from error
    except ImportError as error:  # such as libGL, which the package's OpenCV may want
        raise ValueError(f"landmarks={name} cannot be loaded: {error}") from error
