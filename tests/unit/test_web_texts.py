"""What people read: complete in both languages, readable in both colour schemes."""

import re
import string
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import console
from console.pages.language import preferred
from console.pages.texts import LANGUAGES, Texts, load_texts

TEXTS = load_texts()
ROOT = Path(console.__file__).parent
# `t("key")`, `t.count("key", 3)` and, in Python, `texts("key")` and `self._texts(request)("key")`.
_USES = re.compile(
    r"""(?:\bt|\btexts|texts\([a-z_. ]*\))(?:\.count)?\(\s*["']([a-z0-9_]+\.[a-z0-9_.]+)["'](?!\s*~)"""
)
_QUOTED = re.compile(r"""["']([a-z0-9_]+(?:\.[a-z0-9_]+)+)["']""")
# `t("role." ~ name)` in templates, `f"role.{name}"` in Python.
_COMPOSED = re.compile(r"""["']([a-z0-9_]+\.(?:[a-z0-9_.]+\.)?)["']\s*~|\bf"([a-z0-9_.]+\.)\{""")

_REMARK = re.compile(r"\{#.*?#\}", re.DOTALL)  # the parts' own manual names texts that are none


def _sources() -> str:
    """All that can name a text: templates and Python."""
    files = [*ROOT.rglob("*.html"), *ROOT.rglob("*.txt"), *ROOT.rglob("*.md"), *ROOT.rglob("*.py")]
    return _REMARK.sub("", "\n".join(file.read_text("utf-8") for file in files))


SOURCES = _sources()


def _is_known(key: str) -> bool:
    keys = TEXTS["es"].by_key
    return key in keys or f"{key}.one" in keys


def test_all_languages_have_the_same_texts():
    keys = {language: set(TEXTS[language].by_key) for language in LANGUAGES}
    assert keys["es"] ^ keys["en"] == set()


def test_all_languages_fill_in_the_same_values():
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, text in TEXTS["es"].by_key.items():
        assert names(text) == names(TEXTS["en"].by_key[key]), key


def test_no_text_is_empty_or_the_key_itself():
    for texts in TEXTS.values():
        for key, text in texts.by_key.items():
            assert text.strip(), key
            assert text != key


def test_every_text_that_a_page_uses_exists():
    used = set(_USES.findall(SOURCES))
    assert len(used) > 50
    assert {key for key in used if not _is_known(key)} == set()


def test_every_text_is_used_by_a_page():
    whole = set(_QUOTED.findall(SOURCES))
    beginnings = {one or other for one, other in _COMPOSED.findall(SOURCES)}
    unused = []
    for key in TEXTS["es"].by_key:
        plain = key.removesuffix(".one").removesuffix(".other")
        if plain not in whole and not any(key.startswith(start) for start in beginnings):
            unused.append(key)
    assert unused == []


def test_a_table_of_texts_stands_in_one_area_only():
    for language in LANGUAGES:
        seen: dict[str, str] = {}
        for file in sorted((ROOT / "pages" / "texts" / language).iterdir()):
            for table in tomllib.loads(file.read_text("utf-8")):
                assert seen.setdefault(table, file.name) == file.name, table


def test_counting_chooses_the_form():
    texts = TEXTS["es"]
    assert texts.count("sandbox.kept", 1) == "1 correo guardado"
    assert texts.count("sandbox.kept", 0) == "0 correos guardados"
    assert TEXTS["en"].count("sandbox.kept", 2) == "2 mails kept"


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [
        ("es", 1234, "1234"),
        ("es", 12345, "12\N{NARROW NO-BREAK SPACE}345"),
        ("en", 12345, "12,345"),
        ("es", -3, "-3"),
    ],
)
def test_numbers_are_written_as_the_language_does(language: str, number: int, text: str):
    assert TEXTS[language].number(number) == text


@pytest.mark.parametrize(
    ("size", "spanish", "english"),
    [(999, "999 B", "999 B"), (2100, "2,1 KB", "2.1 KB"), (3_400_000, "3,4 MB", "3.4 MB")],
)
def test_sizes_are_written_as_the_language_does(size: int, spanish: str, english: str):
    assert TEXTS["es"].size(size) == spanish
    assert TEXTS["en"].size(size) == english


