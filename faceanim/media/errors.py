"""The error that every reader and writer of media raises."""


class MediaError(ValueError):
    """A file cannot be read or written as asked; the message is one line naming the file and the reason."""


class NoStreamError(MediaError):
    """The file holds no stream of the kind that is asked for: no sound, or no picture but a cover."""
