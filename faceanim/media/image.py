"""Read and write single images. H, W: pixels; C: RGB."""

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from faceanim.media.errors import EmptyMediaError, MediaError, TooManyPixelsError, TruncatedMediaError
from faceanim.media.files import atomic_path

# Named, because some of Pillow's other readers run external programs (EPS) or are rarely used and fragile.
READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
WRITABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

_ORIENTATION = 0x0112  # the EXIF tag
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_image(path: str | Path, max_pixels: int = 50_000_000) -> np.ndarray:
    """Return the image as uint8 (H, W, 3) RGB: EXIF orientation applied, transparency laid over white.

    The size is checked against `max_pixels` before any pixel is decoded. Of an animation, the first frame. `MediaError`
    for everything else, also for a TIFF of floats, which does not tell what is white.
    """
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"cannot read image {path}: no such file")
    if path.stat().st_size == 0:
        raise EmptyMediaError(f"cannot read image {path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's size warning: the check below is stricter
            with Image.open(path, formats=READABLE_FORMATS) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise TooManyPixelsError(
                        f"image {path} is too large: "
                        f"expected at most {max_pixels} pixels, got {width}x{height}"
                    )
                image.load()
                return _to_rgb(path, _upright(image))
    except (MediaError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(
            f"image {path} is too large: expected at most {max_pixels} pixels; {error}"
        ) from error
    except Image.UnidentifiedImageError as error:
        with path.open("rb") as file:
            if file.read(4) in _TIFF_BEGINS:
                raise _not_integers(path) from error
        formats = ", ".join(READABLE_FORMATS)
        raise MediaError(f"cannot read image {path}: expected one of {formats}, got another file") from error
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to
        reason = " ".join(str(error).split()) or type(error).__name__
        # Pillow has no type for it
        kind = TruncatedMediaError if "truncated" in reason.lower() else MediaError
        raise kind(f"cannot read image {path}: corrupt ({reason})") from error


def as_rgb(picture: str | Path | Image.Image | np.ndarray) -> np.ndarray:
    """A picture of any of these kinds as uint8 (H, W, 3) RGB, as `read_image` gives it.

    Arrays are uint8 (H, W), grey, or (H, W, 3 or 4), RGB or RGBA; ValueError for others.
    """
    if isinstance(picture, str | Path):
        return read_image(picture)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.shape[2:] not in ((), (3,), (4,)) or picture.ndim < 2:
            raise ValueError(
                f"picture: expected uint8 (H, W, 3) in RGB, (H, W, 4) or (H, W), got {picture.dtype} {picture.shape}"
            )
        if not picture.size:
            raise ValueError(f"picture: expected pixels, got none: {picture.shape}")
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image):
        raise ValueError(
            f"picture: expected a path, a PIL image or a numpy array, got {type(picture).__name__}"
        )
    return _to_rgb("in memory", _upright(picture))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image (H, W) or (H, W, C) at another size: by area where it gets smaller, else bicubic."""
    smaller = height < image.shape[0]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def cut(image_HWC: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """The rectangle of width x height at (x, y); over the image's border the border's pixels are repeated."""
    H, W = image_HWC.shape[:2]
    part_HWC = image_HWC[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
    if not part_HWC.size:
        raise ValueError(
            f"expected a part that touches the image of {W}x{H}, got {width}x{height} at {x}, {y}"
        )
    over = max(0, -y), max(0, y + height - H), max(0, -x), max(0, x + width - W)
    return cv2.copyMakeBorder(part_HWC, *over, cv2.BORDER_REPLICATE) if any(over) else part_HWC


def write_image(path: str | Path, image_HWC: np.ndarray) -> None:
    """Write a uint8 (H, W, 3) RGB image as PNG, JPEG or WebP by the path's suffix, atomically."""
    path = Path(path)
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        suffixes = ", ".join(WRITABLE_SUFFIXES)
        raise ValueError(f"cannot write image {path}: expected a name that ends in one of {suffixes}")
    if image_HWC.dtype != np.uint8 or image_HWC.ndim != 3 or image_HWC.shape[2] != 3:
        raise ValueError(
            f"cannot write image {path}: expected uint8 (H, W, 3), got {image_HWC.dtype} {image_HWC.shape}"
        )
    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image_HWC)).save(temporary, quality=95)


def _upright(image: Image.Image) -> Image.Image:
    """The image turned and mirrored as its EXIF orientation says; whatever else the tags hold is not looked at."""
    if image.format == "TIFF":
        return image  # turned while it was loaded
    try:
        value = image.getexif().get(_ORIENTATION)
        # Some writers store it as bytes, text or a list of one, not as the number that it should be.
        orientation = int(max(value) if isinstance(value, bytes | tuple) else value)
    except MemoryError:
        raise
    except Exception:  # no such tag, or none that can be read
        return image
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


def _to_rgb(path: str | Path, image: Image.Image) -> np.ndarray:
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise _not_integers(path)
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip at 255 rather than scale
        grey = (np.asarray(image).astype(np.int64) // 257).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _not_integers(path: str | Path) -> MediaError:
    return MediaError(
        f"cannot read image {path}: expected a TIFF of 1, 8 or 16 bits a channel, got a damaged one, or one of another "
        "kind (floats, say, do not tell what is white); save it with 8 or 16 bits"
    )
