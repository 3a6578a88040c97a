"""Postmark's ids and lists of addresses."""

import pytest

from console.api.dialects.faults import Faulty
from console.api.dialects.postmark import message_uuid
from console.api.dialects.postmark_translation import mailboxes


@pytest.mark.parametrize("number", [1, 0b101_000000000001_111, 1795372344350945540, 2**63 - 1])
def test_a_message_s_id_can_be_read_out_of_its_uuid(number):
    made = message_uuid(number)
    assert (made.version, made.variant) == (8, "specified in RFC 4122")
    bits = made.int
    assert (bits >> 80) << 15 | (bits >> 64 & 0xFFF) << 3 | (bits >> 59 & 0b111) == number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a@x.test", [("", "a@x.test")]),
        (" a@x.test ,b@x.test, ", [("", "a@x.test"), ("", "b@x.test")]),
        ("Ana <a@x.test>", [("Ana", "a@x.test")]),
        ('"Quispe, Ana \\"A\\"" <a@x.test>, b@x.test', [('Quispe, Ana "A"', "a@x.test"), ("", "b@x.test")]),
    ],
)  # fmt: skip
def test_addresses_stand_with_commas_between(text, found):
    assert [(box.name, box.email) for box in mailboxes("To", text)] == found


@pytest.mark.parametrize(
    "text",
    ["a", "a@x.test b@x.test", "Ana <a@x.test> <b@x.test>", '"Ana <a@x.test>', "a@x.test\r\nBcc: b@x.test",
     "a@x.test(c)", "<a@x.test", "x: a@x.test;"],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(text):
    with pytest.raises(Faulty):
        mailboxes("To", text)
