"""The record to publish, and what `relevo dkim check` says of the one that is published."""

import datetime as dt
import re

import dns.rdata
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mta.dkim import DkimKey, KeyType, check, generate_key, record_text, txt_record


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    today = dt.date(2026, 11, 1)
    return {
        kind: generate_key(folder, "example.org", today=today, key_type=kind)[0] for kind in KeyType
    }


async def problems(key, *records):
    async def lookup(name):
        assert name == key.record_name
        return records

    return [line.removeprefix(key.record_name + ": ") for line in await check(key, lookup)]


@pytest.mark.parametrize("kind", KeyType)
def test_the_record_is_a_line_of_a_zone_file(keys, kind):
    key = keys[kind]
    line = txt_record(key)
    name, ttl, cls, rdtype, text = line.split(" ", 4)
    assert (name, ttl, cls, rdtype) == (
        f"{key.selector}._domainkey.example.org.",
        "3600",
        "IN",
        "TXT",
    )
    strings = re.findall(r'"([^"]*)"', text)
    assert all(len(string) <= 255 for string in strings)
    assert "".join(strings) == record_text(key)
    assert b"".join(dns.rdata.from_text("IN", "TXT", text).strings).decode() == record_text(key)


def test_the_records_of_both_types(keys):
    assert record_text(keys[KeyType.RSA2048]).startswith("v=DKIM1; k=rsa; p=MIIB")
    assert len(keys[KeyType.ED25519].public_text) == 44
    assert record_text(keys[KeyType.ED25519]).startswith("v=DKIM1; k=ed25519; p=")


@pytest.mark.parametrize("kind", KeyType)
async def test_the_record_we_write_has_no_problems(keys, kind):
    key = keys[kind]
    assert await problems(key, record_text(key)) == []
    assert await problems(key, "some other text", record_text(key)) == []
    spaced = record_text(key).replace("; ", " ;\t").replace("p=", "p = ")
    assert await problems(key, spaced[:200] + " " + spaced[200:]) == []
    assert await problems(key, record_text(key) + "; s=email; h=sha1:sha256; n=note") == []


async def test_a_record_without_version_or_type_is_rsa(keys):
    key = keys[KeyType.RSA2048]
    assert await problems(key, f"p={key.public_text}") == []


async def test_a_missing_record_is_shown_to_publish(keys):
    key = keys[KeyType.RSA2048]
    assert await problems(key) == [f"no TXT record; publish:\n{txt_record(key)}"]
    (line,) = await problems(key, "v=spf1 -all")
    assert line.startswith("other TXT records, but no DKIM key; publish:")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("p=MIIB", "p=XXXB"), ["p= is another key than the private one"]),
        (lambda text: text[:-20], ["p= is only a part of the public key"]),
        (lambda text: text.partition("p=")[0] + "p=", ["p= is empty: the key is revoked"]),
        (lambda text: text.partition("; p=")[0], ["the p= tag is missing"]),
        (lambda text: text + "é", ["p= is not base64"]),
        (
            lambda text: text.replace("k=rsa", "k=ed25519"),
            ["k=ed25519, but the private key is rsa"],
        ),
        (lambda text: text + "; t=y", ["t=y says that the domain only tests"]),
        (lambda text: text + "; h=sha1", ["h=sha1 forbids sha256"]),
        (lambda text: text + "; s=tlsrpt", ["s=tlsrpt forbids the use for mail"]),
        (
            lambda text: text.replace("v=DKIM1; ", "") + "; v=DKIM1",
            ["v=DKIM1 must be its first tag"],
        ),
        (lambda text: text.replace("DKIM1", "DKIM2"), ["v=DKIM1 must be its first tag"]),
        (lambda text: f'"{text}"', ["quotation marks are part of the record"]),
        (lambda text: text + "; p=x", ["not a list of tags"]),
        (lambda text: text + "; h=sha1; t=y", ["h=sha1 forbids", "t=y says"]),
    ],
)
async def test_problems_of_the_published_record_are_told(keys, change, expected):
    key = keys[KeyType.RSA2048]
    found = await problems(key, change(record_text(key)))
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


async def test_two_keys_at_one_name_are_a_problem(keys):
    key = keys[KeyType.ED25519]
    (line,) = await problems(key, record_text(key), "v=DKIM1; p=")
    assert line.startswith("2 keys, there must be one")


async def test_a_short_rsa_key_is_a_problem():
    key = DkimKey("example.org", "s", rsa.generate_private_key(65537, 1024))
    assert await problems(key, record_text(key)) == ["RSA key of 1024 bits: make one of 2048"]


@pytest.mark.parametrize("error", [TimeoutError(), OSError("SERVFAIL")])
async def test_dns_without_answer_is_no_verdict(keys, error):
    async def lookup(_name):
        raise error

    (line,) = await check(keys[KeyType.ED25519], lookup)
    assert "DNS gave no answer" in line
