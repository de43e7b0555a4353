"""Pieces of the page that are made as HTML. H, W: pixels; C: RGB. Nothing in here comes from a visitor unescaped."""

import base64
import io
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from faceanim.app.job_queue import Job
from faceanim.app.messages import clock
from faceanim.app.service import Result
from faceanim.app.upload_analysis import MotionAnalysis, PhotoAnalysis
from faceanim.pose.draw import Drawing
from faceanim.pose.face_mask import face_mask
from faceanim.pose.preview import write_preview
from faceanim.pose.sequence import PoseSequence

_PREVIEW = 192  # pixels


def photo_view(look: PhotoAnalysis, mask: dict) -> str:
    """The photograph with its faces and the frame around what is animated, this part, and what the Face Locator
    sees of it. mask: options of ``face_mask``."""
    height, width = look.shown.shape[:2]
    boxes = "".join(
        _rectangle(box, "face") + f'<text x="{box[0] + 4:.0f}" y="{box[1] + 18:.0f}">{number}</text>'
        for number, box in enumerate(look.boxes, start=1)
        if len(look.boxes) > 1
    )
    alone = face_mask(look.points, *look.image.shape[:2], **mask)
    located = np.round(look.image * alone[..., None]).astype(np.uint8)
    figures = (
        (
            f'<div class="fa-over">{image(look.shown, "Your photo, with a frame around the head that is animated")}'
            f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{boxes}'
            f"{_rectangle(look.crop, 'crop')}</svg></div>",
            "Found face",
        ),
        (image(look.image, "The head, cut out"), "What is animated"),
        (image(located, "The face alone, on black"), "What the Face Locator sees"),
    )
    row = "".join(f"<figure>{inside}<figcaption>{words}</figcaption></figure>" for inside, words in figures)
    return f'<div class="fa-row">{row}</div>{notes(look.warnings)}'


def motion_view(
    look: MotionAnalysis, poses: PoseSequence | None, drawing: Drawing, warnings: Sequence[str] = ()
) -> str:
    """The poses as a small video, drawn as the pipeline was trained on them; of speech without a photograph, which has
    none yet, only how long it is."""
    name = look.name.replace("_", " ").capitalize() if look.source == "template" else look.name
    words = f"{escape(name)}: {look.seconds:.1f} seconds"
    if look.sound is not None:
        words += ", with sound"
    film = pose_video(poses, drawing) if poses is not None else ""
    caption = f"<figcaption>{words}</figcaption>"
    return f'<figure class="fa-poses">{film}{caption}</figure>{notes([*look.warnings, *warnings])}'


def pose_video(poses: PoseSequence, drawing: Drawing) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poses.mp4"
        write_preview(path, poses, _PREVIEW, drawing)
        data = base64.b64encode(path.read_bytes()).decode()
    return (
        '<video controls loop muted playsinline autoplay aria-label="The motion, drawn as lines" '
        f'width="{_PREVIEW}" src="data:video/mp4;base64,{data}"></video>'
    )


def progress_view(job: Job, waiting: str) -> str:
    """How far a video is; the newest frame."""
    if job.state == "waiting":
        return f'<div class="fa-status" role="status">{escape(waiting)}</div>'
    left = job.seconds_left
    words = f"{job.frames_done} of {len(job.poses)} frames, {job.share:.0%}"
    if left is not None:
        words += f", about {clock(left)} left"
    bar = f'<progress max="1" value="{job.share:.3f}" aria-label="Progress"></progress>'
    frame = image(job.frame, "The newest frame") if job.frame is not None else ""
    return f'<div class="fa-status" role="status">{words}</div>{bar}<div class="fa-live">{frame}</div>'


def results_view(paths: Sequence[Path]) -> str:
    """A visitor's videos, newest first, to play and to download."""
    if not paths:
        return ""
    items = []
    for number, path in enumerate(paths, start=1):
        link = _link(path, f"animation_{number}.mp4", f"Download {number}")
        items.append(
            f'<figure><video controls preload="metadata" src="{_address(path)}#t=0.1" '
            f'aria-label="Video {number}"></video><figcaption>{link}</figcaption></figure>'
        )
    return f'<div class="fa-step"><h2>Your latest videos</h2></div><div class="fa-results">{"".join(items)}</div>'


def made_view(made: Result) -> str:
    words = escape(made.words)
    if made.face_file is not None:
        words += f" The command below needs {_link(made.face_file, made.face_file.name, 'the face that you chose')}."
    return f'<div class="fa-status" role="status">{words}</div>'


def _address(path: Path) -> str:
    return f"gradio_api/file={quote(str(path))}"


def _link(path: Path, name: str, words: str) -> str:
    return f'<a href="{_address(path)}" download="{escape(name)}">{escape(words)}</a>'


def alert(words: str) -> str:
    return f'<div class="fa-alert" role="alert">{escape(words)}</div>'


def status(words: str) -> str:
    return f'<div class="fa-status" role="status">{escape(words)}</div>'


def notes(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(words)}</li>" for words in warnings)
    return f'<ul class="fa-notes" role="status">{items}</ul>' if items else ""


def image(picture_HWC: np.ndarray, words: str) -> str:
    """An <img> that holds the picture itself, as a JPEG."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture_HWC)).save(file, "JPEG", quality=88)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(words)}" src="data:image/jpeg;base64,{data}">'


def _rectangle(box: np.ndarray, kind: str) -> str:
    x0, y0, x1, y1 = (float(value) for value in box)
    return f'<rect class="{kind}" x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"/>'
