"""Animate one portrait photograph with the facial motion of a video, a template or speech."""

__version__ = "0.1.0"
