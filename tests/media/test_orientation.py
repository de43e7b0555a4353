"""Videos and their display matrices: all eight ways that a camera can be held or mirrored, as browsers show them."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from PIL import Image

from faceanim.media.clip_reader import ClipReader
from faceanim.media.video import iter_video, read_video, video_info, write_video

ONE = 1 << 16

# Where the stored picture's corners (top left, top right, bottom left, bottom right, here 0 to 3) are shown, in the
# same order, by the matrix (a, b, c, d): a point (x, y) goes to (a x + c y, b x + d y), x to the right and y down.
SHOWN = {
    (1, 0, 0, 1): (0, 1, 2, 3),
    (0, 1, -1, 0): (2, 0, 3, 1),  # a phone held upright: a quarter turn clockwise
    (-1, 0, 0, -1): (3, 2, 1, 0),
    (0, -1, 1, 0): (1, 3, 0, 2),
    (-1, 0, 0, 1): (1, 0, 3, 2),  # a mirror, left to right
    (1, 0, 0, -1): (2, 3, 0, 1),  # upside down in a mirror
    (0, 1, 1, 0): (0, 2, 1, 3),  # transposed
    (0, -1, -1, 0): (3, 1, 2, 0),
}


def corners(image_HWC: np.ndarray) -> tuple[int, ...]:
    """Which of the four greys of `stored` is in each corner."""
    grey = image_HWC[..., 1].astype(int)
    ends = [grey[y, x] for y in (4, -5) for x in (4, -5)]
    return tuple(round((value - 20) / 70) for value in ends)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A video of 64x48 whose quarters are of four greys."""
    quarters = np.kron(np.array([[20, 90], [160, 230]], np.uint8), np.ones((24, 32), np.uint8))
    write_video(tmp_path / "v.mp4", np.repeat(np.repeat(quarters[None, ..., None], 3, 3), 4, 0), 25, crf=0)
    return tmp_path / "v.mp4"


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write the track's matrix in place; the translation brings the picture back, as cameras write it."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    assert content[at - 44 + 4] == 0  # version
    x, y = 64 * (a < 0) + 48 * (c < 0), 64 * (b < 0) + 48 * (d < 0)
    matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, x * ONE, y * ONE, 1 << 30)
    content[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)


@pytest.mark.parametrize("matrix", SHOWN)
def test_a_display_matrix_turns_and_mirrors_as_in_a_browser(matrix, stored):
    with_matrix(stored, *matrix)
    height, width = (48, 64) if matrix[0] else (64, 48)
    for frame in iter_video(stored):
        assert frame.image_HWC.shape == (height, width, 3) and frame.image_HWC.flags.c_contiguous
        assert corners(frame.image_HWC) == SHOWN[matrix]
    info = video_info(stored)
    assert (info.width, info.height) == (width, height)
    assert corners(read_video(stored, fps=12).frames_THWC[-1]) == SHOWN[matrix]
    assert corners(ClipReader(stored).read([2])[0]) == SHOWN[matrix]


def test_a_matrix_that_is_none_of_the_eight_is_taken_for_the_nearest(stored):
    content = bytearray(stored.read_bytes())
    at = content.index(b"tkhd") + 44
    for a, b, c, d, expected in (
        (2 * ONE, 0, 0, 2 * ONE, (0, 1, 2, 3)),  # scaled
        (3000, ONE, -ONE, 2000, (2, 0, 3, 1)),
        (0, 0, 0, 0, (0, 1, 2, 3)),  # no picture at all by the letter
    ):
        content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        stored.write_bytes(content)
        assert corners(next(iter_video(stored)).image_HWC) == expected


def test_the_container_s_matrix_counts_where_the_coded_frames_say_something_else(stored):
    """As in browsers. A display orientation in the H.264 stream (SEI) alone is followed."""
    turned = stored.with_name("sei.mp4")
    with av.open(str(stored)) as read, av.open(str(turned), "w") as write:
        stream = read.streams.video[0]
        copy = write.add_stream_from_template(stream)
        add = BitStreamFilterContext("h264_metadata=display_orientation=insert:rotate=90", stream)
        for packet in read.demux(stream):
            for changed in add.filter(packet if packet.size else None):
                changed.stream = copy
                write.mux(changed)
    counter_clockwise = SHOWN[(0, -1, 1, 0)]
    assert corners(next(iter_video(turned)).image_HWC) == counter_clockwise
    with_matrix(turned, -1, 0, 0, 1)
    assert corners(next(iter_video(turned)).image_HWC) == SHOWN[(-1, 0, 0, 1)]


@pytest.mark.parametrize(
    ("orientation", "expected"), [(1, (0, 1, 2, 3)), (6, (2, 0, 3, 1)), (8, (1, 3, 0, 2))]
)
def test_frames_with_exif_are_read(orientation, expected, tmp_path):
    """As cameras write motion JPEG; av has no name for this kind of side data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    quarters = np.kron(np.array([[20, 90], [160, 230]], np.uint8), np.ones((24, 32), np.uint8))
    content = io.BytesIO()
    Image.fromarray(quarters).convert("RGB").save(content, "JPEG", exif=exif, quality=95)
    with av.open(str(tmp_path / "v.mov"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for k in range(3):
            packet = av.Packet(content.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, k, k, Fraction(1, 25)
            container.mux(packet)
    for frame in iter_video(tmp_path / "v.mov"):
        assert corners(frame.image_HWC) == expected
