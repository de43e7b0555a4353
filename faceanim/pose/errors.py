"""Errors of images and videos without a usable face."""


class NoFaceFoundError(ValueError):
    """No face in the image, or in any frame of the video."""


class FaceLostError(ValueError):
    """For too long, or in too many frames, to fill them from those before and after."""
