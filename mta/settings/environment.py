"""Settings from the environment: `RELEVO_SECTION__KEY`, stronger than the file.

Lists are comma separated or JSON, arrays of tables JSON. A variable that looks like a setting but is
none is an error, because a misspelt one would otherwise be ignored in silence.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mta.settings.keys import ENV_PREFIX, ENV_SEPARATOR, Key
from mta.settings.values import suggest

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """What the environment sets, by path, and what is wrong in it."""

    values: dict[tuple[str, ...], object]
    problems: list[str]


def read_environment(environ: Mapping[str, str], keys: tuple[Key, ...]) -> FromEnvironment:
    """Take the settings out of `environ`; values are in the notation of the file."""
    by_variable = {key.variable: key for key in keys}
    flat = {name.replace(ENV_SEPARATOR, "_"): name for name in by_variable}
    found = FromEnvironment({}, [])
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX):
            continue
        key = by_variable.get(variable)
        if key is not None:
            found.values[key.path] = convert(key, environ[variable])
        elif ENV_SEPARATOR in variable:
            guess = suggest(variable, by_variable)
            found.problems.append(f"{variable}: no such setting{guess}")
        elif variable in flat:
            found.problems.append(
                f"{variable}: not a setting; did you mean {flat[variable]} (two underscores)?"
            )
    return found


def convert(key: Key, text: str) -> object:
    """The value that `text` means for `key`; what cannot be read stays text, for the schema to refuse."""
    if not key.is_list:
        return _scalar(key, text.strip())
    if text.lstrip().startswith("["):
        try:
            value: Any = json.loads(text)
        except ValueError:
            # `[::1]:25, [::2]:25` also begins with a bracket.
            if key.entry is not None:
                return text
        else:
            return value
    if key.entry is not None:
        return text or []
    return [_scalar(key, item.strip()) for item in text.split(",") if item.strip()]


def _scalar(key: Key, text: str) -> object:
    if bool in key.leaves:
        return True if text.lower() in _TRUE else False if text.lower() in _FALSE else text
    is_number = key.kind is not None and key.kind.name in ("number", "percent", "size")
    if is_number and text.isascii():
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text
