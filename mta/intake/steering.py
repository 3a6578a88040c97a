"""The X-Relevo-* fields with which an application steers a submission (`INTERFACE`: Submission)."""

from dataclasses import dataclass, field
from datetime import datetime

import orjson

from mta.model.errors import PermanentError
from mta.model.traffic import TrafficClass

PREFIX = b"x-relevo-"
MAX_TAGS = 10
MAX_VALUE = 255
MAX_METADATA = 4096
_TRACKS = {"opens", "clicks", "none"}


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


def read_field(steering: Steering, name: str, value: str) -> None:
    """Take over one field; `name` in lower case.

    Raises `SteeringError` for an unknown name or a value that cannot be: a typing error must not
    silently send a campaign at the wrong time.
    """
    match name.removeprefix("x-relevo-"):
        case "class":
            steering.klass = _class(value)
        case "campaign":
            steering.campaign = _short("X-Relevo-Campaign", value)
        case "tag":
            steering.tags.append(_short("X-Relevo-Tag", value))
            if len(steering.tags) > MAX_TAGS:
                raise SteeringError(f"more than {MAX_TAGS} X-Relevo-Tag fields")
        case "metadata":
            steering.metadata = _metadata(value)
        case "send-at":
            steering.send_at_ms = _time(value)
        case "track":
            steering.track = _track(value)
        case "idempotency-key":
            steering.idempotency_key = _short("X-Relevo-Idempotency-Key", value)
        case _:
            raise SteeringError(f"unknown field {name}: see the manual for the X-Relevo- fields")


def _class(value: str) -> TrafficClass:
    try:
        return TrafficClass[value.strip().upper()]
    except KeyError:
        raise SteeringError(
            f"X-Relevo-Class: {value[:40]!r}: expected urgent, transactional, automated or campaign"
        ) from None


def _short(name: str, value: str) -> str:
    if not value or len(value) > MAX_VALUE or not value.isprintable():
        raise SteeringError(f"{name}: expected 1 to {MAX_VALUE} printable characters")
    return value


def _metadata(value: str) -> str:
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict) or len(value) > MAX_METADATA:
        raise SteeringError(
            f"X-Relevo-Metadata: expected a JSON object of at most {MAX_METADATA} characters"
        )
    return orjson.dumps(parsed).decode()


def _time(value: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SteeringError(
            f"X-Relevo-Send-At: {value[:40]!r}: expected RFC 3339 with an offset, like 2026-03-01T09:00:00-05:00"
        )
    return round(moment.timestamp() * 1000)


def _track(value: str) -> frozenset[str]:
    words = frozenset(word.strip().lower() for word in value.split(","))
    if not words <= _TRACKS or ("none" in words and len(words) > 1):
        raise SteeringError(f"X-Relevo-Track: {value[:40]!r}: expected opens, clicks or none")
    return words - {"none"}
