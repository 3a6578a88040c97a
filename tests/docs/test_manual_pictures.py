"""The manuals show pictures, and these are there."""

import re
from pathlib import Path

import pytest
from PIL import Image

MANUALS = Path(__file__).parents[2] / "docs" / "manuals"
_PICTURE = re.compile(r"!\[([^\]]+)\]\((pictures/[a-z]+\.(?:es|en)\.webp)\)")
MOST_BYTES = 1_500_000  # the guide goes to people by mail


@pytest.mark.parametrize("name", ["plataforma.es", "platform.en"])
def test_T_p_a_manual_shows_pictures_of_its_language(name):
    found = _PICTURE.findall((MANUALS / f"{name}.md").read_text(encoding="utf-8"))
    assert len(found) >= 8
    for words, path in found:
        assert len(words) > 10
        assert path.endswith(f".{name.rpartition('.')[2]}.webp")
        with Image.open(MANUALS / path) as image:
            assert image.width == 1000


def test_every_picture_is_shown_somewhere_and_together_they_are_small():
    texts = "".join(page.read_text(encoding="utf-8") for page in MANUALS.glob("*.md"))
    shown = {path for _, path in _PICTURE.findall(texts)}
    pictures = list((MANUALS / "pictures").iterdir())
    assert {f"pictures/{one.name}" for one in pictures} == shown
    assert sum(one.stat().st_size for one in pictures) < MOST_BYTES
