"""Shows values of settings to people: in the notation of the file, secrets hidden."""

import ipaddress
import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from mta.settings.keys import Key, all_keys
from mta.settings.loading import Loaded
from mta.settings.table import Table
from mta.settings.values import HostPort, Kind

_UNITS_S = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
HIDDEN = "***"


class Row(NamedTuple):
    """One line of `relevo check`."""

    key: str  # "submission.listen"
    value: str  # in TOML notation
    origin: str  # "default", the file, or the environment variable


def describe(loaded: Loaded) -> list[Row]:
    """Every effective value and where it came from, in the order of the schema."""
    return [
        Row(key.name, show(key, value_of(loaded, key)), loaded.origins[key.name])
        for key in all_keys()
    ]


def value_of(loaded: Loaded, key: Key) -> object:
    """The effective value of one key."""
    node: Any = loaded.settings
    for part in key.path:
        node = getattr(node, part)
    return node


def show(key: Key, value: object) -> str:
    """A value in TOML notation, secrets hidden."""
    return _toml(_plain(value, key.kind))


def to_toml(value: object) -> str:
    """A default or a value of the file in TOML notation."""
    return _toml(value)


def format_duration(seconds: float) -> str:
    """`"1h30m"`; the reverse of reading."""
    whole = int(seconds)
    text = ""
    rest = whole
    for unit, size in _UNITS_S:
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    milliseconds = round((seconds - whole) * 1000)
    if milliseconds:
        text += f"{milliseconds}ms"
    return text or "0s"


def hide_secret(value: str, how: str) -> str:
    """A URL without its password, or (`how` = "all") with nothing but its host."""
    parts = urlsplit(value)
    if not parts.scheme or not parts.netloc:
        return value
    user, at, host = parts.netloc.rpartition("@")
    if how == "all":
        rest = f"/{HIDDEN}" if parts.path.strip("/") or parts.query else ""
        return f"{parts.scheme}://{host}{rest}"
    if ":" in user:
        user = f"{user.partition(':')[0]}:{HIDDEN}"
    # A password can also stand in the query (libpq: ?password=…).
    query = HIDDEN if "password" in parts.query.lower() else parts.query
    return urlunsplit((parts.scheme, user + at + host, parts.path, query, ""))


def _plain(value: object, kind: Kind | None) -> object:
    """The value as it would stand in the file."""
    if value is None:
        return ""
    if isinstance(value, Table):
        return {name: _plain(inner, None) for name, inner in value}
    if isinstance(value, tuple):
        return [_plain(item, kind) for item in value]
    if isinstance(value, HostPort | Path | ipaddress.IPv4Network | ipaddress.IPv6Network):
        return str(value)
    if kind is not None and kind.name == "duration" and isinstance(value, int | float):
        return format_duration(value)
    if kind is not None and kind.hide and isinstance(value, str):
        return hide_secret(value, kind.hide)
    return value


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(str(value), ensure_ascii=False)
