"""A raw folder with one video that is kept."""

from pathlib import Path

import pytest

from faceanim.media.video import write_video
from tests.helpers.demo import demo_frames


@pytest.fixture
def raw_face(tmp_path: Path) -> Path:
    """It holds a.mp4: 15 frames of the demo clip at 30 a second."""
    write_video(tmp_path / "raw" / "a.mp4", demo_frames()[:15], 30)
    return tmp_path / "raw"
