"""Error types of unusable uploads, and how they pass from the sandbox process to the server as JSON."""

from typing import Any

from faceanim.media import errors as media
from faceanim.pose import errors as pose


class ChosenFaceNotFoundError(pose.NoFaceFoundError):
    """No landmarks were found on the face that the visitor chose."""


class FileTooLargeError(ValueError):
    """The file has more bytes than `Limits.megabytes` allows."""


class OutOfMemoryError(ValueError):
    """Analyzing the file takes more memory than `Limits.analysis_gigabytes`."""


UPLOAD_ERRORS: tuple[type[ValueError], ...] = (
    media.MediaError,
    media.EmptyMediaError,
    media.TruncatedMediaError,
    media.TooManyPixelsError,
    media.MediaTooLongError,
    media.MediaTooShortError,
    media.NoStreamError,
    media.FrameSizeChangesError,
    pose.NoFaceFoundError,
    pose.FaceLostError,
    ChosenFaceNotFoundError,
    FileTooLargeError,
    OutOfMemoryError,
)


def to_json(error: ValueError) -> dict[str, str]:
    """Return the error as a record: nearest type in `UPLOAD_ERRORS` by name (else ValueError), message on one line."""
    kind = next((kind for kind in type(error).__mro__ if kind in UPLOAD_ERRORS), ValueError)
    return {"error": kind.__name__, "message": " ".join(str(error).split())}


def from_json(content: dict[str, Any], path: str) -> ValueError:
    """Rebuild the error from `to_json`'s record, with FILE in place of the upload's path."""
    kinds = {kind.__name__: kind for kind in UPLOAD_ERRORS}
    return kinds.get(content["error"], ValueError)(str(content["message"]).replace(path, "FILE"))
