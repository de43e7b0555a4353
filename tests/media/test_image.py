"""Images come in upright, RGB and bounded, or not at all."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceanim.media.errors import MediaError
from faceanim.media.image import read_image, write_image

HOSTILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "hostile"


def test_a_written_png_is_read_back_exactly(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    write_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)


def test_the_cameras_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 4))
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    image.save(tmp_path / "a.png", exif=exif)
    upright = read_image(tmp_path / "a.png")
    assert upright.shape == (8, 4, 3)
    assert upright[0, -1].tolist() == [255, 0, 0]


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == 255).all()


def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path) -> None:
    grey = np.array([[0, 32896, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 128, 255]


def test_an_image_of_too_many_pixels_is_refused_by_its_size(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((10, 20, 3), np.uint8))
    assert read_image(tmp_path / "a.png", max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(MediaError, match="expected at most 199 pixels, got 20x10"):
        read_image(tmp_path / "a.png", max_pixels=199)


def test_what_is_not_a_whole_image_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    (tmp_path / "half.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name in ("half.jpg", "text.png", "script.png", "absent.png", "."):
        with pytest.raises(MediaError, match="cannot read image") as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_only_uint8_rgb_is_written_and_only_under_a_known_suffix(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\), got float64"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="expected a name that ends in one of"):
        write_image(tmp_path / "a.xyz", np.zeros((4, 4, 3), np.uint8))


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="the shared hostile files are not here")
@pytest.mark.parametrize("name", ["bomb_16384px.png", "broken.png", "truncated.jpg", "text.mp4"])
def test_hostile_images_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(MediaError, match=name) as caught:
        read_image(HOSTILE / name)
    assert "\n" not in str(caught.value)
