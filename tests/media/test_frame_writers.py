"""Frames to a GIF and to PNG files, whole or not at all; the visible label."""

import av
import numpy as np
import pytest
from PIL import Image

from faceanim.media.errors import MediaError
from faceanim.media.frame_writers import GifWriter, PngWriter, VideoWriter, frame_writer
from faceanim.media.watermark import Watermark

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3)).astype(np.uint8)


def write(path, frames=FRAMES, fps=24.0, **kwargs) -> None:
    with frame_writer(path, fps, frames.shape[2], frames.shape[1], **kwargs) as writer:
        for frame in frames:
            writer.write(frame)


def test_png_files_hold_the_very_frames_and_the_comment(tmp_path):
    write(tmp_path / "frames", comment="made")
    paths = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in paths] == [f"{k:06d}.png" for k in range(4)]
    for path, frame in zip(paths, FRAMES, strict=True):
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), frame) and image.text["Comment"] == "made"
    write(tmp_path / "frames", FRAMES[:2])  # an older folder of frames is replaced ...
    assert len(list((tmp_path / "frames").iterdir())) == 2
    (tmp_path / "frames" / "mine.txt").touch()
    with pytest.raises(MediaError, match=r"holds more than frames, such as mine\.txt"):
        write(tmp_path / "frames")  # ... and nothing else is


def test_a_gif_shows_the_frames_at_their_times(tmp_path):
    smooth = (
        np.linspace(0, 255, 64, dtype=np.uint8)[None, None, :, None] // np.arange(1, 13)[:, None, None, None]
    )
    smooth = np.broadcast_to(smooth, (12, 48, 64, 3)).astype(np.uint8)
    write(tmp_path / "a.gif", smooth)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 12 and image.size == (64, 48) and image.info["loop"] == 0
        image.seek(3)
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - smooth[3]).max() <= 2
    with av.open(str(tmp_path / "a.gif")) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(12) / 24, atol=0.006)


@pytest.mark.parametrize("name", ["frames", "a.gif", "a.mp4"])
@pytest.mark.parametrize("after", [0, 2])
def test_nothing_stays_of_what_was_not_finished(tmp_path, name, after):
    def broken():
        yield from FRAMES[:after]
        raise RuntimeError("in the middle")

    with (
        pytest.raises(RuntimeError, match="in the middle"),
        frame_writer(tmp_path / name, 24, 64, 48) as writer,
    ):
        for frame in broken():
            writer.write(frame)
    with pytest.raises(ValueError, match="no frames"), frame_writer(tmp_path / name, 24, 64, 48):
        pass
    with pytest.raises(ValueError, match=r"expected uint8 \(48, 64, 3\), got uint8 \(24, 64, 3\)"):
        write_wrong(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def write_wrong(path) -> None:
    with frame_writer(path, 24, 64, 48) as writer:
        writer.write(FRAMES[0, :24])


def test_the_name_says_what_is_written():
    kinds = {"a.mp4": VideoWriter, "a.GIF": GifWriter, "a": PngWriter}
    assert {name: type(frame_writer(name, 24, 64, 48)) for name in kinds} == kinds
    with pytest.raises(ValueError, match=r"ends in \.mp4 or \.gif, or a folder"):
        frame_writer("a.avi", 24, 64, 48)
    with pytest.raises(ValueError, match="at most 50 frames a second"):
        frame_writer("a.gif", 60, 64, 48)


@pytest.mark.parametrize("size", [(512, 512), (64, 48), (16, 24)])
def test_the_label_is_legible_at_the_lower_left_and_changes_nothing_else(size):
    frame = np.full((*size, 3), 255, np.uint8)
    label = Watermark("AI-generated", *size)
    labelled = label.over(frame)
    assert (frame == 255).all()  # a copy was drawn on
    h, w, _ = label.text_hw1.shape
    changed = labelled != frame
    assert changed[-h:, :w].mean() > 0.5 and not changed[:-h].any() and not changed[:, w:].any()
    if size[0] == 512:
        corner = labelled[-h:, :w, 0]
        assert corner.max() == 255 and corner.min() < 120 and w < 512
