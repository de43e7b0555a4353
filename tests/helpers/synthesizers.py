"""Synthesisers that may be missing."""

import ctypes.util
import shutil

import pytest

needs_synthesizers = pytest.mark.skipif(
    shutil.which("flite") is None or ctypes.util.find_library("espeak-ng") is None,
    reason="flite or espeak-ng is not installed (apt-get install flite espeak-ng)",
)
