"""Parts of the page as HTML: the macros of views.html, which escape every value. H, W: pixels; C: RGB."""

import base64
import io
import tempfile
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
from PIL import Image

from faceanim.app.analyzer import MotionAnalysis, PhotoAnalysis
from faceanim.app.messages import duration
from faceanim.pose.draw import Drawing
from faceanim.pose.face_mask import face_mask
from faceanim.pose.preview import write_preview
from faceanim.pose.sequence import PoseSequence

_PREVIEW = 192  # pixels


def photo_view(photo: PhotoAnalysis, mask: dict) -> str:
    """Show the photo with its faces and the crop, the crop alone, and what the Face Locator sees of it.

    mask: options of ``face_mask``.
    """
    mask_HW = face_mask(photo.points, *photo.image.shape[:2], **mask)
    return _views.photo(photo, np.round(photo.image * mask_HW[..., None]).astype(np.uint8))


def motion_view(
    motion: MotionAnalysis, poses: PoseSequence | None, drawing: Drawing, warnings: tuple[str, ...] = ()
) -> str:
    """Show the poses as a small video, drawn as the pipeline was trained on them.

    poses: None for speech without a photo, of which only the length is known.
    """
    film = ""
    if poses is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "poses.mp4"
            write_preview(path, poses, _PREVIEW, drawing)
            film = _data_url("video/mp4", path.read_bytes())
    return _views.motion(motion, film, _PREVIEW, warnings)


def _file_url(path: Path) -> str:
    return f"gradio_api/file={quote(str(path))}"


def _jpeg_url(image_HWC: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image_HWC)).save(file, "JPEG", quality=88)
    return _data_url("image/jpeg", file.getvalue())


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
)
_templates.filters |= {"file_url": _file_url, "jpeg": _jpeg_url, "duration": duration}
_views = _templates.get_template("views.html").module
status, alert = _views.status, _views.alert  # (words)
progress_view, result_view, results_view = (
    _views.progress,
    _views.result,
    _views.results,
)  # (job), (result), (paths)
