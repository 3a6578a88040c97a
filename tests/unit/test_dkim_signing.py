"""Signatures, compared with dkimpy."""

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from mta.dkim import (
    KeyType,
    NotSignable,
    Signer,
    generate_key,
    record_text,
    sign,
    sign_batch,
    verify,
)
from mta.dkim.canonical import relaxed_body, relaxed_pieces, split

NOW_S = 1_763_800_000
HEAD = b"From: a@example.org\r\nTo: b@recipient.example\r\nSubject: s\r\n"
MESSAGE = HEAD + b"\r\nbody\r\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    today = dt.date(2026, 11, 1)
    return tuple(
        generate_key(folder, "example.org", today=today, key_type=kind)[0] for kind in KeyType
    )


def verdicts(keys, content):
    records = {key.record_name: record_text(key) for key in keys}
    return [result.is_valid for result in verify(content, records.get)]


def tag(header, name):
    return re.search(rb"\b" + name + rb"=([^;]*)", header.replace(b"\r\n ", b""))[1]


def names(message, keys):
    return tag(sign(message, keys[:1], NOW_S), b"h").split(b":")


def test_both_signatures_verify_rsa_first(keys):
    header = sign(MESSAGE, keys, NOW_S)
    results = verify(header + MESSAGE, {k.record_name: record_text(k) for k in keys}.get)
    assert [(r.algorithm, r.domain, r.selector, r.is_valid) for r in results] == [
        ("rsa-sha256", "example.org", "r202611", True),
        ("ed25519-sha256", "example.org", "e202611", True),
    ]


def test_tags_of_a_signature(keys):
    header = sign(MESSAGE, keys[:1], NOW_S)
    assert header.startswith(
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n"
    )
    assert tag(header, b"t") == b"1763800000"
    assert b" l=" not in header
    assert header.endswith(b"\r\n")


@pytest.mark.parametrize(
    "change",
    [
        (b"body", b"other"),
        (b"Subject: s", b"Subject: t"),
        (b"To: b", b"Cc: x@evil.example\r\nTo: b"),
        (b"To: b", b"From: x@evil.example\r\nTo: b"),
        (b"Subject: s", b"Subject: x\r\nSubject: s"),
        (b"t=1763800000", b"t=1763800001"),
    ],
)
def test_a_change_is_seen(keys, change):
    content = sign(MESSAGE, keys, NOW_S) + MESSAGE
    assert verdicts(keys, content) == [True, True]
    assert verdicts(keys, content.replace(*change)) == [False, False]


def test_what_relaxed_allows_changes_nothing(keys):
    content = sign(MESSAGE, keys, NOW_S) + MESSAGE
    relaxed = content.replace(b"Subject: s", b"SUBJECT:\t s\r\n  ").replace(b"body", b"body \t")
    assert verdicts(keys, relaxed + b" \r\n\r\n") == [True, True]


def test_present_fields_are_listed_once_more_and_absent_ones_once(keys):
    listed = names(MESSAGE, keys)
    assert [listed.count(n) for n in (b"from", b"to", b"subject")] == [2, 2, 2]
    assert [listed.count(n) for n in (b"cc", b"date", b"message-id", b"reply-to")] == [1, 1, 1, 1]
    assert b"list-unsubscribe" not in listed
    assert b"received" not in listed


