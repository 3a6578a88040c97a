"""Cursors are what a caller sends: whatever is in them is a place of that list or a wrong field."""

from base64 import urlsafe_b64encode

import pytest

from console.api.pagination import cursor_of, place_of
from console.api.refusals import ApiRefusal


def written(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "=", "====", "A", "%F0%9F", "ñ", "\0", "A" * 400,
        written(b"{}"), written(b"null"), written(b"[]"), written(b"[1]"),
        written(b'[1,"a",2]'), written(b'["a",1]'), written(b'[1,"a\\u0000"]'),
        written(b'[1,"\\ud800"]'), written(b'[-1,"a"]'), written(b'[9223372036854775808,"a"]'),
        written(b'[1e400,"a"]'), written(b'[1.0,"a"]'), written(b'[true,"a"]'),
        written(b'[null,"a"]'), written(b'[[1],"a"]'), written(b"[" * 300), b"\xff\xfe".hex(),
        written(b"\xff\xfe"),
    ],
)  # fmt: skip
def test_a_cursor_that_was_tampered_with_is_a_wrong_field_and_never_a_fault(cursor: str):
    with pytest.raises(ApiRefusal) as refused:
        place_of(cursor, (int, str))
    assert refused.value.status == 422
    assert [violation.field for violation in refused.value.violations] == ["cursor"]


def test_a_cursor_comes_back_as_it_was_given():
    place = [2**63 - 1, "a'--ñ\U0001f600"]
    assert place_of(cursor_of(place), (int, str)) == place
    assert place_of("", (int, str)) is None
