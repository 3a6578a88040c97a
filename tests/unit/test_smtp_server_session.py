"""The server session: batching, limits, envelope, protocol names, misuse by the driver."""

import pytest

from mta.model.envelope import Notify
from mta.model.errors import InternalError
from mta.model.reply import Reply
from mta.smtp.server_events import MessageReceived, SlowedDown
from mta.smtp.server_options import ServerOptions
from tests.dialogue.driver import PASSWORD, USER, Driver, options

MAIL = b"MAIL FROM:<app@example.org>\r\nRCPT TO:<user@example.net>\r\n"


def greeted(**changes: object) -> Driver:
    driver = Driver.new(**changes)
    driver.feed(b"EHLO x\r\n")
    driver.output = b""
    return driver


def test_ehlo_reply_is_one_write() -> None:
    driver = Driver.new()
    driver.work()
    written = driver.feed(b"EHLO x\r\n")
    assert written.startswith(b"250-mail.example.org\r\n250-PIPELINING\r\n")
    assert b"\r\n250 LIMITS RCPTMAX=1000\r\n" in written
    assert driver.writes == 2


def test_replies_of_a_pipelined_group_are_one_write() -> None:
    driver = greeted()
    before = driver.writes
    driver.feed(MAIL + b"RCPT TO:<b@refused.example>\r\nDATA\r\n")
    assert driver.writes == before + 1
    assert driver.output.count(b"\r\n") == 4


def test_message_in_one_segment_with_its_commands_is_taken() -> None:
    driver = greeted()
    driver.feed(MAIL + b"DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n")
    ((_, content),) = driver.messages
    assert content == b"Subject: x\r\n\r\nhi\r\n"
    assert driver.closed == "quit"


def test_envelope_holds_what_the_parameters_said() -> None:
    driver = greeted()
    driver.feed(
        b"MAIL FROM:<app@example.org> RET=HDRS ENVID=Q+2B1 BODY=8BITMIME SMTPUTF8 HOLDFOR=60\r\n"
        b"RCPT TO:<User@Example.NET> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u+3Dx@example.net\r\n"
        b"DATA\r\n.\r\n"
    )
    ((envelope, _),) = driver.messages
    assert (envelope.ret, envelope.envelope_id) == ("HDRS", "Q+1")
    assert envelope.eight_bit
    assert envelope.smtputf8
    assert envelope.release_at_ms == 1_800_000_060_000
    (recipient,) = envelope.recipients
    assert str(recipient.address) == "User@example.net"
    assert recipient.notify == Notify.SUCCESS | Notify.DELAY
    assert recipient.original == "rfc822;u=x@example.net"


def test_line_of_three_megabytes_gets_one_refusal_and_no_memory() -> None:
    driver = greeted()
    for _ in range(3000):
        driver.feed(b"x" * 1000)
        assert driver.session.buffered_bytes < 4096
    driver.feed(b"\r\nNOOP\r\n")
    assert driver.output == b"500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n"


def test_longest_line_with_all_parameters_is_taken() -> None:
    driver = greeted()
    line = b"RCPT TO:<user@example.net> ORCPT=rfc822;" + b"a" * 480
    driver.feed(b"MAIL FROM:<app@example.org> ENVID=" + b"e" * 100 + b"\r\n" + line + b"\r\n")
    assert driver.output == b"250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"


def test_auth_line_may_have_12288_octets_and_no_more() -> None:
    driver = greeted(secure=True, trusted=False)
    driver.feed(b"AUTH PLAIN " + b"A" * (12_288 - 13) + b"\r\n")
    assert driver.output.startswith(b"501 5.5.2")
    driver.output = b""
    driver.feed(b"AUTH PLAIN\r\n" + b"A" * 12_287 + b"\r\nNOOP\r\n")
    assert driver.output == (
        b"334 \r\n500 5.5.6 Authentication exchange line is too long\r\n250 2.0.0 Ok\r\n"
    )


def test_line_of_998_octets_is_taken_and_of_999_refused() -> None:
    driver = greeted()
    driver.feed(MAIL + b"DATA\r\n" + b"x" * 998 + b"\r\n.\r\n")
    driver.feed(MAIL + b"DATA\r\n." + b"." + b"x" * 997 + b"\r\n.\r\n")
    assert len(driver.messages) == 2
    driver.output = b""
    driver.feed(MAIL + b"DATA\r\n" + b"x" * 999 + b"\r\n.\r\n")
    assert driver.output.endswith(b"554 5.6.0 Message has a line longer than 998 octets\r\n")
    assert len(driver.messages) == 2


def test_body_beyond_the_limit_is_not_kept() -> None:
    driver = greeted(max_message_bytes=1000)
    driver.feed(MAIL + b"DATA\r\n")
    for _ in range(100):
        driver.feed(b"x" * 98 + b"\r\n")
        assert driver.session.content_bytes <= 1000
    driver.output = b""
    driver.feed(b".\r\n")
    assert driver.output == b"552 5.3.4 Message exceeds the maximum size\r\n"


