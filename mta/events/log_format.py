"""One log entry as one line: JSON, text, or text for journald.

What a client or a remote server said ends up in log lines, so no character of it may end a line,
move a terminal's cursor or reorder text: everything below U+0020, DEL, the C1 controls, the line
and paragraph separators, the bidirectional controls and lone surrogates are shown as escapes.
"""

import json
import re
from collections.abc import Callable, Mapping, MutableMapping

import orjson

Entry = MutableMapping[str, object]
Render = Callable[[Mapping[str, object]], str]  # without the line end

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_PLAIN = re.compile(r"[A-Za-z0-9_.@:/+<>\[\](),*%~-]+\Z")
_HEAD = frozenset(("time", "level", "event", "exception"))
# Priorities of syslog (RFC 5424 §6.2.1) as sd-daemon(3) wants them in front of a line.
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def escape(text: str) -> str:
    r"""The text with every character that could harm a line as `\xNN` or `\uNNNN`."""
    # isprintable() is false for all of _UNSAFE and a few harmless ones, and ten times faster.
    return text if text.isprintable() else _UNSAFE.sub(_text_escape, text)


def _text_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 10:
        return "\\n"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _json_escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def render_json(entry: Mapping[str, object]) -> str:
    """The entry as a JSON object on one line; keys in the order given."""
    try:
        line = orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):  # lone surrogates, integers beyond 64 bits
        line = json.dumps(entry, default=str)
    # Outside its strings JSON is ASCII without controls, so what is found stands inside a string.
    return line if line.isprintable() else _UNSAFE.sub(_json_escape, line)


def render_text(entry: Mapping[str, object]) -> str:
    """`time level event key=value …`; a traceback follows on indented lines of its own."""
    line = escape(f"{entry.get('time', '')} {entry.get('level', ''):<7} {_body(entry)}")
    exception = entry.get("exception")
    if exception:
        line += "".join(f"\n    | {escape(part)}" for part in str(exception).splitlines())
    return line


def render_journald(entry: Mapping[str, object]) -> str:
    """`<priority>event key=value …` in one line; journald adds the time."""
    line = f"<{_PRIORITY.get(str(entry.get('level')), 6)}>{_body(entry)}"
    exception = entry.get("exception")
    return escape(f"{line} exception={_value(str(exception))}" if exception else line)


RENDERERS: Mapping[str, Render] = {
    "json": render_json,
    "text": render_text,
    "journald": render_journald,
}


def _body(entry: Mapping[str, object]) -> str:
    """Event and fields, not yet escaped: the whole line is, once."""
    parts = [str(entry.get("event", ""))]
    parts.extend([f"{key}={_value(value)}" for key, value in entry.items() if key not in _HEAD])
    return " ".join(parts)


def _value(value: object) -> str:
    if isinstance(value, str):
        if _PLAIN.match(value):
            return value
        if '"' in value or "\\" in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return ",".join([_value(part) for part in value])
    return str(value)
