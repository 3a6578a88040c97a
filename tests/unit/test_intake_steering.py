"""The X-Relevo-* fields: what each of them takes, and what is refused rather than guessed."""

from email.message import EmailMessage
from email.policy import SMTP

import orjson
import pytest

from mta.intake.content import ContentRefused, scan
from mta.intake.header_encoding import UndecodableWords, decode_words
from mta.intake.steering import Steering
from mta.model.traffic import TrafficClass


def steering(fields: str) -> Steering:
    return scan(fields.encode() + b"\r\n", smtputf8=False).steering


def test_fields_are_read_together():
    found = steering(
        "X-Relevo-Class: Campaign\r\nX-Relevo-Campaign: Navidad 2026\r\nX-Relevo-Tag: a\r\n"
        'X-Relevo-Tag: b c\r\nX-Relevo-Metadata: {"order":\r\n 7}\r\nX-Relevo-Track: opens, Clicks\r\n'
        "X-Relevo-Send-At: 2027-01-15T09:00:00-05:00\r\nX-Relevo-Idempotency-Key: k-1\r\n"
    )
    assert found.klass is TrafficClass.CAMPAIGN
    assert (found.campaign, found.tags) == ("Navidad 2026", ["a", "b c"])
    assert (found.metadata, found.idempotency_key) == ('{"order":7}', "k-1")
    assert found.track == {"opens", "clicks"}
    assert found.send_at_ms == 1_800_021_600_000


@pytest.mark.parametrize("klass", list(TrafficClass))
def test_every_class_has_its_name_in_any_case(klass):
    assert steering(f"X-Relevo-Class: {klass.label.title()}\r\n").klass is klass


def test_tracking_may_be_switched_off():
    assert steering("X-Relevo-Track: none\r\n").track == frozenset()
    assert steering("Subject: x\r\n").track is None


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2027-01-15T08:00:00Z", 1_800_000_000_000),
        ("2027-01-15t08:00:00z", 1_800_000_000_000),
        ("2027-01-15 08:00:00+00:00", 1_800_000_000_000),
        ("2027-01-15T03:00:00-05:00", 1_800_000_000_000),
        ("2027-01-15T08:00:00.250Z", 1_800_000_000_250),
        ("2026-12-31T23:59:60Z", 1_798_761_600_000),
        ("1969-01-01T00:00:00Z", 1),
        ("0001-01-01T00:00:00+14:00", 1),
        ("9999-12-31T23:59:59-14:00", 253_402_351_199_000),
    ],
)
def test_times_are_rfc_3339(text, at_ms):
    assert steering(f"X-Relevo-Send-At: {text}\r\n").send_at_ms == at_ms


@pytest.mark.parametrize(
    "field",
    [
        "X-Relevo-Klass: urgent",
        "X-Relevo-: x",
        "X-Relevo-Class:",
        "X-Relevo-Class: 1",
        "X-Relevo-Class: urgent, campaign",
        "X-Relevo-Campaign:",
        "X-Relevo-Campaign: " + "x" * 256,
        "X-Relevo-Campaign: a\x01b",
        "X-Relevo-Campaign: a\u2028b",
        "X-Relevo-Campaign: =?utf-8?q?x=0D=0ABcc:_evil@x.example?=",
        "X-Relevo-Campaign: =?nosuch?q?x?=",
        "X-Relevo-Campaign: =?utf-8?b?!!!?=",
        "X-Relevo-Campaign: =?utf-8?q?=FF?=",
        "X-Relevo-Tag:",
        "X-Relevo-Idempotency-Key: " + "k" * 256,
        "X-Relevo-Track: all",
        "X-Relevo-Track: none, opens",
        "X-Relevo-Track:",
        "X-Relevo-Metadata: [1]",
        "X-Relevo-Metadata: {",
        "X-Relevo-Metadata: {'a': 1}",
        'X-Relevo-Metadata: {"a": NaN}',
        'X-Relevo-Metadata: {"a": "' + "x" * 900 + '"}' + "\r\n ".join([" "] * 3200) + "x",
        'X-Relevo-Metadata: {"a":' + "[" * 450 + "]" * 450 + "}",
        "X-Relevo-Send-At: tomorrow",
        "X-Relevo-Send-At: 2027-01-15T08:00:00",
        "X-Relevo-Send-At: 2027-01-15",
        "X-Relevo-Send-At: 20270115T080000Z",
        "X-Relevo-Send-At: 2027-W02-5T08:00:00Z",
        "X-Relevo-Send-At: 2027-02-30T08:00:00Z",
        "X-Relevo-Send-At: 2027-01-15T25:00:00Z",
        "X-Relevo-Send-At: 2027-01-15T08:00:00+99:00",
        "X-Relevo-Send-At: ٢٠٢٧-01-15T08:00:00Z",
        "X-Relevo-Send-At: 0000-01-15T08:00:00Z",
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_name_of_its_field(field):
    with pytest.raises(ContentRefused) as caught:
        steering(f"{field}\r\n")
    assert (caught.value.code, caught.value.enhanced) == (550, "5.5.4")
    assert field.partition(":")[0].lower() in caught.value.text.lower()


@pytest.mark.parametrize(
    "name", ["Class", "Campaign", "Metadata", "Send-At", "Track", "Idempotency-Key"]
)
def test_a_field_that_is_meant_once_is_refused_twice(name):
    value = {
        "Class": "urgent",
        "Metadata": "{}",
        "Send-At": "2027-01-15T08:00:00Z",
        "Track": "none",
    }
    line = f"X-Relevo-{name}: {value.get(name, 'x')}\r\n"
    with pytest.raises(ContentRefused, match="more than one"):
        steering(line + line.upper())


def test_ten_tags_are_taken_and_eleven_are_not():
    assert len(steering("X-Relevo-Tag: t\r\n" * 10).tags) == 10
    with pytest.raises(ContentRefused, match="more than 10"):
        steering("X-Relevo-Tag: t\r\n" * 11)


def test_what_mail_libraries_encode_is_read_as_it_was_meant():
    message = EmailMessage(policy=SMTP)
    message["From"] = "ana@example.org"
    message["X-Relevo-Campaign"] = (
        "Campaña de Año Nuevo con un nombre que no cabe en una línea corta"
    )
    metadata = {"pedido": "ñ" * 60, "x": "y" * 300, "n": [1, 2.5, None]}
    message["X-Relevo-Metadata"] = orjson.dumps(metadata).decode()
    found = scan(message.as_bytes(), smtputf8=False).steering
    assert found.campaign == "Campaña de Año Nuevo con un nombre que no cabe en una línea corta"
    assert orjson.loads(found.metadata) == metadata


def test_raw_octets_are_read_too():
    assert scan(b"X-Relevo-Campaign: Oto\xf1o\r\n\r\n", smtputf8=False).steering.campaign == "Otoño"
    assert steering("X-Relevo-Campaign: Otoño\r\n").campaign == "Otoño"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain =? text", "plain =? text"),
        ("=?utf-8?q?a_b?= c =?UTF-8?B?w7E?=", "a b c ñ"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=B1?=", "ñ"),
        ("=?iso-8859-1*es?q?=F1?=\t=?utf-8?q?=C3=B1?=", "ññ"),
        ("=?x?z?y?=", "=?x?z?y?="),
    ],
)
def test_encoded_words_are_decoded(text, expected):
    assert decode_words(text) == expected


@pytest.mark.parametrize("charset", ["zlib", "undefined", "rot13", "é", "x" * 300])
def test_strange_character_sets_are_refused(charset):
    with pytest.raises(UndecodableWords):
        decode_words(f"=?{charset}?q?x?=")
