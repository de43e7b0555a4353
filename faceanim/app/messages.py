"""Messages for visitors, who do not know the program: errors, warnings and durations in plain words."""

from typing import Literal

import numpy as np

from faceanim.app.settings import Limits
from faceanim.app.upload_errors import ChosenFaceNotFoundError, FileTooLargeError, OutOfMemoryError
from faceanim.media import errors as media
from faceanim.media.sound import UNREADABLE
from faceanim.media.sound_reader import DAMAGED, LATER_TRACK
from faceanim.pipelines.step_counts import UnevenSteps
from faceanim.pose import errors as pose
from faceanim.pose.head_model import head_angles
from faceanim.pose.repair import FILLED

_MAX_ANGLES = (30.0, 25.0, 25.0)  # degrees of yaw, pitch and roll above which a photo gets a warning
_LEVEL_PITCH = 7.0  # degrees measured on a face that looks into the camera
_MIN_CROP = 0.5  # of the video's side: a head with fewer pixels looks soft
Kind = Literal["photo", "video", "speech"]
_NOUNS = {"photo": "photo", "video": "video", "speech": "sound"}
_FORMATS = {
    "photo": "Use a JPEG, PNG or WebP picture.",
    "video": "Use an MP4, MOV or WebM video.",
    "speech": "Use a WAV, MP3, M4A, OGG or FLAC file.",
}
NO_SPEECH = (
    "Speech is not available here: the model that this platform runs has no part that turns sound into motion. "
    "Choose a template, or a video."
)
_WARNINGS = {  # by the `note` of a log record
    FILLED: "The face is hidden for moments in this video; these are filled in from before and after.",
    UNREADABLE: "The sound of this video cannot be read, so that the result will be silent.",
    DAMAGED: "The sound of this file is damaged; there is silence where it cannot be read.",
    LATER_TRACK: "This file has several sound tracks; the first that is not silent is used.",
}


class UserError(Exception):
    """An error whose message is meant for the visitor."""


def upload_error(error: Exception, kind: Kind, limits: Limits) -> str:
    """Say why a file cannot be used, by the type of the error: one of `UPLOAD_ERRORS`, or RuntimeError."""
    noun = _NOUNS[kind]
    words = {
        Exception: f"This {noun} cannot be used. Choose another file.",
        RuntimeError: f"This {noun} could not be read in time, or at all. Choose a shorter or simpler file.",
        FileTooLargeError: f"This file is too large: at most {limits.megabytes(kind):g} MB are taken.",
        OutOfMemoryError: f"This {noun} is too large for this platform. Choose a smaller one.",
        media.MediaError: f"This file is broken, or no {noun} at all. {_FORMATS[kind]}",
        media.EmptyMediaError: f"This {noun} is empty. Choose another file.",
        media.TruncatedMediaError: f"This {noun} is incomplete, probably by a broken download. Choose another file.",
        media.TooManyPixelsError: (
            f"This photo has too many pixels: at most {limits.photo_megapixels:g} million are taken. Make it smaller."
            if kind == "photo"
            else f"The frames of this video are too large: at most {limits.video_megapixels:g} million pixels each are "
            "taken. Make it smaller."
        ),
        media.MediaTooLongError: (
            f"This {noun} is too long: at most "
            f"{limits.video_seconds if kind == 'video' else limits.speech_seconds:g} seconds are taken. Cut it."
        ),
        media.MediaTooShortError: f"This {noun} is too short. Choose another file.",
        media.NoStreamError: f"There is no {'sound' if kind == 'speech' else 'picture'} in this file. {_FORMATS[kind]}",
        media.FrameSizeChangesError: "This video changes its size in the middle. Choose another file.",
        pose.NoFaceFoundError: (
            f"No face was found in this {noun}. It should show one from the front, well lit and large enough."
        ),
        pose.FaceLostError: "The face is hidden for too long in this video. Choose or cut another.",
        ChosenFaceNotFoundError: "This face cannot be made out well enough. Choose another face, or another photo.",
    }
    return words[next(kind for kind in type(error).__mro__ if kind in words)]


def photo_warnings(points_68x2: np.ndarray, crop_pixels: int, size: int, n_faces: int) -> list[str]:
    """Return warnings about a photo that can be animated all the same.

    points_68x2: in pixels of the crop. crop_pixels: shorter side of the crop in the photo. size: side of the video.
    """
    words = []
    if n_faces > 1:
        words.append(
            f"There are {n_faces} faces in this photo; the one in the frame is animated. Choose which below."
        )
    if crop_pixels < _MIN_CROP * size:
        words.append(
            f"The face is small: {crop_pixels} pixels are blown up to {size}, so the video will look soft. A photo "
            "taken from nearer is better."
        )
    yaw, pitch, roll = head_angles(points_68x2[None])[0]
    if abs(yaw) > _MAX_ANGLES[0]:
        words.append(
            f"The head is turned to the side by about {abs(yaw):.0f} degrees. One from the front is better."
        )
    if abs(pitch - _LEVEL_PITCH) > _MAX_ANGLES[1]:
        words.append("The face looks up or down. One that looks straight into the camera is better.")
    if abs(roll) > _MAX_ANGLES[2]:
        words.append("The head is tilted. An upright one is better.")
    return words


def log_warnings(notes: list[str]) -> tuple[str, ...]:
    """Return the warning for each kind of log record (its attribute `note`) that reading a file gave, each once."""
    return tuple(_WARNINGS[note] for note in dict.fromkeys(notes) if note in _WARNINGS)


def steps_warning(uneven: UnevenSteps) -> str:
    """Say which numbers of steps the sampler takes evenly, unlike the chosen one."""
    better = " or ".join(map(str, uneven.better))
    return f"{uneven.steps} steps do not divide this model's schedule evenly, which costs quality" + (
        f": {better} are better." if better else "."
    )


def duration(seconds: float) -> str:
    """Return the duration as rounded seconds, or minutes from 90 s on."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
