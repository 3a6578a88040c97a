"""Makes an uploaded image safe to show: its kind by its content, drawn anew, without what it carried.

Nothing of the upload is served: pixels are decoded within bounds and encoded again, so there is no
EXIF, no profile, no comment, no second document. SVG is no image here: it is a program.
"""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from mta.model.errors import PermanentError

MAX_UPLOAD = 8 * 1024 * 1024  # octets
MAX_PIXELS = 40_000_000  # of all frames: 160 MB while it is decoded
MAX_FRAMES = 60
MAX_SIDE = 1600  # pixels that are kept: 600 shown, at more than double density
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_QUALITY = 84


class ImageRefused(PermanentError):
    """The upload is no image that can be used; `code` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class SafeImage:
    """An image that was drawn anew."""

    data: bytes
    media_type: str
    width: int
    height: int


def safe_image(data: bytes) -> SafeImage:
    """The image, at most `MAX_SIDE` pixels wide and high. Raises `ImageRefused`. For a thread."""
    if len(data) > MAX_UPLOAD:
        raise ImageRefused("too_large", f"more than {MAX_UPLOAD} octets")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check(image)
                return _redrawn(image)
    except ImageRefused:
        raise
    except UnidentifiedImageError:
        raise ImageRefused("no_image", "no PNG, JPEG, GIF or WebP") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageRefused("too_many_pixels", f"more than {MAX_PIXELS} pixels") from None
    except Exception as error:
        raise ImageRefused("broken", f"cannot be read: {type(error).__name__}") from None


def _check(image: Image.Image) -> None:
    """By what its header says, before anything is decoded."""
    width, height = image.size
    frames = int(getattr(image, "n_frames", 1))
    if width * height * min(frames, MAX_FRAMES + 1) > MAX_PIXELS:
        raise ImageRefused("too_many_pixels", f"{width} x {height}, at most {MAX_PIXELS} pixels")
    if frames > MAX_FRAMES:
        raise ImageRefused("too_many_frames", f"{frames} frames, at most {MAX_FRAMES}")


def _redrawn(image: Image.Image) -> SafeImage:
    if image.format == "GIF" and getattr(image, "is_animated", False):
        return _animation(image)
    upright = ImageOps.exif_transpose(image)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    is_drawing = image.format in ("PNG", "GIF")
    drawn = upright.convert("RGBA" if has_alpha else "RGB")
    drawn.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    clean = Image.new(drawn.mode, drawn.size)
    clean.paste(drawn)
    output = io.BytesIO()
    if has_alpha or is_drawing:
        clean.save(output, "PNG", optimize=True)
        return SafeImage(output.getvalue(), "image/png", *clean.size)
    clean.save(output, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return SafeImage(output.getvalue(), "image/jpeg", *clean.size)


def _animation(image: Image.Image) -> SafeImage:
    frames, durations = [], []
    for number in range(int(getattr(image, "n_frames", 1))):
        image.seek(number)
        frame = image.convert("RGBA")
        frame.thumbnail((MAX_SIDE, MAX_SIDE))
        frames.append(frame)
        durations.append(max(20, min(int(image.info.get("duration", 100)), 10_000)))
    output = io.BytesIO()
    frames[0].save(
        output, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0,
        disposal=2,
    )  # fmt: skip
    return SafeImage(output.getvalue(), "image/gif", *frames[0].size)