@pytest.mark.parametrize(
    "name",
    [b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding", b"List-Unsubscribe", b"List-Unsubscribe-Post"],
)  # fmt: skip
def test_fields_that_relays_add_are_doubled_only_when_present(keys, name):
    assert names(name + b": x\r\n" + MESSAGE, keys).count(name.lower()) == 2


def test_repeated_fields_are_all_signed_from_the_bottom_up(keys):
    message = b"To: first@a.example\r\nList-Id: 1\r\nList-Id: 2\r\n" + MESSAGE
    assert names(message, keys).count(b"to") == 3
    assert names(message, keys).count(b"list-id") == 2
    assert verdicts(keys, sign(message, keys, NOW_S) + message) == [True, True]
    # One more on top is not covered by the signature of a field that is not over-signed.
    added = b"List-Id: 0\r\n" + message
    assert verdicts(keys, sign(message, keys, NOW_S) + added) == [True, True]


@pytest.mark.parametrize("domain", ["example.org", "a" * 60 + "." + "b" * 60 + ".example.org"])
def test_lines_are_folded(tmp_path, domain):
    key, _ = generate_key(tmp_path, domain, today=dt.date(2026, 11, 1), selector="s" * 60)
    message = b"".join(b"References: <%d@x>\r\n" % i for i in range(50)) + MESSAGE
    lines = sign(message, (key,), NOW_S).split(b"\r\n")
    assert all(len(line) <= 78 for line in lines if b"d=" not in line)
    assert max(map(len, lines)) <= 998
    assert all(line.startswith(b" ") for line in lines[1:-1])
    assert verdicts((key,), sign(message, (key,), NOW_S) + message) == [True]


def test_a_message_without_from_is_not_signable(keys):
    for content in (b"Subject: s\r\n\r\nFrom: a@example.org\r\n", b"\r\nFrom: a@b\r\n", b""):
        with pytest.raises(NotSignable, match="no From"):
            sign(content, keys, NOW_S)


def test_without_keys_there_is_no_header():
    assert sign(MESSAGE, (), NOW_S) == b""


def test_a_bad_item_of_a_batch_spoils_only_itself(keys):
    results = sign_batch([(MESSAGE, keys, NOW_S), (b"x", keys, NOW_S), (MESSAGE, keys[:1], NOW_S)])
    assert results[0] == sign(MESSAGE, keys, NOW_S)
    assert isinstance(results[1], NotSignable)
    assert results[2] == sign(MESSAGE, keys[:1], NOW_S)


def test_caches_never_change_a_signature(keys):
    signer = Signer()
    messages = [HEAD + b"X: %d\r\n\r\nbody %d\r\n" % (i, i % 12) for i in range(60)]
    messages += [b"To: x@y.example\r\n" * (i % 5) + m for i, m in enumerate(messages)]
    messages.append(MESSAGE + b"x" * (1 << 20))
    for message in messages:
        assert signer.sign(message, keys, NOW_S) == sign(message, keys, NOW_S)


def test_a_signer_serves_several_threads(keys):
    signer = Signer()
    items = [(HEAD + b"\r\nbody %d\r\n" % (i % 20), keys[1:], NOW_S) for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(signer.sign_batch, [items] * 4))
    assert all(result == sign_batch(items) for result in results)


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b" \r\n\t\r\n", b""),
        (b"\r\n\r\n\r\n", b""),
        (b"a", b"a\r\n"),
        (b"a ", b"a\r\n"),
        (b" a  b\t\tc \r\n", b" a b c\r\n"),
        (b"a\r\n\r\n \r\n", b"a\r\n"),
        (b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
        (b".\r\n..\r\n", b".\r\n..\r\n"),
        (b"a\r\n\r\r\n\r\n", b"a\r\n\r\r\n"),
        (b"a\n\r\n\r\n", b"a\n\r\n"),
        (b"\r\r\n", b"\r\r\n"),
    ],
)
def test_canonical_bodies(body, canonical):
    assert relaxed_body(body) == canonical


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b\r\n" + b" " * 5_000_000 + b"x\r\n\r\n",
        b"From: a@b\r\n\r\n" + b" " * 5_000_000 + b"x\r\n",
        b"From: a@b\r\n\r\n" + b"\r\n" * 3_000_000,
        b"From: a@b\r\n\r\n" + b" \r\n" * 2_000_000 + b"x",
        b"From: a@b\r\n\r\n" + b"\t \t" * 2_000_000,
        b"From: a@b\r\n\r\n" + b"\r" * 3_000_000 + b"\r\n",
        b"From: a@b\r\n" + b"To: x@y.example\r\n" * 50_000 + b"\r\n",
        b"From: a@b\r\n" + b"X" * 5_000_000,
        b"From: a@b\r\nSubject:" + b"\r\n x" * 1_000_000 + b"\r\n\r\n",
        b"From" + b" " * 5_000_000 + b": a@b\r\n\r\n",
    ],
    ids=["header spaces", "body spaces", "blank lines", "space lines", "tabs", "returns", "fields", "long", "folds", "name"],
)  # fmt: skip
def test_hostile_messages_are_signed(keys, content):
    assert sign(content, keys[1:], NOW_S).startswith(b"DKIM-Signature: ")


pieces = st.sampled_from(
    [b" ", b"  ", b"\t", b"a", b"B", b".", b":", b";", b"=20", b"\xc3\xb1", b"\xff", b"\r\n", b"\r\n.\r\n", b"xyz " * 30]
)  # fmt: skip
bodies = st.lists(pieces, max_size=30).map(b"".join)
values = (
    st.lists(
        st.sampled_from([b" ", b"\t", b"a", b"b c", b":", b"\xc3\xb1", b"\xff", b"\r\n ", b"\r\n\t", b"y" * 300]),
        max_size=12,
    )
    .map(b"".join)
)  # fmt: skip
field_names = st.sampled_from(
    [b"To", b"TO", b"cc", b"Subject", b"Date", b"Reply-To", b"List-Id", b"Received", b"X-Other", b"Content-Type"]
)  # fmt: skip


@given(bodies)
def test_bodies_are_canonicalised_as_dkimpy_does(body):
    body += b"\r\n"
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@given(
    st.lists(pieces | st.sampled_from([b"\r", b"\n"]), max_size=30).map(b"".join),
    st.integers(0, 20),
)
def test_a_large_body_is_canonicalised_in_pieces_as_a_whole(body, octets):
    assert b"".join(relaxed_pieces(body, octets)) == relaxed_body(body)


def test_no_piece_of_a_large_body_is_large():
    body = b"a \t b\r\n" * 50_000 + b"\r\n" * 50_000 + b"end"
    assert max(map(len, relaxed_pieces(body, 1_000))) <= 1_010


def test_a_body_too_large_for_the_cache_is_signed_as_well(keys):
    content = HEAD + b"\r\n" + b"a  b \t\r\n" * 200_000 + b"\r\n" * 9
    assert all(verdicts(keys, sign(content, keys, NOW_S) + content))


@given(st.binary(max_size=100))
def test_splitting_finds_the_body_at_the_first_empty_line(content):
    _, empty, body = (b"\r\n" + content).partition(b"\r\n\r\n")
    assert split(content).body == (body if empty else b"")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(field_names, values), max_size=8), bodies, st.booleans())
def test_random_messages_verify_with_dkimpy(keys, fields, body, with_body):
    head = b"".join(b"%s:%s\r\n" % field for field in fields)
    message = b"From: a@example.org\r\n" + head + (b"\r\n" + body + b"\r\n" if with_body else b"")
    assert verdicts(keys, sign(message, keys, NOW_S) + message) == [True, True]
