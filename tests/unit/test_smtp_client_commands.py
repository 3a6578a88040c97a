"""MAIL and RCPT lines for what the peer offers, and messages that cannot go to it."""

import pytest

from mta.model.envelope import Notify
from mta.smtp.client_commands import is_safe_path, mail_command, rcpt_command, unfit_reply, xtext
from mta.smtp.client_extensions import Extensions, parse_extensions
from mta.smtp.client_transaction import OutgoingRecipient, Transaction

ALL = Extensions(pipelining=True, eight_bit_mime=True, smtputf8=True, dsn=True, size=True)
NONE = Extensions()


def transaction(**changes: object) -> Transaction:
    values: dict[str, object] = {
        "sender": "a@example.com",
        "recipients": (OutgoingRecipient("b@example.org"),),
        "content": b"Subject: x\r\n\r\nx\r\n",
    }
    return Transaction(**(values | changes))  # type: ignore[arg-type]


def test_extensions_are_read_in_any_case_and_odd_lines_passed_over():
    lines = ("mx.test", "pipelining", "Size 1000", "", "???", "auth=LOGIN", "AUTH plain", "DSN")
    known = parse_extensions(lines)
    assert known == Extensions(
        pipelining=True, dsn=True, size=True, size_limit=1000, auth=frozenset({"LOGIN", "PLAIN"})
    )


def test_name_of_the_peer_is_no_extension():
    assert not parse_extensions(("PIPELINING",)).pipelining


@pytest.mark.parametrize(
    ("line", "limit"),
    [("SIZE", 0), ("SIZE 0", 0), ("SIZE 10", 10), ("SIZE x", 0), ("SIZE -5", 0)],
)
def test_size_without_a_good_number_is_no_limit(line: str, limit: int):
    known = parse_extensions(("mx", line))
    assert known.size
    assert known.size_limit == limit


def test_limits_extension_is_read():
    known = parse_extensions(("mx", "LIMITS RCPTMAX=20 mailmax=5 FOO"))
    assert (known.rcpt_max, known.mail_max) == (20, 5)


def test_mail_to_a_bare_server_has_no_parameters():
    mail = transaction(ret="FULL", envelope_id="x", recipients=())
    assert mail_command(mail, NONE) == "MAIL FROM:<a@example.com>\r\n"


def test_mail_carries_what_is_offered_and_needed():
    mail = transaction(is_eight_bit=True, needs_utf8=True, ret="hdrs", envelope_id="id+1")
    assert mail_command(mail, ALL) == (
        "MAIL FROM:<a@example.com> SIZE=17 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B1\r\n"
    )


def test_smtputf8_is_said_only_when_needed():
    assert "SMTPUTF8" not in mail_command(transaction(), ALL)
    assert "BODY" not in mail_command(transaction(), ALL)


def test_null_sender_is_an_empty_path():
    assert mail_command(transaction(sender=""), NONE) == "MAIL FROM:<>\r\n"


@pytest.mark.parametrize(
    ("notify", "text"),
    [
        (Notify.NEVER, " NOTIFY=NEVER"),
        (Notify.SUCCESS | Notify.DELAY, " NOTIFY=SUCCESS,DELAY"),
        (Notify.UNSET, ""),
    ],
)
def test_notify_is_passed_on(notify: Notify, text: str):
    recipient = OutgoingRecipient("b@example.org", notify)
    assert rcpt_command(recipient, ALL) == f"RCPT TO:<b@example.org>{text}\r\n"


def test_original_recipient_is_xtext():
    recipient = OutgoingRecipient("b@example.org", original="rfc822;b+x=y@example.org")
    assert rcpt_command(recipient, ALL).endswith(" ORCPT=rfc822;b+2Bx+3Dy@example.org\r\n")


def test_original_recipient_in_utf8_is_escaped():
    recipient = OutgoingRecipient("b@example.org", original="utf-8;jos\u00e9@example.org")
    assert rcpt_command(recipient, ALL).endswith(" ORCPT=utf-8;jos\\x{E9}@example.org\r\n")


@pytest.mark.parametrize("original", ["rfc822;jos\u00e9@example.org", "x y;z", "nothing", ";a"])
def test_original_recipient_that_cannot_be_said_is_left_out(original: str):
    recipient = OutgoingRecipient("b@example.org", original=original)
    assert rcpt_command(recipient, ALL) == "RCPT TO:<b@example.org>\r\n"


def test_dsn_parameters_need_the_offer():
    recipient = OutgoingRecipient("b@example.org", Notify.NEVER, "rfc822;b@example.org")
    assert rcpt_command(recipient, NONE) == "RCPT TO:<b@example.org>\r\n"


def test_xtext_leaves_no_octet_that_could_end_a_line():
    assert xtext("a\r\nRSET\x00 +=é") == "a+0D+0ARSET+00+20+2B+3D+C3+A9"


@pytest.mark.parametrize(
    ("extensions", "changes", "status"),
    [
        (Extensions(size=True, size_limit=10), {}, "5.3.4"),
        (NONE, {"is_eight_bit": True}, "5.6.3"),
        (NONE, {"needs_utf8": True}, "5.6.7"),
        (NONE, {"sender": "jos\u00e9@example.com"}, "5.6.7"),
        (NONE, {"recipients": (OutgoingRecipient("jos\u00e9@example.org"),)}, "5.6.7"),
        (ALL, {"sender": "a@b.test>\r\nRSET"}, "5.1.7"),
    ],
)
def test_message_that_cannot_go_to_the_peer_is_refused_by_us(
    extensions: Extensions, changes: dict[str, object], status: str
):
    refusal = unfit_reply(transaction(**changes), extensions)
    assert refusal is not None
    assert refusal.is_permanent
    assert refusal.enhanced == status


def test_message_as_long_as_the_limit_is_fit():
    assert unfit_reply(transaction(), Extensions(size=True, size_limit=17)) is None


@pytest.mark.parametrize(
    "address",
    [
        "a@b.test>\r\nRSET\r\n",
        "a@b.test SIZE=1",
        "a b@c.test",
        "<a@b.test",
        '"a\r\nb"@c.test',
        '"a"@c.test> x',
        '"a@c.test',
        "a\x00@b.test",
        "a\ud800@b.test",
        "\x7f@b.test",
    ],
)
def test_address_that_would_break_out_of_its_brackets_is_unsafe(address: str):
    assert not is_safe_path(address)


@pytest.mark.parametrize(
    "address",
    ["", "a@b.test", '"a b"@c.test', '"a\\"> b"@c.test', "josé@c.test", "a@[IPv6:::1]"],
)
def test_ordinary_and_quoted_addresses_are_safe(address: str):
    assert is_safe_path(address)
