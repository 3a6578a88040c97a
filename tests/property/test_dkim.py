"""Whatever octets a message is made of, its signatures verify with dkimpy, any change of what they
cover breaks them, and no published record or signature of others makes us raise.
"""

import asyncio
import datetime as dt

import pytest
from dkim.canonicalization import Relaxed
from hypothesis import example, given
from hypothesis import strategies as st

from mta.dkim import KeyType, NotSignable, generate_key, record_text, sign, verify
from mta.dkim.author import from_domain
from mta.dkim.canonical import relaxed_body, split
from mta.dkim.records import check
from mta.model.address import parse_domain
from tests.property.effort import tries

NOW_S = 1_763_800_000
NAMES = [
    b"From", b"from ", b"To", b"Cc", b"Subject", b"SUBJECT", b"Date", b"Message-ID", b"Reply-To", b"Sender",
    b"MIME-Version", b"Content-Type", b"List-Unsubscribe", b"List-Id", b"X-Other", b"DKIM-Signature", b"b",
]  # fmt: skip
# dkimpy also trims what is no white space to RFC 6376 (VT, FF), and wants no space before the colon.
octets = st.binary(max_size=20).map(lambda raw: raw.translate(None, b"\0\r\n\v\f"))
words = octets | st.sampled_from(
    [b" ", b"\t \t", b";", b":", b"a@example.org", b"v=1; b=x", b"\xc3\xb1", b"  x"]
)
folds = st.sampled_from([b"", b"\r\n ", b"\r\n\t", b"\r\n  \t"])
values = st.lists(st.tuples(words, folds), max_size=4).map(
    lambda parts: b"".join(word + fold for word, fold in parts) + b"x"
)
fields = st.lists(st.tuples(st.sampled_from(NAMES[2:]), values), max_size=8)
lines = st.lists(
    st.sampled_from([b"", b" ", b"\t", b"a", b"a  b", b" a\t", b".", b"-- ", b"\xff\xfe"]) | octets,
    max_size=8,
)
bodies = lines.map(lambda parts: b"\r\n".join(parts))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    today = dt.date(2026, 11, 1)
    return tuple(generate_key(folder, "example.org", today=today, key_type=k)[0] for k in KeyType)


def message_of(header: list[tuple[bytes, bytes]], body: bytes | None) -> bytes:
    head = b"".join(b"%s:%s\r\n" % field for field in header) + b"From: a@example.org\r\n"
    return head if body is None else head + b"\r\n" + body + b"\r\n"


def verdicts(keys, content: bytes) -> list[bool]:
    records = {key.record_name: record_text(key) for key in keys}
    return [
        v.is_valid for v in verify(content, records.get) if v.selector in {k.selector for k in keys}
    ]


@tries(60)
@given(
    header=fields.filter(lambda fs: all(n != b"DKIM-Signature" for n, _ in fs)),
    body=st.none() | bodies,
)
def test_every_signature_verifies(keys, header, body) -> None:
    content = message_of(header, body)
    assert verdicts(keys, sign(content, keys, NOW_S) + content) == [True, True]


COVERED = [b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to"]


@tries(40)
@given(body=bodies, name=st.sampled_from(COVERED), value=values, where=st.integers(0, 2))
def test_no_further_field_of_those_that_are_shown_can_be_added(
    keys, body, name, value, where
) -> None:
    content = message_of([(b"Subject", b" s"), (b"To", b" b@example.org")], body)
    signed = sign(content, keys[1:], NOW_S) + content
    position = [0, signed.find(b"Subject:"), signed.find(b"From:")][where]
    forged = signed[:position] + b"%s: %s\r\n" % (name, value) + signed[position:]
    assert verdicts(keys[1:], forged) == [False]


@tries(40)
@given(
    body=bodies, added=st.sampled_from([b"x", b".", b"\xff", b"a\r\n", b"\r\nx"]), data=st.data()
)
def test_no_octet_can_be_added_to_the_body(keys, body, added, data) -> None:
    content = message_of([], body)
    signed = sign(content, keys[1:], NOW_S) + content
    start = signed.find(b"\r\n\r\n") + 4
    position = data.draw(st.integers(start, len(signed)))
    forged = signed[:position] + added + signed[position:]
    same = relaxed_body(split(forged).body) == relaxed_body(split(signed).body)
    assert verdicts(keys[1:], forged) == [same]


@tries(200)
@given(header=fields)
def test_header_fields_are_canonicalised_as_dkimpy_does(header) -> None:
    ours = split(message_of(header, b"")).lines
    theirs = Relaxed.canonicalize_headers([(n, v + b"\r\n") for n, v in header])
    for line, (name, value) in zip(ours, theirs, strict=False):
        own_name, _, own_value = line.partition(b":")
        assert (own_name.lower().rstrip(b" "), own_value.strip(b" ")) == (name.strip(), value[:-2])


@tries(200)
@given(content=st.binary(max_size=120))
@example(content=b"From: a@example.org")
@example(content=b"From:\r\n\r\n")
def test_any_octets_are_signed_or_refused(keys, content: bytes) -> None:
    domain = from_domain(content)
    assert domain is None or parse_domain(domain) == domain
    try:
        header = sign(content, keys[1:], NOW_S)
    except NotSignable:
        assert domain is None
        return
    assert header.startswith(b"DKIM-Signature: ")
    assert header.endswith(b"\r\n")
    assert all(len(line) <= 78 for line in header.split(b"\r\n"))


@tries(200)
@given(first=values, second=values)
def test_two_authors_are_no_author(first: bytes, second: bytes) -> None:
    assert from_domain(b"From: %s\r\nfrom : %s\r\n\r\n" % (first, second)) is None


tags = st.sampled_from(
    ["v=DKIM1", "k=rsa", "k=ed25519", "p=", "p=AAAA", "t=y", "s=*", "h=sha1", "=", ";", '"', "p=é"]
)
records = st.lists(tags | st.text(max_size=10), max_size=6).map(";".join)


@tries(200)
@given(found=st.lists(records, max_size=3))
def test_any_published_record_is_told_good_or_bad(keys, found: list[str]) -> None:
    async def lookup(_: str) -> list[str]:
        return found

    for key in keys:
        problems = asyncio.run(check(key, lookup))
        assert problems, "none of these is the key"
        assert all(problem.startswith(key.record_name) for problem in problems)


signature_tags = st.sampled_from(
    [b"v=1", b"a=rsa-sha256", b"a=ed25519-sha256", b"d=example.org", b"s=r202611", b"s=", b"bh=", b"b=AAAA",
     b"h=from:to", b"h=", b"c=relaxed/relaxed", b"c=x", b"t=x", b"t=99999999999999999999", b"x=1", b"l=-1", b"q=", b"=", b"i=@"]
)  # fmt: skip


@tries(200)
@given(parts=st.lists(signature_tags | octets, max_size=10), record=records, body=bodies)
def test_no_signature_of_others_makes_the_check_raise(parts, record, body) -> None:
    content = b"DKIM-Signature: " + b"; ".join(parts) + b"\r\n" + message_of([], body)
    (result, *_) = verify(content, lambda _: record)
    assert not result.is_valid
    assert result.problem
