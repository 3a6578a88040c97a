"""Manuals: chapters with who needs them, HTML with contents, PDF made once for the same content."""

import asyncio

import pytest

from console.accounts.permissions import PERMISSIONS, Permission
from console.manuals.markdown import printed
from console.manuals.sources import (
    guide_chapters,
    load_manuals,
    read_manual,
    source_folder,
    user_manual,
)
from console.pages import press
from console.pages.manual_document import manual_document
from console.pages.texts import load_texts

MANUALS = load_manuals()
BY_NAME = {manual.name: manual for manual in MANUALS}


def test_T_p_there_is_a_manual_of_the_platform_and_one_of_the_api_in_both_languages():
    assert set(BY_NAME) == {"plataforma.es", "platform.en", "api.es", "api.en"}


@pytest.mark.parametrize("manual", MANUALS, ids=lambda manual: manual.name)
def test_T_p_a_manual_has_a_cover_and_its_contents_and_fetches_nothing(manual):
    html = manual_document(manual, load_texts()[manual.language], "1.2.3", "https://a.example")
    assert html.count('class="cover"') == 1
    for chapter in manual.chapters:
        assert f">{chapter.title.replace('&', '&amp;')}</a>" in html
    for start in ('src="', 'href="'):
        for part in html.split(start)[1:]:
            assert part.startswith(("#", "data:image/", "https://", "http://")), part[:60]


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_k_chapters_of_the_manual_name_permissions_that_exist(language):
    chapters = user_manual(MANUALS, language).chapters
    named = {chapter.permission for chapter in chapters} - {""}
    assert named <= {str(one) for one in Permission}
    other = user_manual(MANUALS, "en" if language == "es" else "es").chapters
    assert [c.permission for c in chapters] == [c.permission for c in other]


def test_T_k_a_guide_has_the_chapters_of_the_role_without_numbers():
    manual = BY_NAME["plataforma.es"]
    for role, held in PERMISSIONS.items():
        chosen = guide_chapters(manual, frozenset(held))
        expected = [c for c in manual.chapters if not c.permission or c.permission in held]
        assert len(chosen) == len(expected), role
        for chapter in chosen:
            assert not chapter.title[0].isdigit()
            assert chapter.text.startswith(f"## {chapter.title}\n")
            assert "capítulo 4" not in chapter.text


def test_a_heading_inside_code_starts_no_chapter(tmp_path):
    path = tmp_path / "one.es.md"
    path.write_text("# T\n\nLead.\n\n## A\n\n```text\n## no\n```\n\n<!-- may: x.y -->\n## B\n\nb\n")
    manual = read_manual(path)
    assert [(c.title, c.permission) for c in manual.chapters] == [("A", ""), ("B", "x.y")]
    assert manual.lead == "Lead."


def test_links_out_of_the_document_become_words():
    text = "## Uno\n\n[a](#uno) [b](otro.md) [c](#dos) [d](https://example.org)\n"
    html = printed(text, source_folder()).html
    assert '<a href="#uno">a</a> <em>b</em> <em>c</em> <a href="https://example.org">d</a>' in html


async def test_the_same_content_is_made_once_and_kept(tmp_path, monkeypatch):
    made = []

    async def make(html: str, deadline_s: float) -> bytes:
        made.append(html)
        await asyncio.sleep(0)
        return b"%PDF-" + html.encode()

    monkeypatch.setattr(press, "make_pdf", make)
    one = press.Press(tmp_path / "manuals")
    assert await asyncio.gather(one.pdf("a", "x"), one.pdf("a", "x")) == [b"%PDF-x"] * 2
    assert await press.Press(tmp_path / "manuals").pdf("a", "x") == b"%PDF-x"
    assert made == ["x"]
    assert await one.pdf("a", "y") == b"%PDF-y"
    assert len(list((tmp_path / "manuals").iterdir())) == 1  # the one before is gone


async def test_one_that_cannot_be_made_is_not_kept(tmp_path, monkeypatch):
    async def make(html: str, deadline_s: float) -> None:
        return None

    monkeypatch.setattr(press, "make_pdf", make)
    assert await press.Press(tmp_path / "manuals").pdf("a", "x") is None
    assert not (tmp_path / "manuals").exists()
