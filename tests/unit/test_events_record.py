"""Event records: rows that stay readable for ever."""

import json

import orjson

from mta.events.record import EVENT_CODES, as_dict, as_json, event_row, rfc3339
from mta.model.traffic import EventType

AT_MS = 1_800_000_000_123


def test_codes_on_disk_never_change():
    assert {event.value: code for event, code in EVENT_CODES.items()} == {
        "message.accepted": 1,
        "message.delivered": 2,
        "message.deferred": 3,
        "message.bounced": 4,
        "message.expired": 5,
        "message.suppressed": 6,
        "message.cancelled": 7,
        "message.opened": 20,
        "message.clicked": 21,
        "message.complained": 22,
        "message.unsubscribed": 23,
        "message.resubscribed": 24,
        "shaping.changed": 40,
        "quota.low": 41,
        "quota.exhausted": 42,
        "quota.refunded": 43,
        "domain.dns_changed": 44,
        "suppression.held": 50,
        "campaign.started": 60,
        "campaign.paused": 61,
        "campaign.resumed": 62,
        "campaign.finished": 63,
        "campaign.cancelled": 64,
        "campaign.failed": 65,
        "import.finished": 70,
    }


def test_every_event_type_has_a_code_of_its_own():
    assert set(EVENT_CODES) == set(EventType)
    assert len(set(EVENT_CODES.values())) == len(EVENT_CODES)


def test_a_row_holds_only_what_json_and_sql_take():
    row = event_row(7, EventType.BOUNCED, AT_MS, 1, 2, 3, 4, {"reply": "550 no", "attempt": 2})
    assert row == (7, 4, AT_MS, 1, 2, 3, 4, '{"reply":"550 no","attempt":2}')
    assert all(isinstance(cell, int | str) for cell in row)


def test_ids_are_strings_and_empty_fields_are_left_out():
    row = event_row(2**62, EventType.ACCEPTED, AT_MS, 9, 0, 2**61, 0)
    assert as_dict(row) == {
        "id": str(2**62),
        "type": "message.accepted",
        "at": "2027-01-15T08:00:00.123Z",
        "account": "9",
        "message": str(2**61),
    }


def test_json_is_one_line_with_the_data_inside():
    row = event_row(1, EventType.DELIVERED, AT_MS, 0, 0, 0, 0, '{"reply":"250 ok\\r\\nX"}')
    line = as_json(row)
    assert b"\n" not in line
    assert orjson.loads(line)["data"] == {"reply": "250 ok\r\nX"}


def test_text_with_lone_surrogates_is_stored_readable():
    row = event_row(1, EventType.DEFERRED, AT_MS, 0, 0, 0, 0, {"r": ["caf\udce9", {"k": 1}]})
    assert json.loads(row[-1]) == {"r": ["caf?", {"k": 1}]}


def test_an_event_of_a_newer_release_is_still_shown():
    assert as_dict((1, 99, AT_MS, 0, 0, 0, 0, ""))["type"] == "unknown.99"


def test_times_are_rfc_3339_with_milliseconds():
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(AT_MS) == "2027-01-15T08:00:00.123Z"
