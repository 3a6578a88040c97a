"""What people read, in each language: one TOML file per area under `texts/es` and `texts/en`.

A key is `table.name`, and a table stands in one file only; the file's name is no part of the key.
`{name}` in a text is filled in when it is used. A text that counts has the forms `.one` and
`.other`, which is all that Spanish and English need.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

LANGUAGES = ("es", "en")


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    language: str
    by_key: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text with its values filled in. Raises `KeyError` for a key that does not exist."""
        text = self.by_key[key]
        return text.format_map(values) if values else text

    def count(self, key: str, number: int) -> str:
        """The form of `key` for that number, which it contains as `{n}`."""
        return self(f"{key}.one" if number == 1 else f"{key}.other", n=self.number(number))

    def number(self, number: float, decimals: int = 0) -> str:
        """With the separators of the language; Spanish groups from five digits on (RAE)."""
        text = f"{number:,.{decimals}f}"
        if self.language == "es":
            if abs(number) < 10_000:
                text = text.replace(",", "")
            text = text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
        return text

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
    return {language: Texts(language, _read(folder / language)) for language in LANGUAGES}


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
