"""Parts of the page as HTML, from the macros of views.html, which escape every value. H, W: pixels; C: RGB."""

import base64
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
from PIL import Image

from faceanim.app.analyzer import MotionAnalysis, PhotoAnalysis
from faceanim.app.job_queue import Job
from faceanim.app.messages import duration
from faceanim.app.service import Result
from faceanim.pose.draw import Drawing
from faceanim.pose.face_mask import face_mask
from faceanim.pose.preview import write_preview
from faceanim.pose.sequence import PoseSequence

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
)
_VIEWS = _TEMPLATES.get_template("views.html").module
_PREVIEW = 192  # pixels

status, alert = _VIEWS.status, _VIEWS.alert  # (words) -> HTML


def photo_view(photo: PhotoAnalysis, mask: dict) -> str:
    """Show the photo with its faces and the crop, the crop alone, and what the Face Locator sees of it.

    mask: options of ``face_mask``.
    """
    height, width = photo.shown.shape[:2]
    mask_HW = face_mask(photo.points, *photo.image.shape[:2], **mask)
    return _VIEWS.photo(
        _jpeg(photo.shown),
        width,
        height,
        photo.boxes.astype(float).round(1).tolist(),
        photo.crop.astype(float).round(1).tolist(),
        _jpeg(photo.image),
        _jpeg(np.round(photo.image * mask_HW[..., None]).astype(np.uint8)),
        photo.warnings,
    )


def motion_view(
    motion: MotionAnalysis, poses: PoseSequence | None, drawing: Drawing, warnings: Sequence[str] = ()
) -> str:
    """Show the poses as a small video, drawn as the pipeline was trained on them.

    poses: None for speech without a photo, of which only the length is known.
    """
    film = ""
    if poses is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "poses.mp4"
            write_preview(path, poses, _PREVIEW, drawing)
            film = _data_address("video/mp4", path.read_bytes())
    name = motion.name.replace("_", " ").capitalize() if motion.source == "template" else motion.name
    has_sound = motion.sound is not None
    return _VIEWS.motion(name, motion.seconds, has_sound, film, _PREVIEW, [*motion.warnings, *warnings])


def progress_view(job: Job) -> str:
    """Show the share of the work that is done, the time left and the newest frame."""
    words = f"{job.frames_done} of {len(job.poses)} frames, {job.share:.0%}"
    if job.seconds_left is not None:
        words += f", about {duration(job.seconds_left)} left"
    frame = "" if job.frame is None else _jpeg(job.frame)
    return _VIEWS.progress(words, round(job.share, 3), frame)


def result_view(result: Result) -> str:
    face = result.face_file
    return _VIEWS.finished(result.words, face and _address(face), face and face.name)


def results_view(paths: Sequence[Path]) -> str:
    """Show a visitor's videos, newest first, to play and to download."""
    return _VIEWS.results([_address(path) for path in paths])


def _address(path: Path) -> str:
    return f"gradio_api/file={quote(str(path))}"


def _jpeg(image_HWC: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image_HWC)).save(file, "JPEG", quality=88)
    return _data_address("image/jpeg", file.getvalue())


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
