"""The X-Relevo-* fields with which an application steers a submission (`INTERFACE`: Submission)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import orjson

from mta.intake.header_encoding import UndecodableWords, decode_words
from mta.model.errors import PermanentError
from mta.model.traffic import TrafficClass

PREFIX = b"x-relevo-"
MAX_TAGS = 10
MAX_VALUE = 255
MAX_METADATA = 4096
MAX_OCTETS = 16_384  # of a field as it stands in the header, before its words are decoded
MAX_SHOWN = 40
_TRACKS = frozenset({"opens", "clicks", "none"})
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)\Z", re.ASCII
)


class SteeringError(PermanentError):
    """A steering field has a value that cannot be; the text names field, value and remedy."""


@dataclass(slots=True)
class Steering:
    """What the fields said; None or empty where they said nothing."""

    klass: TrafficClass | None = None
    campaign: str = ""
    tags: list[str] = field(default_factory=list)
    metadata: str = ""
    send_at_ms: int = 0
    track: frozenset[str] | None = None
    idempotency_key: str = ""
    unsubscribe: bool | None = None
    seen: set[str] = field(default_factory=set)


def read_field(steering: Steering, name: str, value: str) -> None:
    """Take over one field; `name` in lower case, `value` unfolded, encoded words in it are decoded.

    Raises `SteeringError` for an unknown name, a value that cannot be, or a second field where one
    is meant: a typing error must not silently send a campaign at the wrong time.
    """
    short = name.removeprefix("x-relevo-")
    shown = "X-Relevo-" + short.title()
    if short not in _FIELDS:
        raise SteeringError(f"{shown[:MAX_SHOWN]}: unknown field, see the manual")
    if len(value) > MAX_OCTETS:
        raise SteeringError(f"{shown}: longer than {MAX_OCTETS} octets")
    try:
        value = decode_words(value)
    except UndecodableWords as error:
        raise SteeringError(f"{shown}: {error}") from None
    if short == "tag":
        steering.tags.append(_short(shown, value))
        if len(steering.tags) > MAX_TAGS:
            raise SteeringError(f"more than {MAX_TAGS} X-Relevo-Tag fields")
        return
    attribute, parse = _FIELDS[short]
    if short in steering.seen:
        raise SteeringError(f"more than one {shown} field")
    steering.seen.add(short)
    setattr(steering, attribute, parse(shown, value))


def _class(name: str, value: str) -> TrafficClass:
    try:
        return TrafficClass[value.strip().upper()]
    except KeyError:
        raise SteeringError(
            f"{name}: {value[:MAX_SHOWN]!r}: expected urgent, transactional, automated or campaign"
        ) from None


def _short(name: str, value: str) -> str:
    value = value.strip()
    if not value or len(value) > MAX_VALUE or not value.isprintable():
        raise SteeringError(f"{name}: expected 1 to {MAX_VALUE} printable characters")
    return value


def _metadata(name: str, value: str) -> str:
    text = ""
    if len(value) <= MAX_METADATA:
        try:
            parsed = orjson.loads(value)
            text = orjson.dumps(parsed).decode() if isinstance(parsed, dict) else ""
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter: nested too deeply
            text = ""
    if not text:
        raise SteeringError(f"{name}: expected a JSON object of at most {MAX_METADATA} characters")
    return text


def _time(name: str, value: str) -> int:
    """RFC 3339 §5.6; a leap second is the one after it, for `datetime` knows none."""
    text = value.upper()
    if _RFC3339.match(text) is not None:
        leap = text[17:19] == "60"
        try:
            moment = datetime.fromisoformat(text[:17] + "59" + text[19:] if leap else text)
            return max(1, round(moment.timestamp() * 1000) + leap * 1000)
        except (ValueError, OverflowError):
            pass  # a date that is none
    raise SteeringError(
        f"{name}: {value[:MAX_SHOWN]!r}: expected RFC 3339 with an offset, like "
        "2026-03-01T09:00:00-05:00"
    )


def _track(name: str, value: str) -> frozenset[str]:
    words = frozenset(word.strip().lower() for word in value.split(","))
    if not words <= _TRACKS or ("none" in words and len(words) > 1):
        raise SteeringError(f"{name}: {value[:MAX_SHOWN]!r}: expected opens, clicks or none")
    return words - {"none"}


def _yes_or_no(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word not in ("yes", "no"):
        raise SteeringError(f"{name}: {value[:MAX_SHOWN]!r}: expected yes or no")
    return word == "yes"


_FIELDS: Mapping[str, tuple[str, Callable[[str, str], object]]] = MappingProxyType(
    {
        "class": ("klass", _class),
        "campaign": ("campaign", _short),
        "tag": ("tags", _short),
        "metadata": ("metadata", _metadata),
        "send-at": ("send_at_ms", _time),
        "track": ("track", _track),
        "idempotency-key": ("idempotency_key", _short),
        "unsubscribe": ("unsubscribe", _yes_or_no),
    }
)