def test_an_unknown_text_is_an_error():
    with pytest.raises(KeyError):
        Texts("es", {})("no.such.text")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-US,en;q=0.9", "en"),
        ("es-PE,es;q=0.9,en;q=0.8", "es"),
        ("fr,en;q=0.3,es;q=0.7", "es"),
        ("fr", ""),
        ("en;q=0", ""),
        ("en;q=abc", ""),
        ("", ""),
        (",;q=,", ""),
    ],
)
def test_the_browser_says_which_language(header: str, language: str):
    assert preferred(header) == language


def _schemes() -> list[dict[str, str]]:
    def colours(name: str) -> dict[str, str]:
        css = (ROOT / "pages" / "static" / name).read_text("utf-8")
        return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", css))

    light = colours("relevo.css")
    return [light, {**light, **colours("relevo-dark.css")}]


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", _schemes(), ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("ink", "page", 4.5),
        ("ink", "card", 4.5),
        ("ink", "tint", 4.5),
        ("soft", "page", 4.5),
        ("soft", "card", 4.5),
        ("soft", "tint", 4.5),
        ("accent", "page", 4.5),
        ("accent", "card", 4.5),
        ("accent", "tint", 4.5),
        ("accent-ink", "accent", 4.5),
        ("good", "good-tint", 4.5),
        ("good", "page", 4.5),
        ("bad", "bad-tint", 4.5),
        ("bad", "page", 4.5),
        ("warn", "warn-tint", 4.5),
        ("info", "info-tint", 4.5),
        ("card", "bad", 4.5),  # the button that deletes
        ("field", "page", 3.0),  # WCAG 2.1 §1.4.11: the edge of a field
        ("field", "card", 3.0),
    ],
)
def test_colours_contrast_enough(scheme: dict[str, str], ink: str, ground: str, least: float):
    assert _contrast(scheme[ink], scheme[ground]) >= least


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (725, "12 min 5 s"),
        (3600, "1 h"),
        (7_859, "2 h 10 min"),
        (86_400 * 3 + 4 * 3600 + 59, "3 d 4 h"),
        (86_400, "1 día"),
        (86_400 * 7, "7 días"),
        (-5, "0 s"),
    ],
)
def test_a_span_is_told_by_its_two_greatest_units(seconds, said):
    assert TEXTS["es"].duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == said


def test_dates_and_shares_are_told_as_each_language_does():
    day, zone = date(2026, 11, 23), ZoneInfo("America/Lima")
    at_ms = int(datetime(2026, 11, 23, 14, 5, tzinfo=UTC).timestamp() * 1000)
    spanish, english = TEXTS["es"], TEXTS["en"]
    assert spanish.date(day) == "23 de noviembre de 2026"
    assert english.date(day) == "23 November 2026"
    assert spanish.moment(at_ms, zone) == "lun, 23 nov. 2026, 09:05"
    assert english.moment(at_ms, zone) == "Mon, 23 Nov 2026, 09:05"
    assert (spanish.weekday(6, "wide"), english.month(12)) == ("domingo", "December")
    assert spanish.percent(491, 500) == "98,2\N{NARROW NO-BREAK SPACE}%"
    assert english.percent(491, 500) == "98.2%"
    assert spanish.percent(0, 0) == "–"


# Names that are the same in every language.
_NAMES = frozenset(
    [
        "Relevo",
        "English",
        "Español",
        "API",
        "SMTP",
        "HTTP",
        "DKIM",
        "SPF",
        "DMARC",
        "DNS",
        "TLS",
        "CSV",
        "XLSX",
        "PDF",
        "JSON",
        "UTC",
        "HTML",
        "MJML",
    ]
)
_TEMPLATE_CODE = re.compile(
    r"\{% set command %\}.*?\{% endset %\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL
)
_NOT_SHOWN = re.compile(r"<(script|style|svg|code|pre|kbd)\b.*?</\1>", re.DOTALL)


@pytest.mark.parametrize("template", sorted(ROOT.glob("*/templates/*.html")), ids=lambda p: p.name)
def test_no_page_has_words_that_are_not_translated(template: Path):
    markup = _NOT_SHOWN.sub("", _TEMPLATE_CODE.sub("", template.read_text("utf-8")))
    shown = re.findall(r">([^<>]+)<", f">{markup}<")
    spoken = re.findall(r'\b(?:title|alt|placeholder|aria-label)="([^"]+)"', markup)
    # Neither are paths words, nor the attributes that a macro writes into a tag.
    prose = re.sub(r'[a-z-]+="[^"]*"|/\w+', "", " ".join(shown))
    words = set(re.findall(r"[^\W\d_]{3,}", " ".join([prose, *spoken])))
    assert words <= _NAMES
