"""What we write, every reader decodes to the same frames."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.video import VideoWriter, iter_video, read_video, write_video
from tests.helpers.demo import demo_frames


@pytest.fixture(scope="module")
def real_THWC() -> np.ndarray:
    return demo_frames()[:50]


@pytest.fixture(scope="module")
def clip(real_THWC: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    write_video(path, real_THWC, 24, crf=8)
    return path


def test_random_access_gives_the_same_bytes_as_a_full_decode(clip):
    whole = read_video(clip).frames_THWC
    reader = ClipReader(clip)
    order = np.random.default_rng(0).permutation(50).tolist()
    order += [49, 49, 0]
    assert len(reader) == 50
    np.testing.assert_array_equal(reader.read(order), whole[order])


def test_the_stream_is_h264_bt709_in_closed_groups_of_12_without_b_frames(clip):
    with av.open(str(clip)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        frames = list(container.decode(video=0))
        kinds = [PictureType(frame.pict_type).name for frame in frames]
        tags = {(f.colorspace, f.color_primaries, f.color_trc, f.color_range) for f in frames}
        assert [k for k, kind in enumerate(kinds) if kind == "I"] == [0, 12, 24, 36, 48]
        assert [k for k, frame in enumerate(frames) if frame.key_frame] == [0, 12, 24, 36, 48]
        assert "B" not in kinds
        assert [tuple(map(int, tag)) for tag in tags] == [(1, 1, 1, 1)]


def test_the_same_frames_give_the_same_bytes(clip, real_THWC, tmp_path):
    write_video(tmp_path / "b.mp4", real_THWC, 24, crf=8)
    assert (tmp_path / "b.mp4").read_bytes() == clip.read_bytes()


def test_a_lower_crf_is_closer_and_larger(clip, real_THWC, tmp_path):
    write_video(tmp_path / "b.mp4", real_THWC, 24, crf=35)
    worse = np.abs(read_video(tmp_path / "b.mp4").frames_THWC.astype(int) - real_THWC).mean()
    better = np.abs(read_video(clip).frames_THWC.astype(int) - real_THWC).mean()
    assert better < worse and (tmp_path / "b.mp4").stat().st_size < clip.stat().st_size


def test_frame_numbers_outside_the_clip_are_an_error(clip):
    reader = ClipReader(clip)
    for wrong in ([50], [-1], [0, 1, 99]):
        with pytest.raises(ValueError, match="expected frames from 0 to 49, got"):
            reader.read(wrong)
    with pytest.raises(ValueError, match="at least one frame"):
        reader.read([])


def test_a_clip_that_is_missing_or_no_video_is_an_error(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("absent.mp4", "text.mp4"):
        with pytest.raises(MediaError, match=name):
            ClipReader(tmp_path / name)


def test_an_interrupted_writer_leaves_nothing(tmp_path, real_THWC):
    def failing() -> Iterator[np.ndarray]:
        yield real_THWC[0]
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_video(tmp_path / "a.mp4", failing(), 24)
    with pytest.raises(ValueError, match="no frames"), VideoWriter(tmp_path / "b.mp4", 24, 64, 48):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_writer_needs_even_sides_and_frames_of_its_size(tmp_path):
    with pytest.raises(ValueError, match="even sides of at least 2 pixels, got width 63, height 48"):
        VideoWriter(tmp_path / "a.mp4", 24, 63, 48)
    with pytest.raises(ValueError, match=r"ends in \.mp4"):
        VideoWriter(tmp_path / "a.avi", 24, 64, 48)
    with pytest.raises(ValueError, match="crf from 0 to 51"):
        VideoWriter(tmp_path / "a.mp4", 24, 64, 48, crf=99)
    with pytest.raises(ValueError, match="gop of 1"):
        VideoWriter(tmp_path / "a.mp4", 24, 64, 48, gop=0)
    with pytest.raises(ValueError, match="fps above 0"):
        VideoWriter(tmp_path / "a.mp4", -1, 64, 48)
    with (
        pytest.raises(ValueError, match=r"frame 0 of .*expected uint8 \(48, 64, 3\), got uint8 \(10"),
        VideoWriter(tmp_path / "a.mp4", 24, 64, 48) as writer,
    ):
        writer.write(np.zeros((10, 10, 3), np.uint8))
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot write"):
        write_video(tmp_path / "file" / "a.mp4", np.zeros((1, 16, 16, 3), np.uint8), 24)


def test_the_group_length_can_be_chosen(tmp_path, real_THWC):
    write_video(tmp_path / "a.mp4", real_THWC[:9], 24, gop=4)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [k for k, f in enumerate(container.decode(video=0)) if f.key_frame] == [0, 4, 8]
    assert len(list(iter_video(tmp_path / "a.mp4"))) == 9
