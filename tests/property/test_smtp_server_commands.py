"""Any argument gives a value or a well-formed refusal, and what is accepted says what was written."""

from hypothesis import given
from hypothesis import strategies as st

from mta.model.address import parse_address
from mta.model.clock import ManualClock
from mta.model.envelope import Recipient
from mta.model.reply import Reply
from mta.smtp.commands import (
    MailCommand,
    decode_xtext,
    parse_bdat,
    parse_hello,
    parse_mail,
    parse_rcpt,
)
from mta.smtp.server_replies import encode_reply
from tests.property.effort import tries

CLOCK = ManualClock()
WORDS = """
<a@example.org> <> <"a b"@example.org> <@x.example:a@example.org> a@example.org " \\ = < >
SIZE=10 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb AUTH=<> HOLDFOR=5 FROM: TO:
HOLDUNTIL=2027-01-20T00:00:00Z NOTIFY=NEVER NOTIFY=SUCCESS,DELAY
ORCPT=rfc822;a@example.net ORCPT=utf-8;ñ@example.net
"""
WORD = st.one_of(
    st.sampled_from(WORDS.split()),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12),
)
ARGUMENT = st.builds(
    lambda start, words: start + " ".join(words),
    st.sampled_from(["", "FROM:", "TO:", "from: ", "to:  "]),
    st.lists(WORD, max_size=6),
)


def check_refusal(reply: Reply) -> None:
    assert 500 <= reply.code < 560
    assert reply.enhanced.startswith("5.")
    written = encode_reply(reply)
    assert written.isascii()
    assert written.count(b"\n") == 1
    assert len(written) <= 512


@tries(500)
@given(ARGUMENT)
def test_mail_is_read_or_refused(argument: str) -> None:
    command = parse_mail(argument, 1000, CLOCK)
    if isinstance(command, Reply):
        check_refusal(command)
        return
    assert isinstance(command, MailCommand)
    assert command.sender is None or parse_address(str(command.sender)) == command.sender
    assert command.smtputf8 or argument.isascii()
    assert command.size_bytes <= 1000


@tries(500)
@given(ARGUMENT, st.booleans())
def test_rcpt_is_read_or_refused(argument: str, smtputf8: bool) -> None:
    recipient = parse_rcpt(argument, "mail.example.org", smtputf8=smtputf8)
    if isinstance(recipient, Reply):
        check_refusal(recipient)
        return
    assert isinstance(recipient, Recipient)
    assert parse_address(str(recipient.address)) == recipient.address
    assert smtputf8 or argument.isascii()
    assert all(c.isprintable() for c in recipient.original)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_hello_and_bdat_are_read_or_refused(argument: str) -> None:
    name = parse_hello(argument)
    assert isinstance(name, Reply) or not any(c in name for c in ' \t\r\n<>()\\"')
    chunk = parse_bdat(argument)
    assert isinstance(chunk, Reply) or chunk.size_bytes >= 0


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_xtext_decodes_to_what_was_encoded(text: str) -> None:
    encoded = "".join(c if c.isalnum() else f"+{ord(c):02X}" for c in text)
    assert decode_xtext(encoded) == text
