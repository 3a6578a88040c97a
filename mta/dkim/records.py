"""The DNS side of a key: the record to publish, and whether what is published fits the private key."""

import base64
from collections.abc import Awaitable, Callable, Sequence

from mta.dkim.keys import DkimKey

RECORD_TTL_S = 3600
_STRING_OCTETS = 255  # RFC 1035 §3.3: one character-string
_RECOMMENDED_RSA_BITS = 2048  # RFC 8301 §3.2

TxtLookup = Callable[[str], Awaitable[Sequence[str]]]
"""Takes a name, gives the TXT records there, the strings of each joined; none when there are none."""


def record_text(key: DkimKey) -> str:
    """The content of the TXT record: `v=DKIM1; k=rsa; p=…` (RFC 6376 §3.6.1, RFC 8463 §4)."""
    return f"v=DKIM1; k={_key_type(key)}; p={key.public_text}"


def txt_record(key: DkimKey) -> str:
    """The record as one line of a zone file, in quoted strings of at most 255 octets."""
    text = record_text(key)
    strings = [text[i : i + _STRING_OCTETS] for i in range(0, len(text), _STRING_OCTETS)]
    quoted = " ".join(f'"{string}"' for string in strings)
    return f"{key.record_name}. {RECORD_TTL_S} IN TXT {quoted}"


async def check(key: DkimKey, lookup: TxtLookup) -> list[str]:
    """What is wrong with the published record of `key`; empty when receivers can verify with it.

    `lookup` may raise `OSError` or `TimeoutError` when DNS gives no answer.
    """
    name = key.record_name
    try:
        records = await lookup(name)
    except (OSError, TimeoutError) as error:
        return [f"{name}: DNS gave no answer ({error or 'timeout'}): try again"]
    candidates = [text for text in records if "p=" in text or "v=DKIM1" in text]
    if not candidates:
        found = "other TXT records, but no DKIM key" if records else "no TXT record"
        return [f"{name}: {found}; publish:\n{txt_record(key)}"]
    if len(candidates) > 1:
        return [f"{name}: {len(candidates)} keys, there must be one: remove the old ones"]
    return [f"{name}: {problem}" for problem in _compare(key, candidates[0])]


def _compare(key: DkimKey, text: str) -> list[str]:
    if text.startswith(("'", '"')) or '\\"' in text:
        return ["quotation marks are part of the record: enter the text without them"]
    tags = _tags(text)
    if tags is None:
        return [f"not a list of tags: {text[:80]!r}"]
    problems = []
    version = tags.get("v")
    if version not in (None, "DKIM1") or (version and next(iter(tags)) != "v"):
        problems.append("v=DKIM1 must be its first tag")
    key_type = tags.get("k", "rsa")
    if key_type != _key_type(key):
        problems.append(f"k={key_type}, but the private key is {_key_type(key)}")
    problems += _compare_public(key, tags.get("p"))
    hashes = tags.get("h")
    if hashes is not None and "sha256" not in _list(hashes):
        problems.append(f"h={hashes} forbids sha256, which signatures use")
    services = tags.get("s")
    if services is not None and not {"*", "email"} & set(_list(services)):
        problems.append(f"s={services} forbids the use for mail")
    if "y" in _list(tags.get("t", "")):
        problems.append("t=y says that the domain only tests DKIM: remove it")
    if key.algorithm == "rsa-sha256" and key.bits < _RECOMMENDED_RSA_BITS:
        problems.append(f"RSA key of {key.bits} bits: make one of {_RECOMMENDED_RSA_BITS}")
    return problems


def _compare_public(key: DkimKey, published: str | None) -> list[str]:
    if published is None:
        return ["the p= tag is missing"]
    text = "".join(published.split())
    if not text:
        return ["p= is empty: the key is revoked"]
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return ["p= is not base64: it was cut off or changed when it was entered"]
    own = base64.b64decode(key.public_text)
    if data == own:
        return []
    if own.startswith(data) or data.startswith(own[: len(data) // 2]):
        return ["p= is only a part of the public key: it was cut off when it was entered"]
    return ["p= is another key than the private one in the key directory"]


def _key_type(key: DkimKey) -> str:
    return key.algorithm.removesuffix("-sha256")


def _tags(text: str) -> dict[str, str] | None:
    """RFC 6376 §3.2; `None` when it is no tag list."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or name.strip() in tags:
            return None
        tags[name.strip()] = value.strip()
    return tags


def _list(value: str) -> list[str]:
    return [item.strip() for item in value.split(":")]
