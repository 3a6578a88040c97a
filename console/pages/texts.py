"""What people read, in each language: one TOML file per area under `texts/es` and `texts/en`.

A key is `table.name`, and a table stands in one file only; the file's name is no part of the key.
`{name}` in a text is filled in when it is used. A text that counts has the forms `.one` and
`.other`, which is all that Spanish and English need.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from babel.dates import format_date, format_skeleton, get_day_names, get_month_names
from babel.units import format_unit

from console.reasons import said
from console.reports.definitions import load_words

LANGUAGES = ("es", "en")
# Unicode CLDR: Spanish of Peru; English with the day before the month and 24 hours.
_LOCALES = MappingProxyType({"es": "es_PE", "en": "en_GB"})


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    language: str
    by_key: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text with its values filled in. Raises `KeyError` for a key that does not exist."""
        text = self.by_key[key]
        return text.format_map(values) if values else text

    def said(self, reason: str) -> str:
        """Why a service refused something, which it says in English; unknown texts as they are."""
        return said(reason, self.language)

    def count(self, key: str, number: int) -> str:
        """The form of `key` for that number, which it contains as `{n}`."""
        return self(f"{key}.one" if number == 1 else f"{key}.other", n=self.number(number))

    def actor(self, name: str) -> str:
        """The name of a person as it is; a part of Relevo that acts by itself, in words."""
        return self.by_key.get(f"actor.{name}", name)

    def reason(self, word: str) -> str:
        """What a person wrote into the ledger as it is; what Relevo wrote itself, in words."""
        return self.by_key.get(f"ledger_reason.{word}", word)

    def number(self, number: float, decimals: int = 0) -> str:
        """With the separators of the language; Spanish groups from five digits on (RAE)."""
        text = f"{number:,.{decimals}f}"
        if self.language == "es":
            if abs(number) < 10_000:
                text = text.replace(",", "")
            text = text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
        return text

    def percent(self, part: float, whole: float, decimals: int = 1) -> str:
        """The share of a whole, `98,2 %`; a dash where there is no whole."""
        if not whole:
            return "–"
        text = self.number(100 * part / whole, decimals)
        return f"{text}\N{NARROW NO-BREAK SPACE}%" if self.language == "es" else f"{text}%"

    def day(self, day: date) -> str:
        """`23 nov. 2026`, `23 Nov 2026`: where many stand below each other."""
        return format_date(day, "medium", _LOCALES[self.language])

    def date(self, day: date) -> str:
        """`23 de noviembre de 2026`, `23 November 2026`."""
        return format_date(day, "long", _LOCALES[self.language])

    def moment(self, at_ms: int, zone: tzinfo) -> str:
        """Day and minute as people say them, in that zone: `lun., 23 nov. 2026, 09:05`."""
        at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
        day = format_skeleton("yMMMEd", at, locale=_LOCALES[self.language])
        return f"{day}, {at:%H:%M}"

    def weekday(self, number: int, width: str = "abbreviated") -> str:
        """The name of a day of the week, 0 is Monday."""
        return str(get_day_names(width, locale=_LOCALES[self.language])[number])  # type: ignore[arg-type]  # babel wants literals

    def month(self, number: int, width: str = "wide") -> str:
        """The name of a month, 1 is January."""
        return str(get_month_names(width, locale=_LOCALES[self.language])[number])  # type: ignore[arg-type]  # babel wants literals

    def duration(self, seconds: float) -> str:
        """The two greatest units of a span: `45 s`, `12 min 5 s`, `2 h 10 min`, `3 d 4 h`, `7 days`."""
        whole = max(0, round(seconds))
        if whole and whole % 86_400 == 0:
            return str(format_unit(whole // 86_400, "day", locale=_LOCALES[self.language]))
        units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
        first = next((i for i, (_, size) in enumerate(units) if whole >= size), len(units) - 1)
        shown: list[str] = []
        for name, size in units[first : first + 2]:
            count, whole = divmod(whole, size)
            if count or not shown:
                shown.append(f"{self.number(count)}\N{NO-BREAK SPACE}{name}")
        return " ".join(shown)

    def size(self, size_bytes: int) -> str:
        """Bytes as people say them: `512 B`, `2.1 KB`, `3.4 MB`."""
        if size_bytes < 1000:
            return f"{size_bytes} B"
        if size_bytes < 1_000_000:
            return f"{self.number(size_bytes / 1000, 1)} KB"
        return f"{self.number(size_bytes / 1_000_000, 1)} MB"


def load_texts() -> Mapping[str, Texts]:
    """All languages, by their code. Raises `ValueError` for a key that two areas have."""
    folder = files("console.pages") / "texts"
    return {
        language: Texts(language, {**_definitions(language), **_read(folder / language)})
        for language in LANGUAGES
    }


def _definitions(language: str) -> dict[str, str]:
    """`definition.KEY.name` and `.meaning` of every figure."""
    found = {}
    for key, words in load_words(language).items():
        found[f"definition.{key}.name"] = words.name
        found[f"definition.{key}.meaning"] = words.meaning
    return found


def _read(folder: Traversable) -> dict[str, str]:
    by_key: dict[str, str] = {}
    for area in sorted(folder.iterdir(), key=lambda item: item.name):
        texts = flatten(tomllib.loads(area.read_text("utf-8")))
        if twice := by_key.keys() & texts.keys():
            raise ValueError(
                f"texts/{folder.name}/{area.name}: {min(twice)} is in another area too"
            )
        by_key.update(texts)
    return by_key


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"a": {"b": "x"}}` as `{"a.b": "x"}`."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, str):
            flat[prefix + name] = value
        else:
            flat.update(flatten(value, f"{prefix}{name}."))
    return flat
