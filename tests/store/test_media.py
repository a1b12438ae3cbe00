"""What a provider sends is opened before it is believed, and kept as the platform says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from reconciler.pipeline.port import Picture
from reconciler.store.media import MediaRules, inspect_picture, picture_path, prepare_picture, store_picture


def encoded(format_: str = "PNG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, options.pop("color", None) or 90).save(stream, format_, **options)
    return stream.getvalue()


def prepared(data: bytes, **rules: Any) -> tuple[Picture, bytes]:
    result = prepare_picture(data, MediaRules(**rules))
    assert not isinstance(result, str), result
    return result


def reread(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


PRIVATE = PngImagePlugin.PngInfo()
PRIVATE.add_text("prompt", "what was asked for")


def exif(**tags: Any) -> Any:
    data = Image.Exif()
    data[0x010E] = "where it was taken"
    data[0x0112] = tags.get("orientation", 1)
    return data


def test_bytes_that_fit_and_say_nothing_more_stay_as_they_are():
    data = encoded()
    picture, kept = prepared(data)
    assert kept is data and inspect_picture(data) == picture
    assert (picture.media_type, picture.width, picture.height, picture.size_bytes) == ("image/png", 60, 40, len(data))


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "avif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "LA", "I;16"])
def test_every_kind_of_pixels_becomes_every_format(format_, mode, tmp_path):
    data = encoded("JPEG" if mode == "CMYK" else "PNG", mode=mode, color=(9, 9, 9, 9)[: len(Image.new(mode, (1, 1)).getbands())] if mode != "P" else 3)  # fmt: skip
    picture, kept = prepared(data, format=format_)
    assert picture.media_type == f"image/{format_}" and reread(kept).format == format_.upper()
    assert reread(kept).size == (60, 40) == (picture.width, picture.height)
    path = store_picture(tmp_path, picture, kept)
    assert path == picture_path(tmp_path, picture.sha256, picture.media_type) and path.read_bytes() == kept
    assert store_picture(tmp_path, picture, b"never written: the name says what it holds").read_bytes() == kept


@pytest.mark.parametrize("format_", ["original", "webp", "avif", "jpeg", "png"])
@pytest.mark.parametrize(
    "data", [encoded("JPEG", exif=exif()), encoded("PNG", pnginfo=PRIVATE), encoded("WEBP", exif=exif())]
)
def test_what_a_file_says_about_itself_is_not_kept(format_, data):
    _, kept = prepared(data, format=format_)
    for secret in (b"where it was taken", b"what was asked for"):
        assert secret not in kept
    assert not len(reread(kept).getexif())


def test_a_picture_on_its_side_is_turned_before_its_word_for_it_goes():
    picture, _ = prepared(encoded("JPEG", exif=exif(orientation=6)))
    assert (picture.width, picture.height) == (40, 60)


def test_colours_keep_their_profile():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, kept = prepared(encoded("JPEG", icc_profile=profile), format="webp")
    assert reread(kept).info["icc_profile"] == profile


def test_what_was_transparent_is_white_in_a_jpeg():
    _, kept = prepared(encoded(mode="RGBA", color=(200, 0, 0, 0)), format="jpeg")
    assert all(channel > 250 for channel in reread(kept).convert("RGB").getpixel((5, 5)))  # type: ignore[union-attr]


@given(st.integers(1, 400), st.integers(1, 400), st.integers(16, 300))
def test_no_side_is_longer_than_allowed_and_the_shape_stays(width, height, side_max):
    picture, _ = prepared(encoded(size=(width, height)), side_max=side_max)
    assert max(picture.width, picture.height) == min(side_max, max(width, height))
    scale = picture.width / width if width >= height else picture.height / height
    assert abs(picture.width - width * scale) <= 1 and abs(picture.height - height * scale) <= 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no image"),
        (b"<!doctype html><p>sorry", "they are a page"),
        (b"\n <svg xmlns='http://www.w3.org/2000/svg'/>", "they are a page"),
        (b"GIF89a" + b"\0" * 40, "of no kind that is kept"),
        (encoded()[:-40], "no image"),
        (encoded("JPEG", size=(400, 400), quality=95)[:-1200], "no image"),
        (encoded("WEBP")[:-9], "no image"),
        (encoded("PNG", size=(9000, 9000), mode="1"), "too large: 9000x9000"),
    ],
)
def test_what_is_no_image_is_said_and_not_kept(data, message):
    assert message in str(prepare_picture(data, MediaRules()))
    assert message in str(inspect_picture(data))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=20))
def test_damaged_bytes_are_an_image_or_a_reason_and_never_an_accident(place, noise):
    data = encoded("PNG", size=(30, 30))
    damaged = data[:place] + noise + data[place + len(noise) :]
    for format_ in ("original", "webp"):
        result = prepare_picture(damaged, MediaRules(format=format_))  # type: ignore[arg-type]
        assert isinstance(result, str | tuple)


def test_more_bytes_than_any_image_has_are_not_opened(monkeypatch):
    monkeypatch.setattr("reconciler.store.media._BYTES_MAX", 50)
    assert "too large" in str(prepare_picture(encoded(), MediaRules()))
