"""Whatever stands in an X-Relevo-* field, it is read as a naive reader reads it or refused with the
field's name: nothing else is raised, and nothing is guessed.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from mta.intake.content import ContentRefused, scan
from mta.intake.steering import MAX_TAGS, Steering, SteeringError, read_field
from mta.model.traffic import TrafficClass
from tests.property.effort import tries

NAMES = [
    "class", "campaign", "tag", "metadata", "send-at", "track", "idempotency-key", "tags", "", "é",
]  # fmt: skip
VALUES = [
    "campaign", " Urgent ", "opens, clicks", "none", "none,opens", '{"a":1}', '{"a":1,"a":2}', "[1]",
    "=?utf-8?q?=C3=B1?=", "=?utf-8?q?=00?=", "=?x-none?b?Zg==?=", "2027-01-15T08:00:00Z", "{", "null",
    "2027-02-30T08:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60-23:59", "\u2028", "\0",
    '{"x":' * 200, "1e999", '{"a":1e999}', '{"a":123456789012345678901234567890}', '{"\\ud800":1}',
]  # fmt: skip
values = st.sampled_from(VALUES) | st.text(max_size=60)
fields = st.tuples(st.sampled_from(NAMES), values)


def told(steering: Steering, name: str, value: str) -> str:
    """What is wrong with a field; empty when it was read."""
    try:
        read_field(steering, name, value)
    except SteeringError as error:
        return str(error)
    return ""


@tries(300)
@given(st.lists(fields, max_size=14))
def test_fields_are_read_or_refused_with_their_name(given_fields) -> None:
    steering = Steering()
    for name, value in given_fields:
        refusal = told(steering, f"x-relevo-{name}", value)
        if refusal:
            assert "X-Relevo-" in refusal
            return
    assert len(steering.tags) <= MAX_TAGS
    for text in (*steering.tags, steering.campaign, steering.idempotency_key):
        assert len(text) <= 255
        assert text.isprintable()
    assert steering.track is None or steering.track <= {"opens", "clicks"}
    assert steering.klass is None or isinstance(steering.klass, TrafficClass)
    assert steering.send_at_ms >= 0


numbers = st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False, allow_infinity=False)
metadata = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@tries(200)
@given(st.dictionaries(st.text(max_size=8), metadata, max_size=4))
@example({"\ud800": 1})
def test_metadata_keeps_what_json_says(value) -> None:
    text, steering = json.dumps(value), Steering()
    if told(steering, "x-relevo-metadata", text):
        assert "\\ud" in text or len(text) > 4096 or "=?" in text
        return
    assert json.loads(steering.metadata) == value


moments = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis wants them naive
    datetime(9990, 1, 1),  # noqa: DTZ001
).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))


@tries(200)
@given(moments, st.integers(-23 * 60 - 59, 23 * 60 + 59), st.booleans())
def test_a_moment_is_the_one_that_was_written(moment: datetime, offset: int, small: bool) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = aware.isoformat(timespec="milliseconds")
    steering = Steering()
    read_field(steering, "x-relevo-send-at", text.lower() if small else text)
    elapsed = aware - datetime(1970, 1, 1, tzinfo=UTC)
    assert steering.send_at_ms == elapsed // timedelta(milliseconds=1)


@tries(200)
@given(st.lists(fields, max_size=6), st.sampled_from(["", "\r\n ", "\r\n\t "]))
def test_steering_fields_never_leave_with_the_mail(given_fields, fold) -> None:
    lines = [
        f"X-Relevo-{name}:{fold}{value}\r\n"
        for name, value in given_fields
        if name.isascii() and not set(value) & set("\r\n\0")  # else the body begins there
    ]
    content = "".join(["From: a@example.org\r\n", *lines, "\r\nbody\r\n"]).encode(errors="replace")
    with suppress(ContentRefused):
        found = scan(content, smtputf8=True)
        assert b"relevo" not in b"".join(found.parts).lower()
