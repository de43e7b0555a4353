"""Nothing but a MediaError that names the file leaves the media room, whatever the file; and nothing hangs."""

import pytest

from faceanim.media.image import read_image
from faceanim.media.sound import has_sound
from faceanim.media.video import read_video
from tests.helpers.damaged import IMAGES, SOUNDS, VIDEOS, originals, run


def test_the_undamaged_files_are_read(tmp_path):
    files = originals()
    assert len(files) > 0.9 * (len(VIDEOS) + len(SOUNDS) + len(IMAGES))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        if name in IMAGES:
            assert read_image(tmp_path / name).shape in ((48, 64, 3), (64, 48, 3))
        elif name in VIDEOS:
            assert len(read_video(tmp_path / name).frames_THWC) in range(24, 27), name
        if name in SOUNDS:
            assert has_sound(tmp_path / name), name


def test_a_hundred_damaged_files_are_errors_that_name_them(tmp_path):
    assert run(tmp_path, 0, 100) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_two_thousand_damaged_files_are_errors_that_name_them(first, tmp_path):
    assert run(tmp_path, first, first + 500) == []
