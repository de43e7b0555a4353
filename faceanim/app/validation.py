"""Validation of what the page or a program sends, which may be anything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from faceanim.app.messages import UserError

SOURCES = ("template", "video", "speech")
_MAX_SEED = 2**31 - 1
_MAX_STEPS = 100
_MAX_FACES = 1000
_MAX_SECONDS = 86_400.0


@dataclass(frozen=True)
class VideoRequest:
    """The video that a visitor wants.

    photo, and motion for a video or speech: paths of uploads, whose owner the access middleware has checked; motion for
    a template: its name. face: which of several in the photo, by size from 0; None: the largest. seconds: at most, 0:
    the whole motion. steps: None: the preset's. label: write "AI-generated" into the frames.
    """

    photo: str | None
    face: int | None
    source: str
    motion: str | None
    preset: str
    seconds: float
    seed: int
    steps: int | None
    label: bool


def video_request(
    presets: Sequence[str],
    *,
    photo: Any,
    source: Any,
    template: Any,
    video: Any,
    speech: Any,
    preset: Any,
    seconds: Any,
    seed: Any,
    steps: Any,
    label: Any,
    face: Any,
) -> VideoRequest:
    """Build a request from the values of the form or of an API call; UserError for what is not allowed."""
    if source not in SOURCES:
        raise UserError(f"The motion comes from one of {', '.join(SOURCES)}.")
    if preset is not None and preset not in presets:
        raise UserError(f"Choose one of the qualities {', '.join(presets)}.")
    steps = _number(steps, "The number of steps", 1, _MAX_STEPS)
    return VideoRequest(
        photo=file_path(photo),
        face=face_index(face),
        source=source,
        motion=template if source == "template" else file_path({"video": video, "speech": speech}[source]),
        preset=presets[0] if preset is None else preset,
        seconds=_number(seconds, "The length in seconds", 0, _MAX_SECONDS) or 0.0,
        seed=int(_number(seed, "The seed", 0, _MAX_SEED) or 0),
        steps=None if steps is None else int(steps),
        label=label is True,
    )


def file_path(value: Any) -> str | None:
    """Return the path of an upload as Gradio sends it; UserError for anything else but None."""
    if value is None:
        return None
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str) or not path:
        raise UserError("Only files that you uploaded here can be used.")
    return path


def face_index(value: Any) -> int | None:
    """Return the index from 0 of a face that the page counts from 1."""
    number = _number(value, "The face", 1, _MAX_FACES)
    return None if number is None else int(number) - 1


def _number(value: Any, name: str, least: float, most: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{name} is a number.")
    if not least <= value <= most:
        raise UserError(f"{name} is from {least} to {most:g}.")
    return float(value)
