"""The words of errors, in the caller's language: one TOML file a language, read once."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from console.api.language import LANGUAGES


@lru_cache(maxsize=len(LANGUAGES))
def texts(language: str) -> Mapping[str, Mapping[str, str]]:
    """`problems` and `violations` by code."""
    folder = resources.files("console.api") / "texts"
    return tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))


def worded(
    kind: str,
    language: str,
    code: str,
    otherwise: str,
    values: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The text of a code with the values in it; `otherwise` where a code has none."""
    text = texts(language)[kind].get(code, otherwise)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
