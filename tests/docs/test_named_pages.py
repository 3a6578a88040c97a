"""Pages, menus and buttons that a text names in quotation marks are called so in the console.

In the manuals names stand in quotation marks or bold, in the other pages in italics; a path through
the menu has arrows between its names. What is emphasised for its own sake begins with a small letter,
or ends like a sentence.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.pages.texts import load_texts

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH_PAGES = sorted([*DOCS.glob("howto/*.md"), DOCS / "tutorial" / "first-mail.md"])
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_QUOTED = {"es": re.compile(r"«([^»]*)»"), "en": re.compile(r'["“]([^"“”]*)["”]')}
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_ITALIC = re.compile(r"(?<![*\w])\*([^*]+)\*(?![*\w:])")
# In the console's own texts: what people are shown as an example of what to type.
_EXAMPLES = frozenset({
    "Cronograma del proceso 12-2026", "Sistema de citas", "Plazo: 8 días", "Authorization: Bearer",
    "Schedule of process 12-2026", "Appointments", "Deadline: 8 days",
})  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(" .,:;…").casefold()


@pytest.fixture(scope="module")
def names() -> dict[str, set[str]]:
    """All texts of the console by language; none is a name only, but every name is one."""
    return {
        language: {_plain(text) for text in texts.by_key.values()}
        for language, texts in load_texts().items()
    }


def _named(text: str, patterns: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    """What a page calls by name, each step of a path by itself."""
    for pattern in patterns:
        for found in pattern.findall(text):
            words = " ".join(found.split())
            if words[:1].isupper() and not words.endswith((".", "?", "!")):
                yield from words.split(" → ")


@pytest.mark.parametrize("name", ["plataforma.es", "platform.en"])
def test_T_p_what_a_manual_names_is_called_so_in_the_console(name, names):
    language = name.rpartition(".")[2]
    text = _CODE.sub("", (DOCS / "manuals" / f"{name}.md").read_text(encoding="utf-8"))
    found = list(_named(text, (_QUOTED[language], _BOLD)))
    assert len(found) > 60
    assert [one for one in found if _plain(one) not in names[language]] == []


@pytest.mark.parametrize("page", ENGLISH_PAGES, ids=lambda page: page.stem)
def test_what_other_pages_name_is_called_so_in_the_console(page, names):
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    found = _named(_BOLD.sub("", text), (_ITALIC,))
    assert [one for one in found if _plain(one) not in names["en"]] == []


@pytest.mark.parametrize("language", ["es", "en"])
def test_what_the_console_s_texts_name_is_called_so_too(language, names):
    wrong = {
        one
        for text in load_texts()[language].by_key.values()
        for one in _named(text, (_QUOTED[language],))
        if "{" not in one and one not in _EXAMPLES and _plain(one) not in names[language]
    }
    assert wrong == set()
