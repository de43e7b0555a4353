"""What the program finds, in words for people who do not know it."""

from typing import Literal

import numpy as np

from faceanim.app.settings import Limits
from faceanim.app.upload_errors import ChosenFaceNotFoundError, OutOfMemoryError
from faceanim.media import errors as media
from faceanim.media.sound import UNREADABLE
from faceanim.media.sound_reader import DAMAGED, LATER_TRACK
from faceanim.pipelines.step_counts import UnevenSteps
from faceanim.pose import errors as pose
from faceanim.pose.head_pose import head_angles
from faceanim.pose.repair import FILLED

_TURNED = (30.0, 25.0, 25.0)  # degrees of yaw, pitch and roll from which on a photo is warned of
_LEVEL = 7.0  # degrees of pitch that are measured of a face that looks into the camera
_TINY = 0.5  # of the video's side: a head cut out of fewer pixels looks soft
Look = Literal["photo", "video", "speech"]
_WHAT = {"photo": "photo", "video": "video", "speech": "sound"}
_TRY = {
    "photo": "Use a JPEG, PNG or WebP picture.",
    "video": "Use an MP4, MOV or WebM video.",
    "speech": "Use a WAV, MP3, M4A, OGG or FLAC file.",
}


def mistake(error: ValueError, look: Look, limits: Limits) -> str:
    """Why a file cannot be used, from the type of the error that reading it raised, see ``UPLOAD_ERRORS``."""
    words = _words(look, limits)
    kind = next((kind for kind in type(error).__mro__ if kind in words), ValueError)
    return words[kind]


def _words(look: Look, limits: Limits) -> dict[type[Exception], str]:
    what = _WHAT[look]
    return {
        ValueError: f"This {what} cannot be used. Choose another file.",
        media.MediaError: f"This file is broken, or no {what} at all. {_TRY[look]}",
        media.EmptyMediaError: f"This {what} is empty. Choose another file.",
        media.TruncatedMediaError: f"This {what} is incomplete, probably by a broken download. Choose another file.",
        media.TooManyPixelsError: (
            f"This photo has too many pixels: at most {limits.photo_megapixels:g} million are taken. Make it smaller."
            if look == "photo"
            else f"The frames of this video are too large: at most {limits.video_megapixels:g} million pixels each are "
            "taken. Make it smaller."
        ),
        media.MediaTooLongError: (
            f"This {what} is too long: at most {_seconds(look, limits):g} seconds are taken. Cut it."
        ),
        media.MediaTooShortError: f"This {what} is too short. Choose another file.",
        media.NoStreamError: f"There is no {'sound' if look == 'speech' else 'picture'} in this file. {_TRY[look]}",
        media.FrameSizeChangesError: "This video changes its size in the middle. Choose another file.",
        pose.NoFaceFoundError: (
            f"No face was found in this {what}. It should show one from the front, well lit and large enough."
        ),
        pose.FaceLostError: "The face is hidden for too long in this video. Choose or cut another.",
        ChosenFaceNotFoundError: "This face cannot be made out well enough. Choose another face, or another photo.",
        OutOfMemoryError: f"This {what} is too large for this platform. Choose a smaller one.",
    }


def gave_up(look: Look) -> str:
    """The process that looked at the file died or took too long."""
    return f"This {_WHAT[look]} could not be read in time, or at all. Choose a shorter or simpler file."


def of_photo(points_68x2: np.ndarray, crop_pixels: int, size: int, n_faces: int) -> list[str]:
    """Warnings, none of which forbids to go on."""
    words = []
    if n_faces > 1:
        words.append(
            f"There are {n_faces} faces in this photo; the one in the frame is animated. Choose which below."
        )
    if crop_pixels < _TINY * size:
        words.append(
            f"The face is small: {crop_pixels} pixels are blown up to {size}, so the video will look soft. A photo "
            "taken from nearer is better."
        )
    yaw, pitch, roll = head_angles(points_68x2[None])[0]
    if abs(yaw) > _TURNED[0]:
        words.append(
            f"The head is turned to the side by about {abs(yaw):.0f} degrees. One from the front is better."
        )
    if abs(pitch - _LEVEL) > _TURNED[1]:
        words.append("The face looks up or down. One that looks straight into the camera is better.")
    if abs(roll) > _TURNED[2]:
        words.append("The head is tilted. An upright one is better.")
    return words


def of_notes(notes: list[str]) -> list[str]:
    """Return the words for visitors for each kind of warning (`note` of a log record) that reading a file gave."""
    words = {
        FILLED: "The face is hidden for moments in this video; these are filled in from before and after.",
        UNREADABLE: "The sound of this video cannot be read, so that the result will be silent.",
        DAMAGED: "The sound of this file is damaged; there is silence where it cannot be read.",
        LATER_TRACK: "This file has several sound tracks; the first that is not silent is used.",
    }
    return [words[note] for note in dict.fromkeys(notes) if note in words]


def of_steps(uneven: UnevenSteps) -> str:
    """A number of steps that the sampler takes unevenly."""
    better = " or ".join(map(str, uneven.better))
    return f"{uneven.steps} steps do not divide this model's schedule evenly, which costs quality" + (
        f": {better} are better." if better else "."
    )


def _seconds(look: str, limits: Limits) -> float:
    return limits.video_seconds if look == "video" else limits.speech_seconds


def clock(seconds: float) -> str:
    """Rounded, for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
