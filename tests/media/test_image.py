"""Images come in upright, RGB and bounded, or not at all."""

import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from faceanim.media.errors import MediaError
from faceanim.media.image import read_image, write_image
from tests.helpers.images import png_header


def test_a_written_png_is_read_back_exactly(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    write_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)


# The corners (top left, top right, bottom left, bottom right) of what is stored, in the places where they are shown.
SHOWN = {1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "cadb", 7: "dbca", 8: "bdac"}
GREYS = {"a": 20, "b": 90, "c": 160, "d": 230}


def corners(image_HWC: np.ndarray) -> str:
    names = {value // 10: name for name, value in GREYS.items()}
    return "".join(names[round(image_HWC[y, x, 1] / 10)] for y in (2, -3) for x in (2, -3))


def quarters() -> Image.Image:
    grey = np.kron(np.array([[20, 90], [160, 230]], np.uint8), np.ones((16, 24), np.uint8))
    return Image.fromarray(grey).convert("RGB")


def exif_bytes(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF of any tags, types and counts, right or wrong; values of at most 4 bytes."""
    ifd = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in sorted(entries))
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + ifd + bytes(4)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", SHOWN)
def test_all_orientations_of_all_formats(orientation, suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    quarters().save(tmp_path / f"a{suffix}", exif=exif, quality=100)
    assert corners(read_image(tmp_path / f"a{suffix}")) == SHOWN[orientation]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (2, b"6"),
        (1, b"\6"),
        (7, b"\6\0"),
        (4, struct.pack("<I", 6)),
        (8, struct.pack("<h", 6)),
        (11, struct.pack("<f", 6)),
    ],
)
def test_orientations_of_a_wrong_type_are_followed(kind, content, suffix, tmp_path):
    count = len(content) if kind in (1, 2, 7) else 1
    quarters().save(tmp_path / f"a{suffix}", exif=exif_bytes((0x0112, kind, count, content)), quality=100)
    assert corners(read_image(tmp_path / f"a{suffix}")) == SHOWN[6]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(
    "orientation",
    [(2, 4, b"left"), (3, 1, b"\x63\0"), (3, 2, b"\6\0\6\0"), (5, 1, bytes(4)), (3, 0, b""), (99, 1, b"\6")],
)
def test_orientations_that_mean_nothing_leave_the_image(orientation, suffix, tmp_path):
    quarters().save(tmp_path / f"a{suffix}", exif=exif_bytes((0x0112, *orientation)), quality=100)
    assert corners(read_image(tmp_path / f"a{suffix}")) in (SHOWN[1], SHOWN[6])


RIGHT = (0x0112, 3, 1, b"\6\0")
WRONG = [
    (0x011A, 2, 3, b"72"),
    (0x0132, 4, 1, b"\7\0\0\0"),
    (0x8769, 2, 4, b"oops"),
    (0x0128, 12, 9, b"\xff" * 4),
]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("wrong", WRONG)
def test_other_tags_may_be_of_a_wrong_type(wrong, suffix, tmp_path):
    quarters().save(tmp_path / f"a{suffix}", exif=exif_bytes(RIGHT, wrong), quality=100)
    assert corners(read_image(tmp_path / f"a{suffix}")) == SHOWN[6]


def test_exif_that_is_no_exif_is_passed_over(tmp_path):
    for content in (b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0nonsense", b"Exif\0\0MM\0*\xff\xff\xff\xff"):
        quarters().save(tmp_path / "a.jpg", exif=content, quality=100)
        assert corners(read_image(tmp_path / "a.jpg")) == SHOWN[1]


def test_a_tiff_with_a_tag_of_a_wrong_type_is_read(tmp_path):
    quarters().save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    (n,) = struct.unpack_from("<H", content, at)
    entries = [content[at + 2 + 12 * k : at + 14 + 12 * k] for k in range(n)]
    for wrong in ((0x011A, 2, 3, b"72\0\0"), (0x0132, 4, 1, b"\7\0\0\0"), (0x8769, 2, 4, b"oops")):
        own = [struct.pack("<HHI4s", *wrong), struct.pack("<HHI4s", *RIGHT)]
        both = sorted([*entries, *map(bytearray, own)], key=lambda entry: struct.unpack_from("<H", entry))
        ifd = struct.pack("<H", len(both)) + b"".join(both) + bytes(4)
        moved = content[:4] + struct.pack("<I", len(content)) + content[8:] + ifd
        (tmp_path / "b.tif").write_bytes(moved)
        assert corners(read_image(tmp_path / "b.tif")) == SHOWN[6]


def test_a_tiff_of_floats_or_of_32_bits_is_refused_in_one_line(tmp_path):
    floats = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)
    Image.fromarray(floats).save(tmp_path / "grey.tif")
    Image.fromarray((floats * 1e9).astype(np.int32)).save(tmp_path / "integers.tif")
    cv2.imwrite(str(tmp_path / "colours.tif"), np.repeat(floats[..., None], 3, 2))
    for name in ("grey", "integers", "colours"):
        with pytest.raises(MediaError, match=rf"{name}\.tif: expected a TIFF of 1, 8 or 16 bits") as caught:
            read_image(tmp_path / f"{name}.tif")
        assert "\n" not in str(caught.value)


def test_images_of_other_kinds_keep_their_colours(tmp_path):
    """16 bits a channel, CMYK, one bit, palettes with a transparent entry, grey with alpha."""
    rgb = np.array([[[255, 0, 0], [0, 128, 255]], [[32, 200, 16], [255, 255, 255]]], np.uint8)
    wide = rgb.astype(np.uint16) * 257
    for suffix in (".png", ".tif"):
        cv2.imwrite(str(tmp_path / f"wide{suffix}"), wide[..., ::-1])
        np.testing.assert_array_equal(read_image(tmp_path / f"wide{suffix}"), rgb)
        Image.fromarray(wide[..., 1]).save(tmp_path / f"grey{suffix}")
        np.testing.assert_array_equal(read_image(tmp_path / f"grey{suffix}")[..., 0], rgb[..., 1])
        Image.fromarray(rgb[..., 0] > 100).save(tmp_path / f"bit{suffix}")
        assert read_image(tmp_path / f"bit{suffix}")[..., 0].tolist() == [[255, 0], [0, 255]]
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "cmyk.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "cmyk.tif"), rgb)
    big = Image.fromarray(np.kron(rgb, np.ones((16, 16, 1), np.uint8)))
    big.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "cmyk.jpg").astype(int) - np.array(big)).max() <= 12
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    for suffix in (".png", ".gif"):
        palette.save(tmp_path / f"palette{suffix}", transparency=1)
        assert read_image(tmp_path / f"palette{suffix}").tolist() == [[[255, 0, 0], [255, 255, 255]]]
    Image.fromarray(np.array([[[80, 255], [80, 0]]], np.uint8), "LA").save(tmp_path / "la.png")
    assert read_image(tmp_path / "la.png")[0, :, 0].tolist() == [80, 255]
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    ImageCms.profileToProfile(Image.fromarray(rgb), *profiles, outputMode="LAB").save(tmp_path / "lab.tif")
    assert np.abs(read_image(tmp_path / "lab.tif").astype(int) - rgb).max() <= 20


def test_transparency_is_laid_over_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == 255).all()


def test_grey_of_16_bits_keeps_its_shades(tmp_path):
    grey = np.array([[0, 32896, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 128, 255]


def test_an_image_of_too_many_pixels_is_refused_by_its_size(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((10, 20, 3), np.uint8))
    assert read_image(tmp_path / "a.png", max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(MediaError, match="expected at most 199 pixels, got 20x10"):
        read_image(tmp_path / "a.png", max_pixels=199)


def test_what_is_not_a_whole_image_is_refused(tmp_path):
    write_image(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    (tmp_path / "half.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (tmp_path / "bomb.png").write_bytes(png_header(16384, 16384))
    (tmp_path / "broken.png").write_bytes(png_header(64, 64))
    for name in ("half.jpg", "text.png", "script.png", "bomb.png", "broken.png", "absent.png", "."):
        with pytest.raises(MediaError, match=f"image .*{name}") as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_only_uint8_rgb_is_written_and_only_under_a_known_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\), got float64"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="expected a name that ends in one of"):
        write_image(tmp_path / "a.xyz", np.zeros((4, 4, 3), np.uint8))
