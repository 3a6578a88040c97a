"""Whatever octets come, however cut: the server answers each complete line once, takes only what
CRLF.CRLF (or a counted chunk) ended, keeps bounded memory and never fails."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mta.smtp.data import ContentBuffer, has_long_line
from mta.smtp.transparency import DotDecoder, stuff
from tests.dialogue.driver import Driver
from tests.property.effort import tries

REPLY = re.compile(rb"(?:[2-5]\d\d-[^\r\n]*\r\n)*[2-5]\d\d [^\r\n]*\r\n")

# The byte sequences of SEC Consult's SMTP smuggling and those found after it.
SMUGGLING = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\n\n.\r\n",
    b"\r\n.\v\r\n",
    b"\r\n.\f\r\n",
    "\r\n.\u0085".encode(),
    "\r\n.\u2028".encode(),
    b"\r\n. \r\n",
    b"\x85.\x85",
    b"\n\r.\n\r",
]
SMUGGLED = (
    b"MAIL FROM:<app@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nx\r\n"
)
ENVELOPE = b"MAIL FROM:<app@example.org>\r\nRCPT TO:<user@example.net>\r\n"


def greeted(**changes: object) -> Driver:
    driver = Driver.new(**changes)
    driver.feed(b"HELO x\r\n")
    driver.output = b""
    return driver


@pytest.mark.parametrize("piece", [1, 2, 10_000])
@pytest.mark.parametrize("sequence", SMUGGLING, ids=repr)
def test_smuggling_sequence_in_data_gives_one_reply_and_at_most_one_message(sequence, piece):
    driver = greeted()
    driver.feed(ENVELOPE + b"DATA\r\n")
    driver.output = b""
    driver.feed_in_pieces(b"Subject: x\r\n\r\nbody" + sequence + SMUGGLED + b".\r\n", piece)
    assert len(REPLY.findall(driver.output)) == 1
    assert driver.output[:3] in (b"250", b"554")
    assert len(driver.messages) == (0 if b"\0" in sequence else 1)
    for _, content in driver.messages:
        assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")
        assert b"MAIL FROM:<app@example.org>\r\n" in content


@pytest.mark.parametrize("cut", range(1, 20))
@pytest.mark.parametrize("sequence", SMUGGLING, ids=repr)
def test_smuggling_sequence_split_anywhere_gives_one_reply(sequence, cut):
    driver = greeted()
    driver.feed(ENVELOPE + b"DATA\r\n")
    driver.output = b""
    text = b"body" + sequence + SMUGGLED + b".\r\n"
    driver.feed(text[:cut])
    driver.feed(text[cut:])
    assert len(REPLY.findall(driver.output)) == 1


@pytest.mark.parametrize("piece", [1, 10_000])
@pytest.mark.parametrize("sequence", SMUGGLING, ids=repr)
def test_smuggling_sequence_inside_bdat_is_content(sequence, piece):
    driver = greeted()
    text = b"Subject: x\r\n\r\nbody" + sequence + SMUGGLED + b".\r\nQUIT\r\n"
    driver.feed_in_pieces(ENVELOPE + b"BDAT %d LAST\r\n" % len(text) + text, piece)
    assert len(REPLY.findall(driver.output)) == 3
    assert not driver.closed
    assert len(driver.messages) == (0 if b"\0" in sequence else 1)
    for _, content in driver.messages:
        assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")
        # What goes out by DATA again must hold the end mark only at its end.
        assert b"\r\n.\r\n" not in stuff(content)


LINES = st.sampled_from(
    [
        b"EHLO x\r\n",
        b"MAIL FROM:<app@example.org>\r\n",
        b"MAIL FROM:<app@example.org> SIZE=10 BODY=8BITMIME\r\n",
        b"RCPT TO:<user@example.net>\r\n",
        b"RCPT TO:<user@refused.example>\r\n",
        b"DATA\r\n",
        b"DATA\r\nhello\r\n.\r\n",
        b"DATA\r\n..\r\n\n.\n\r\r\n.\r\n",
        b"BDAT 3\r\nabc",
        b"BDAT 3 LAST\r\na\r\n",
        b"BDAT 99999999 LAST\r\n",
        b"BDAT 0 LAST\r\n",
        b"RSET\r\n",
        b"NOOP\n\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN\r\n",
        b"AUTH SCRAM-SHA-256 biwsbj1hcHBAZXhhbXBsZS5vcmcscj1hYmM=\r\n",
        b"AGFwcEBleGFtcGxlLm9yZwBzZWNyZXRv\r\n",
        b"*\r\n",
        b"STARTTLS\r\n",
        b"NOPE\r\n",
        b".\r\n",
        b"\r\n",
        b"x" * 3000 + b"\r\n",
        b"VRFY x\r\n",
    ]
)
GARBAGE = st.one_of(
    LINES,
    st.binary(max_size=40),
    st.text("\r\n.\0 <>@:MAILRCPTODATAx", max_size=30).map(str.encode),
)


@tries(300)
@given(st.lists(GARBAGE, max_size=25), st.data(), st.booleans(), st.booleans())
def test_cutting_the_stream_changes_nothing(parts, data, secure, trusted):
    stream = b"EHLO y\r\n" + b"".join(parts)
    whole = Driver.new(secure=secure, trusted=trusted, max_message_bytes=1000)
    whole.feed(stream)
    pieces = Driver.new(secure=secure, trusted=trusted, max_message_bytes=1000)
    position = 0
    while position < len(stream):
        size = data.draw(st.integers(1, 7))
        pieces.feed(stream[position : position + size])
        position += size
    assert pieces.output == whole.output
    assert pieces.messages == whole.messages
    assert pieces.events == whole.events


@tries(300)
@given(st.lists(GARBAGE, max_size=25), st.booleans(), st.booleans())
def test_garbage_gets_well_formed_replies_and_bounded_memory(parts, secure, trusted):
    driver = Driver.new(secure=secure, trusted=trusted, offer_tls=True, max_message_bytes=1000)
    driver.work()
    for part in parts:
        driver.feed(part)
        if driver.wants_tls:
            driver.start_tls()
        assert driver.session.buffered_bytes <= 12_288
        assert driver.session.content_bytes <= 1000
    assert REPLY.sub(b"", driver.output) == b""
    assert all(len(line) <= 510 for line in driver.output.split(b"\r\n"))
    for _, content in driver.messages:
        assert content == b"" or content.endswith(b"\r\n")
        assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")
        assert b"\0" not in content


CONTENT = st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\n", b"\r", b"\xff", b" "]))


@tries(300)
@given(CONTENT, st.integers(1, 9))
@example([b"\r\n", b".", b"\r", b"\r\n"], 1)
def test_what_is_stuffed_comes_back_as_it_was(parts, piece):
    content = b"".join(parts).replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
    content += b"" if content.endswith(b"\r\n") or not content else b"\r\n"
    wire = stuff(content) + b".\r\nQUIT\r\n"
    decoder = DotDecoder()
    got, end = b"", -1
    for start in range(0, len(wire), piece):
        segment, end = decoder.feed(wire[start : start + piece])
        got += segment
        if end >= 0:
            break
    assert got == content
    assert wire[start + end :] == b"QUIT\r\n"


@tries(200)
@given(CONTENT, st.integers(1, 5), st.integers(0, 30), st.booleans())
def test_content_is_judged_the_same_however_it_is_cut(parts, piece, limit, normalize):
    octets = b"".join(parts)
    whole = ContentBuffer(limit, normalize=normalize)
    whole.add_raw(octets)
    cut = ContentBuffer(limit, normalize=normalize)
    for start in range(0, len(octets), piece):
        cut.add_raw(octets[start : start + piece])
    assert whole.size_bytes == cut.size_bytes
    assert whole.finish() == cut.finish()


@tries(200)
@given(CONTENT, st.integers(1, 5))
def test_each_line_end_of_any_kind_becomes_one_crlf(parts, piece):
    octets = b"".join(parts).replace(b"\0", b"")
    buffer = ContentBuffer(1 << 20, normalize=True)
    for start in range(0, len(octets), piece):
        buffer.add_raw(octets[start : start + piece])
    content = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    content += b"" if content.endswith(b"\r\n") or not content else b"\r\n"
    assert buffer.finish() == content


@tries(200)
@given(st.lists(st.integers(990, 1002) | st.integers(0, 3), max_size=8))
def test_long_lines_are_found_wherever_they_are(lengths):
    content = b"".join(b"x" * length + b"\r\n" for length in lengths)
    assert has_long_line(content) == any(length > 998 for length in lengths)
