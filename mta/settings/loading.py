"""Loads the settings: defaults, then the file, then the environment; all problems are told together."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from mta.model.errors import ConfigurationError
from mta.settings.environment import read_environment
from mta.settings.keys import Key, all_keys
from mta.settings.problems import ProblemWriter
from mta.settings.schema import Settings

DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings and where each value came from."""

    settings: Settings
    origins: Mapping[str, str]  # every key by its dotted name: "default", the file, or the variable
    path: Path | None  # None: there was no file


def base_directory(path: Path | None) -> Path:
    """What relative paths in the settings are relative to.

    The directory of the settings file, or the one above if that is named `config`: so
    `config/relevo.toml` and `queue` are neighbours. Without a file, the current directory.
    """
    if path is None:
        return Path.cwd()
    directory = Path(os.path.abspath(path)).parent  # noqa: PTH100 - symbolic links are kept
    return directory.parent if directory.name == "config" else directory


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read and check all settings.

    Raises `ConfigurationError` with one line for every problem found.
    """
    keys = all_keys()
    raw = _read_file(path) if path is not None else {}
    file = str(path) if path is not None else "settings"
    origins = {key.name: file for key in keys if _is_set(raw, key)}
    from_environment = read_environment(environ, keys)
    for key in keys:
        if key.path in from_environment.values:
            _put(raw, key.path, from_environment.values[key.path])
            origins[key.name] = key.variable
    problems = list(from_environment.problems)
    try:
        settings = Settings.model_validate(raw, context={"base": base_directory(path)})
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = ProblemWriter(keys, origins, file).write(details) + problems
    if problems:
        raise ConfigurationError("\n".join(problems))
    every = {key.name: origins.get(key.name, DEFAULT_ORIGIN) for key in keys}
    return Loaded(settings, MappingProxyType(every), path)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file; `relevo init` writes one, --config FILE names another"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None


def _is_set(raw: Mapping[str, Any], key: Key) -> bool:
    node: Any = raw
    for part in key.path:
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


def _put(raw: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Set one value; a table that is no table in the file is left for the schema to refuse."""
    node = raw
    for part in path[:-1]:
        inner = node.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        node = inner
    node[path[-1]] = value
