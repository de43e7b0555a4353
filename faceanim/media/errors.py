"""The errors that readers and writers of media raise, by kind: what to tell people follows the type, not the words."""


class MediaError(ValueError):
    """A file cannot be read or written as asked; the message is one line naming the file and the reason.

    Of none of the kinds below: broken, or not of the kind that was expected.
    """


class NoStreamError(MediaError):
    """The file holds no stream of the kind that is asked for: no sound, or no picture but a cover."""


class EmptyMediaError(MediaError):
    """It has no bytes, frames or samples."""


class TruncatedMediaError(MediaError):
    """It ends before it should."""


class TooManyPixelsError(MediaError):
    """A picture or a frame is larger than allowed."""


class MediaTooLongError(MediaError):
    """It lasts longer than allowed."""


class MediaTooShortError(MediaError):
    """It lasts less long than needed."""


class FrameSizeChangesError(MediaError):
    """A video's frames are not of one size."""
