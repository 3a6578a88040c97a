"""Replies, ids, clocks, identities: the values everything speaks in."""

import pytest

from mta.model.address import parse_address
from mta.model.clock import ManualClock, SystemClock
from mta.model.envelope import Identity, Origin
from mta.model.ids import IdGenerator, id_time_ms
from mta.model.outcome import OutcomeKind, Phase, local_outcome
from mta.model.reply import ENHANCED_STATUS, Reply
from mta.model.traffic import DeliveryState, TrafficClass

HOSTILE = (
    "no\r\n250 2.0.0 yes",
    "no\n250 yes",
    "no\r250 yes",
    "\0\x07\x1b[31m",
    "a\u2028b\u2029c\x85d",
    "\ud800",
    "\t",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_one_line_of_a_reply(text):
    octets = Reply(550, "5.7.1", ("first", text)).encode()
    first, second, rest = octets.split(b"\r\n")
    assert first == b"550-5.7.1 first"
    assert second.startswith(b"550 5.7.1 ")
    assert rest == b""
    assert octets.decode().count("\n") == octets.decode().count("\r") == 2
    assert octets.decode().replace("\r\n", "").isprintable()


def test_a_reply_repeats_code_and_status_on_each_line():
    assert Reply(250, "2.0.0", ("a", "b", "ñ")).encode() == (
        "250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 ñ\r\n".encode()
    )
    assert Reply(354, "", ("Go",)).encode() == b"354 Go\r\n"


def test_a_reply_without_lines_is_still_a_reply():
    assert Reply(250, "2.0.0", ()).encode() == b"250 2.0.0 \r\n"


def test_kinds_of_replies():
    assert [Reply.of(c, "", "").is_positive for c in (199, 200, 354, 400)] == [
        False,
        True,
        True,
        False,
    ]
    assert [Reply.of(c, "", "").is_transient for c in (399, 400, 499, 500)] == [
        False,
        True,
        True,
        False,
    ]
    assert [Reply.of(c, "", "").is_permanent for c in (499, 500, 599, 600)] == [
        False,
        True,
        True,
        False,
    ]
    assert str(Reply(550, "5.1.1", ("a", "b"))) == "550 5.1.1 a b"
    assert str(Reply(550, "", ("a",))) == "550 a"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.7.515 Access denied", "5.7.515"),
        ("2.0.0", "2.0.0"),
        ("3.0.0 x", None),
        ("5.7.1234 x", None),
        ("5.7.1x", None),
        ("٥.١.١ x", None),
        ("5.١.١ x", None),
    ],
)
def test_enhanced_statuses_have_up_to_three_ascii_digits(text, status):
    match = ENHANCED_STATUS.match(text)
    assert (match[1] if match else None) == status


def test_ids_only_grow_even_if_the_clock_goes_back():
    times = iter([100, 50, 50, 200])
    ids = IdGenerator(clock_ns=lambda: next(times))
    made = [ids.new(), ids.new(), *ids.block(3), ids.new()]
    assert made == [100, 101, 102, 103, 104, 200]


def test_ids_continue_behind_what_is_on_disk():
    ids = IdGenerator(last=500, clock_ns=lambda: 100)
    assert ids.new() == 501
    ids.observe(900)
    ids.observe(10)
    assert ids.new() == 901
    assert list(ids.block(0)) == []
    assert ids.new() == 902


def test_an_id_tells_its_time_and_fits_into_63_bits():
    made = IdGenerator().new()
    assert abs(id_time_ms(made) - SystemClock().now_ms()) < 60_000
    assert made < 2**63
    assert id_time_ms(1_800_000_000_123 * 1_000_000) == 1_800_000_000_123


def test_a_manual_clock_moves_when_told():
    clock = ManualClock(1_000)
    before = clock.monotonic_s()
    clock.advance(1.5)
    assert (clock.now_ms(), clock.monotonic_s() - before) == (2_500, 1.5)
    clock.jump(-2)
    assert (clock.now_ms(), clock.monotonic_s() - before) == (500, 1.5)


def test_an_identity_owns_domains_and_single_addresses():
    identity = Identity(1, 1, "app", frozenset({"example.org"}), frozenset({"ana@example.net"}))
    owned = ("x@example.org", "X@EXAMPLE.ORG", "Ana@example.net", '"ana"@example.net')
    foreign = ("x@sub.example.org", "x@example.net", "x@example.org.evil.example", "x@xample.org")
    assert all(identity.may_send_as(parse_address(a)) for a in owned)
    assert not any(identity.may_send_as(parse_address(a)) for a in foreign)
    assert Identity(1, 1, "op", any_sender=True).may_send_as(parse_address("a@b.c"))
    assert not Identity(1, 1, "none").may_send_as(parse_address("a@b.c"))


def test_origins_tell_their_door():
    assert [Origin(p).door for p in ("ESMTPSA", "SMTP", "UTF8SMTPSA", "HTTP", "")] == [
        "smtp", "smtp", "smtp", "api", "api",
    ]  # fmt: skip
    assert Origin("HTTP", via="sendgrid").door == "sendgrid"


def test_stored_numbers_do_not_change():
    assert [(s.name, s.value) for s in DeliveryState] == [
        ("SCHEDULED", 0), ("READY", 1), ("CLAIMED", 2), ("DELIVERED", 10), ("BOUNCED", 11),
        ("EXPIRED", 12), ("SUPPRESSED", 13), ("CANCELLED", 14),
    ]  # fmt: skip
    assert [s.label for s in DeliveryState if s.is_final] == [
        "delivered", "bounced", "expired", "suppressed", "cancelled",
    ]  # fmt: skip
    assert [(c.label, c.value) for c in TrafficClass] == [
        ("urgent", 0), ("transactional", 1), ("automated", 2), ("campaign", 3),
    ]  # fmt: skip


def test_our_own_outcomes_have_the_shape_of_replies():
    outcome = local_outcome(OutcomeKind.BOUNCED, 550, "5.1.2", "no such domain", Phase.DNS)
    assert (outcome.host, outcome.reply.text) == ("", "no such domain")
