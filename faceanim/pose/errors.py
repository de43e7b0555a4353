"""What is wrong with pictures in which a face was looked for."""


class NoFaceFoundError(ValueError):
    """Nowhere in the picture, or in no frame of the video."""


class FaceLostError(ValueError):
    """For too long, or in too many frames, to fill them from those before and after."""
