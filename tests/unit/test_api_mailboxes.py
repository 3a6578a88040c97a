"""How addresses may be written in `POST /messages`: as an object or as people write them."""

import json

import pytest

from console.api.messages.request import Mailbox, MessageRequest
from console.api.problems import refused
from console.api.refusals import ApiRefusal
from console.api.validation import read_body


def _read(body: str) -> MessageRequest:
    return read_body(MessageRequest, body.encode())


def test_an_address_may_be_a_text_or_an_object_and_one_needs_no_list():
    read = _read(
        '{"from": "Tienda <hola@x.test>", "to": "a@b.test", "reply_to": "r@b.test",'
        ' "cc": ["c@b.test", {"email": "d@b.test", "name": "D"}], "bcc": {"email": "e@b.test"}}'
    )
    assert read.sender == Mailbox(email="hola@x.test", name="Tienda")
    assert read.to == [Mailbox(email="a@b.test")]
    assert read.cc == [Mailbox(email="c@b.test"), Mailbox(email="d@b.test", name="D")]
    assert read.bcc == [Mailbox(email="e@b.test")]
    assert read.reply_to == Mailbox(email="r@b.test")


@pytest.mark.parametrize(
    "text",
    [
        "a@b.test,c@evil.test",
        "a@b(c@evil)",
        "alice@example.org)bob@evil.test",
        "a@b.test\\r\\nBcc: x@evil.test",
        "A <a@b.test> <c@evil.test>",
        "A <a@b.test",
        "",
    ],
)
def test_a_text_that_is_not_exactly_one_address_is_refused_by_its_field(text: str):
    with pytest.raises(ApiRefusal) as caught:
        _read(f'{{"from": "x@x.test", "to": ["ok@b.test", "{text}"]}}')
    assert [(v.field, v.code) for v in caught.value.violations] == [("to.1", "invalid_address")]


def test_something_else_is_told_to_be_of_the_wrong_type():
    with pytest.raises(ApiRefusal) as caught:
        _read('{"from": 5, "to": [true]}')
    assert [(v.field, v.code) for v in caught.value.violations] == [
        ("from", "wrong_type"),
        ("to.0", "wrong_type"),
    ]


def test_the_type_that_was_expected_is_told_in_the_callers_language():
    with pytest.raises(ApiRefusal) as caught:
        _read('{"from": "x@x.test", "to": "ok@b.test", "html": 5}')
    told = json.loads(refused(caught.value, "es").body)
    assert [one["message"] for one in told["violations"]] == ["Se esperaba un texto"]
