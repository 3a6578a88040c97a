"""The domain of the From field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.dkim import from_domain


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("a@example.org", "example.org"),
        (" a@Example.ORG ", "example.org"),
        ("<a@example.org>", "example.org"),
        ("Ana <a@example.org>", "example.org"),
        ("Ana Núñez <a@example.org>", "example.org"),
        ('"Ana, S.A. <x@evil.example>" <a@example.org>', "example.org"),
        ('"Ana \\" <x@evil.example>" <a@example.org>', "example.org"),
        ("Ana <a@example.org> (x@evil.example)", "example.org"),
        ("a@example.org (comment (nested, with <b@evil.example>))", "example.org"),
        ("(c) a @ example.org", "example.org"),
        ('"a b"@example.org', "example.org"),
        ('"@evil.example"@example.org', "example.org"),
        ("Ana\r\n <a@example.org>", "example.org"),
        ("\r\n\ta@example.org", "example.org"),
        ("a@ñandú.example", "xn--and-6ma2c.example"),
        ("a@xn--and-6ma2c.example", "xn--and-6ma2c.example"),
        ("a@example.org, b@example.org", "example.org"),
        ("a@example.org, b@example.com", None),
        ("a@example.org, b@", None),
        ("Team: a@example.org;", "example.org"),
        ("=?utf-8?q?a=40evil=2Eexample?= <a@example.org>", "example.org"),
        ("", None),
        ("a", None),
        ("<>", None),
        ("a@", None),
        ("a@b c", None),
        ("a@.example", None),
        ("a@exa..mple", None),
        ("(unclosed a@example.org", None),
        ('"unclosed a@example.org', None),
    ],
)
def test_the_domain_of_a_from_field(value, domain):
    content = (
        f"To: t@recipient.example\r\nFrom: {value}\r\nSubject: s\r\n\r\nFrom: x@evil.example\r\n"
    )
    assert from_domain(content.encode()) == domain


@pytest.mark.parametrize(
    ("content", "domain"),
    [
        (b"FROM : a@example.org\r\n\r\n", "example.org"),
        (b"From:a@example.org", "example.org"),
        (b"X: y\r\n From: x@evil.example\r\nfrom:a@example.org\r\n\r\n", "example.org"),
        (
            b"Resent-From: x@evil.example\r\nX-From: x@evil.example\r\nFrom: a@example.org\r\n",
            "example.org",
        ),
        (b"From: a@example.org\r\nFrom: b@example.org\r\n\r\n", None),
        (b"Subject: s\r\n\r\nFrom: x@evil.example\r\n", None),
        (b"\r\nFrom: x@evil.example\r\n", None),
        (b"", None),
    ],
)
def test_only_a_single_field_of_the_header_counts(content, domain):
    assert from_domain(content) == domain


@pytest.mark.parametrize(
    "value",
    [
        b'"' * 60000,
        b'"\\' * 30000,
        b"(" * 60000,
        b"\\" * 60000,
        b"a<" * 30000,
        b" " * 60000,
        b"a@" * 30000,
        b"\r\n " * 2_000_000,
        b"a," * 30000,
    ],
)
def test_hostile_fields_are_answered(value):
    assert from_domain(b"From: " + value + b"\r\nSubject: s\r\n\r\n") is None


@given(st.binary(max_size=200))
def test_anything_is_answered(value):
    domain = from_domain(b"From: " + value)
    assert domain is None or domain == domain.lower()