def test_chunk_beyond_the_limit_is_not_kept() -> None:
    driver = greeted(max_message_bytes=1000)
    driver.feed(MAIL + b"BDAT 100000 LAST\r\n")
    for _ in range(100):
        driver.feed(b"QUIT\r\n" + b"x" * 994)
        assert driver.session.content_bytes == 0
        assert driver.session.buffered_bytes == 0
    assert driver.output.endswith(b"\r\n552 5.3.4 Message exceeds the maximum size\r\n")


def test_nothing_is_read_while_a_message_waits_for_its_answer() -> None:
    driver = greeted()
    session = driver.session
    session.receive(MAIL + b"DATA\r\nx\r\n.\r\nNOOP\r\n")
    while not isinstance(event := session.next_event(), MessageReceived):
        session.accept()
    assert event.content == b"x\r\n"
    session.take_output()
    assert session.next_event() is None
    assert session.take_output() == b""
    assert session.is_waiting
    session.answer(Reply.of(250, "2.0.0", "7 queued"))
    assert session.next_event() is None
    assert session.take_output() == b"250 2.0.0 7 queued\r\n250 2.0.0 Ok\r\n"


def test_reply_421_to_an_event_ends_the_session() -> None:
    session = greeted().session
    session.receive(b"MAIL FROM:<app@example.org>\r\nNOOP\r\n")
    session.next_event()
    session.answer(Reply.of(421, "4.3.2", "Shutting down"))
    event = session.next_event()
    assert getattr(event, "reason", "") == "refused"
    assert session.take_output() == b"421 4.3.2 Shutting down\r\n"
    session.receive(b"NOOP\r\n")
    assert session.next_event() is None
    assert session.take_output() == b""


def test_errors_beyond_the_soft_limit_slow_the_session_down() -> None:
    driver = greeted(max_errors_soft=2, max_errors_hard=9)
    driver.feed(b"NOPE\r\n" * 4)
    assert [e for e in driver.events if isinstance(e, SlowedDown)] == [SlowedDown(3), SlowedDown(4)]


def test_endless_noop_is_an_error() -> None:
    driver = greeted(max_idle_commands=5, max_errors_hard=3, max_errors_soft=3)
    driver.feed(b"NOOP\r\n" * 20)
    assert driver.output.count(b"250 2.0.0 Ok\r\n") == 8
    assert driver.closed == "errors"


def test_reply_text_of_others_stays_one_reply() -> None:
    session = greeted().session
    session.receive(b"MAIL FROM:<app@example.org>\r\n")
    session.next_event()
    session.answer(Reply.of(550, "5.7.1", "a\r\n250 ok\nñ" + "x" * 600))
    written = session.take_output()
    assert written.count(b"\n") == 1
    assert len(written) <= 512
    assert written.isascii()


@pytest.mark.parametrize(
    ("hello", "secure", "login", "utf8", "name"),
    [
        ("HELO x", False, False, False, "SMTP"),
        ("EHLO x", False, False, False, "ESMTP"),
        ("EHLO x", True, False, False, "ESMTPS"),
        ("EHLO x", True, True, False, "ESMTPSA"),
        ("EHLO x", True, True, True, "UTF8SMTPSA"),
        ("EHLO x", False, False, True, "UTF8SMTP"),
    ],
)
def test_protocol_has_its_registered_name(hello, secure, login, utf8, name) -> None:
    driver = Driver.new(secure=secure)
    driver.feed(hello.encode() + b"\r\n")
    if login:
        driver.feed(b"AUTH PLAIN AGFwcEBleGFtcGxlLm9yZwBzZWNyZXRv\r\n")
        assert (USER, PASSWORD) == ("app@example.org", "secreto")
    assert driver.session.protocol(smtputf8=utf8) == name


def test_driver_cannot_answer_what_was_not_asked() -> None:
    session = greeted().session
    for wrong in (
        session.accept,
        lambda: session.answer(Reply.of(250, "2.0.0", "Ok")),
        lambda: session.use_keys(None),
    ):
        with pytest.raises(InternalError):
            wrong()


def test_capabilities_without_tls_offer_no_auth() -> None:
    offered: ServerOptions = options(offer_tls=True)
    assert b"AUTH" not in offered.capabilities(is_secure=False, now_ms=0)
    assert b"STARTTLS" in offered.capabilities(is_secure=False, now_ms=0)
    assert b"STARTTLS" not in offered.capabilities(is_secure=True, now_ms=0)
    assert b"AUTH PLAIN" in options(allow_plaintext_auth=True).capabilities(
        is_secure=False, now_ms=0
    )


def test_early_tls_octets_wait_for_the_handshake_report() -> None:
    driver = greeted(offer_tls=True)
    driver.feed(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\nEHLO injected\r\n")
    driver.output = b""
    driver.feed(b"EHLO inside\r\n")
    assert driver.output == b""
    driver.start_tls()
    assert driver.output.count(b"250-mail.example.org") == 1
    assert driver.session.helo == "inside"
