"""From what a page or a program sends, which may be anything, to what is to be made."""

import math
from pathlib import Path
from typing import Any

from faceanim.app.analyzer import SOURCES, UserError
from faceanim.app.service import VideoRequest

_MOST_SEED = 2**31 - 1
_MOST_STEPS = 100
_MOST_FACES = 1000
_MOST_SECONDS = 86_400.0


def file_of(value: Any) -> str | None:
    """The path of an upload, of which the door has made sure whose it is."""
    if value is None:
        return None
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str) or not path:
        raise UserError("Only files that you uploaded here can be used.")
    return path


def face_of(value: Any) -> int | None:
    """Face 1, the largest, is number 0."""
    number = _number(value, "The face", 1, _MOST_FACES)
    return None if number is None else int(number) - 1


def validated_request(
    photo: Any,
    face: Any,
    source: Any,
    values: dict[str, Any],
    preset: Any,
    seconds: Any,
    seed: Any,
    steps: Any,
    label: Any,
) -> VideoRequest:
    """values: what each source would take. Raises UserError for what makes no sense."""
    if source not in SOURCES:
        raise UserError(f"The motion comes from one of {', '.join(SOURCES)}.")
    value = values[source]
    if source != "template":
        value = file_of(value)
    elif not isinstance(value, str):
        raise UserError("Choose one of the motions.")
    if not isinstance(preset, str):
        raise UserError("Choose one of the qualities.")
    path = file_of(photo)
    number_of_steps = _number(steps, "The number of steps", 1, _MOST_STEPS)
    return VideoRequest(
        photo=Path(path) if path else None,
        face=face_of(face),
        source=source,
        value=value,
        preset=preset,
        seconds=_number(seconds, "The length in seconds", 0, _MOST_SECONDS) or 0.0,
        seed=int(_number(seed, "The seed", 0, _MOST_SEED) or 0),
        steps=None if number_of_steps is None else int(number_of_steps),
        label=label is True,
    )


def _number(value: Any, name: str, least: float, most: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{name} is a number.")
    if not least <= value <= most:
        raise UserError(f"{name} is from {least} to {most:g}.")
    return float(value)
