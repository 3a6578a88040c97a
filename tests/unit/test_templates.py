"""The gallery, branding, images: what comes out is mail, and nothing of an upload is served."""

import io
import re
import struct
import zlib

import pytest
from PIL import Image

from console.content.errors import TemplateError
from console.content.preview import preview
from console.content.source import SourceKind
from console.pages.template_frame import sample_values
from console.pages.texts import load_texts
from console.templates.branding import Brand, mixed, readable_on
from console.templates.composing import as_source, compiled
from console.templates.designs import Gallery
from console.templates.images import ImageRefused, safe_image
from console.templates.values import Draft
from mta.model.errors import PermanentError

GALLERY = Gallery()
BRAND = Brand("Municipalidad", "#123456", "#abcdef", "", "Plaza de Armas", "https://muni.example")


def png(width: int = 4, height: int = 4, **more: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "#0b5394").save(buffer, "PNG", **more)
    return buffer.getvalue()


def test_T_h_the_gallery_has_designs_for_every_need():
    keys = {design.key for design in GALLERY.designs}
    assert {
        "notice", "award", "bulletin", "invitation", "survey", "reminder", "maintenance", "plain",
    } <= keys  # fmt: skip
    assert len(keys) >= 12


@pytest.mark.parametrize("design", GALLERY.designs, ids=lambda one: one.key)
def test_T_h_a_design_is_a_good_mail_as_it_comes(design):
    mail = compiled(Draft(design.kind, design.subject, design.key), GALLERY, BRAND)
    assert mail.body.findings == ()
    assert mail.body.size < 60_000
    assert "enlace_baja" in mail.body.html + mail.body.text
    assert not any(use.is_bare and use.name not in ("enlace_baja", "ver_en_navegador",
                   "enlace_preferencias") for use in mail.fields)  # fmt: skip
    if design.kind is SourceKind.MJML:
        assert "#123456" in mail.body.html
        assert set(re.findall(r"https?://[\w.]+", mail.body.html)) <= {
            "http://www.w3.org", "https://www.example.org", "https://muni.example",
        }  # fmt: skip


@pytest.mark.parametrize("design", GALLERY.designs, ids=lambda one: one.key)
def test_T_h_what_is_typed_into_a_slot_is_shown_and_is_never_markup(design):
    typed = "<script>\"'&[[brand.name]]"
    slots = {key: typed for slot in design.slots for key in slot.keys if "." not in key}
    mail = compiled(Draft(design.kind, "", design.key, "", slots), GALLERY, BRAND)
    assert "<script" not in mail.body.html
    assert "<script>\"'&[[brand.name]]" in mail.body.text


@pytest.mark.parametrize("design", GALLERY.designs, ids=lambda one: one.key)
def test_T_h_a_design_turned_into_code_is_the_same_mail(design):
    draft = Draft(design.kind, design.subject, design.key, "", {})
    code = as_source(draft, GALLERY)
    assert code.design == ""
    if design.kind is SourceKind.MJML:
        assert compiled(code, GALLERY, BRAND).body.html == compiled(draft, GALLERY, BRAND).body.html


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_h_every_slot_has_a_label(language):
    texts = load_texts()[language]
    for design in GALLERY.designs:
        assert design.names[language]
        assert design.about[language]
        for slot in design.slots:
            assert texts(f"templates.slots.{slot.name}")


def test_T_l_a_design_greets_by_name_or_by_its_default():
    design = GALLERY.find("notice")
    body = compiled(Draft(design.kind, "", "notice"), GALLERY, BRAND).body
    assert "Estimado/a Rosa:" in preview(body, sample_values(body.fields))
    assert "Estimado/a usuario/a:" in preview(body, sample_values(body.fields, is_empty=True))


def test_a_design_that_went_is_told():
    with pytest.raises(TemplateError):
        compiled(Draft(SourceKind.MJML, "", "gone"), GALLERY, BRAND)


def test_letters_are_read_on_every_colour():
    assert readable_on("#ffffff") == "#1f2933"
    assert readable_on("#0b5394") == "#ffffff"
    assert mixed("#000000", "#ffffff", 0.5) == "#808080"
    for color in ("red", "#12345", "#0000001", "url(x)"):
        with pytest.raises(PermanentError):
            Brand.of({"color": color})


def test_an_image_is_drawn_anew_without_what_it_carried():
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 500), "#ff0000").save(buffer, "JPEG", exif=exif, comment=b"secret")
    image = safe_image(buffer.getvalue() + b"<script>alert(1)</script>")
    assert image.media_type == "image/jpeg"
    assert (image.width, image.height) == (1600, 267)
    assert b"secret" not in image.data
    assert b"script" not in image.data


def test_an_image_is_what_is_in_it_and_not_what_it_is_called():
    assert safe_image(png()).media_type == "image/png"
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"", b"MZ", b"<html>"):
        with pytest.raises(ImageRefused) as caught:
            safe_image(data)
        assert caught.value.code == "no_image"
    with pytest.raises(ImageRefused):
        safe_image(png(900, 900)[:60])


def test_a_decompression_bomb_is_refused_by_its_header():
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    body = zlib.compress(b"\0" * 1000)
    data += (
        struct.pack(">I", len(body))
        + b"IDAT"
        + body
        + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    )
    with pytest.raises(ImageRefused) as caught:
        safe_image(data)
    assert caught.value.code == "too_many_pixels"
