"""The reply parser: what it tolerates and where it stops (trust.md C11's list)."""

import pytest

from mta.model.reply import Reply
from mta.smtp.replies import (
    MAX_LINE_CHARACTERS,
    MAX_REPLY_LINES,
    MAX_REPLY_OCTETS,
    ReplyError,
    ReplyParser,
)


def read(data: bytes) -> list[Reply]:
    parser = ReplyParser()
    parser.feed(data)
    replies = []
    while parser.next_code():
        replies.append(parser.reply())
    return replies


def test_enhanced_status_is_split_from_the_text():
    assert read(b"250 2.0.0 Ok: queued as 42\r\n") == [Reply(250, "2.0.0", ("Ok: queued as 42",))]


def test_several_replies_in_one_read_keep_their_order():
    codes = [reply.code for reply in read(b"250 a\r\n550-b\r\n550 c\r\n354 d\r\n")]
    assert codes == [250, 550, 354]


def test_status_repeated_on_each_line_is_taken_off_each():
    text = b"550-5.1.1 The account\r\n550-5.1.1 does not exist\r\n550 5.1.1 gsmtp\r\n"
    assert read(text) == [Reply(550, "5.1.1", ("The account", "does not exist", "gsmtp"))]


def test_three_digit_details_of_microsoft_are_a_status():
    assert read(b"550 5.7.515 Access denied\r\n")[0].enhanced == "5.7.515"


@pytest.mark.parametrize("line", [b"250\r\n", b"250 \r\n", b"250\n", b"250 \n"])
def test_reply_without_text_is_a_reply(line: bytes):
    assert read(line) == [Reply(250, "", ("",))]


def test_bare_lf_ends_a_line():
    assert read(b"250-a\n250 b\n") == [Reply(250, "", ("a", "b"))]


def test_odd_line_within_a_reply_is_text():
    assert read(b"250-host\r\nSIZE 100\r\n250 ok\r\n") == [
        Reply(250, "", ("host", "SIZE 100", "ok"))
    ]


def test_code_of_the_last_line_counts():
    assert read(b"250-fine so far\r\n550 no\r\n")[0].code == 550


def test_354_with_something_like_a_status_has_none():
    assert read(b"354 2.0.0 go\r\n") == [Reply(354, "", ("2.0.0 go",))]


def test_line_of_two_kilobytes_is_read_and_its_text_cut():
    reply = read(b"250 2.0.0 " + b"x" * 2_000 + b"\r\n")[0]
    assert reply.enhanced == "2.0.0"
    assert len(reply.text) <= MAX_LINE_CHARACTERS


def test_octets_that_are_no_text_do_no_harm():
    reply = read(b"550 5.1.1 \xff\xfe\x00\x1b[31m\x85 caf\xc3\xa9\r\n")[0]
    assert reply.text.isprintable()
    assert reply.text.endswith("café")


def test_line_separators_in_the_text_are_replaced():
    assert read("250 a\u2028b\u0085c\r\n".encode())[0].text == "a?b?c"


@pytest.mark.parametrize(
    "data",
    [
        b"well, yes\r\n",
        b"\r\n",
        b"25\r\n",
        b"2500 octets\r\n",
        b"150 what\r\n",
        b"600 what\r\n",
        b"000 what\r\n",
        bytes(range(128, 256)) + b"\n",
        b"\xb2\xb5\xb0 ok\r\n",
    ],
)
def test_what_has_no_code_is_no_reply(data: bytes):
    with pytest.raises(ReplyError):
        read(data)


def test_reply_without_end_stops_at_the_line_limit():
    parser = ReplyParser()
    with pytest.raises(ReplyError, match="lines"):
        for _ in range(MAX_REPLY_LINES + 1):
            parser.feed(b"250-more\r\n")
            assert parser.next_code() == 0


def test_line_without_end_stops_at_the_octet_limit():
    parser = ReplyParser()
    with pytest.raises(ReplyError, match="octets"):
        for _ in range(MAX_REPLY_OCTETS // 1000 + 1):
            parser.feed(b"250 " + b"x" * 1000)
            assert parser.next_code() == 0


def test_too_long_a_reply_is_refused_in_one_read_too():
    with pytest.raises(ReplyError, match="octets"):
        read(b"250 " + b"x" * MAX_REPLY_OCTETS + b"\r\n")


def test_pending_octets_are_told():
    parser = ReplyParser()
    parser.feed(b"354 go\r\n2")
    assert parser.next_code() == 354
    assert parser.has_pending
    parser.feed(b"50 ok\r\n")
    assert parser.next_code() == 250
    assert not parser.has_pending
