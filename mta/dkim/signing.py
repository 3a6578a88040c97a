"""DKIM signatures (RFC 6376, RFC 8301, RFC 8463): relaxed/relaxed, over-signed, folded.

Everything around the private-key operation is written to cost tens of microseconds and to keep the
GIL: signing runs in threads beside a busy event loop, where each time the GIL is given away can
cost a switch interval to get it back. So a batch gives it away once per key operation (the library
does, and it should: that is the 0.3 ms that runs in parallel) and nowhere else.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mta.dkim.canonical import relaxed_body, relaxed_pieces, split
from mta.dkim.keys import DkimKey
from mta.model.errors import PermanentError

# Listed once more than present, even when absent: nobody can add one (RFC 6376 §8.15).
_ALWAYS_OVERSIGNED = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to")
# Listed once more than present when present: a second one would change what is shown or done, but a
# relay may add the first (MIME-Version) or a list its own.
_OVERSIGNED = (
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"sender",
    b"in-reply-to",
    b"references",
)
# Listed as often as present.
_SIGNED = (b"list-id", b"feedback-id")
_POLICY = (
    *((name, True, True) for name in _ALWAYS_OVERSIGNED),
    *((name, True, False) for name in _OVERSIGNED),
    *((name, False, False) for name in _SIGNED),
)
_WANTED = frozenset(name for name, _, _ in _POLICY)

_LINE = 76  # columns, of the 78 that RFC 5322 §2.1.1 recommends
_BASE64_LINE = 72
_GIL_BYTES = 2047  # hashlib gives the GIL away for more at a time
_KEEP_GIL_BYTES = 65536  # for more than this it is worth it
_CACHED_BODIES = 8
_CACHED_BODY_BYTES = 1 << 20
_CACHED_LISTS = 256
_LIST_CACHE_NAMES = 64

_PADDING = padding.PKCS1v15()
_SHA256 = hashes.SHA256()


class NotSignable(PermanentError):
    """The message cannot be signed as it is."""


class Signer:
    """Signs messages; keeps the hashes of the last bodies and the header lists it has written.

    May be used by several threads at one time.
    """

    def __init__(self) -> None:
        """Empty caches."""
        self._bodies: dict[bytes, bytes] = {}
        self._lists: dict[tuple[int, ...], bytes] = {}

    def sign(self, content: bytes, keys: Sequence[DkimKey], now_s: int) -> bytes:
        """The header fields `DKIM-Signature: …` to put before `content`, one for each key.

        `content` is the message as it goes out: CRLF lines, dots not stuffed. Raises `NotSignable`
        when it has no From field.
        """
        if not keys:
            return b""
        lines, body = split(content)
        names, fields = self._select(lines)
        middle = b"\r\n t=%d; h=%s;\r\n bh=%s;\r\n b=" % (now_s, names, self._body_hash(body))
        return b"".join([_signature(key, middle, fields) for key in keys])

    def sign_batch(
        self, items: Sequence[tuple[bytes, Sequence[DkimKey], int]]
    ) -> list[bytes | Exception]:
        """`sign` for each (content, keys, now_s); what it raised stands in the place of a result."""
        results: list[bytes | Exception] = []
        for content, keys, now_s in items:
            try:
                results.append(self.sign(content, keys, now_s))
            except Exception as error:
                results.append(error)
        return results

    def _select(self, lines: list[bytes]) -> tuple[bytes, bytes]:
        """The h= list, folded, and the canonical fields it names, in its order."""
        found: dict[bytes, list[bytes]] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            name = name.lower().rstrip(b" ")
            if name in _WANTED:
                found.setdefault(name, []).append(b"%s:%s\r\n" % (name, value.strip(b" ")))
        if b"from" not in found:
            raise NotSignable("the message has no From field")
        counts: list[int] = []
        fields: list[bytes] = []
        for name, is_oversigned, is_always in _POLICY:
            values = found.get(name)
            if values is None:
                counts.append(1 if is_always else 0)
                continue
            counts.append(len(values) + is_oversigned)
            fields += values if len(values) == 1 else reversed(values)  # §5.4.2: from the bottom up
        return self._header_list(tuple(counts)), b"".join(fields)

    def _header_list(self, counts: tuple[int, ...]) -> bytes:
        written = self._lists.get(counts)
        if written is None:
            written = _write_list(counts)
            if len(self._lists) >= _CACHED_LISTS:
                self._lists.clear()
            if sum(counts) <= _LIST_CACHE_NAMES:
                self._lists[counts] = written
        return written

    def _body_hash(self, body: bytes) -> bytes:
        if len(body) > _CACHED_BODY_BYTES:
            return b64encode(_large_body_hash(body))
        known = self._bodies.get(body)
        if known is None:
            known = b64encode(_sha256(relaxed_body(body)))
            if len(self._bodies) >= _CACHED_BODIES:
                for oldest in list(self._bodies)[:1]:  # a copy: another thread may be here too
                    self._bodies.pop(oldest, None)
            self._bodies[body] = known
        return known


def sign(content: bytes, keys: Sequence[DkimKey], now_s: int) -> bytes:
    """`Signer.sign` without caches: for one message."""
    return Signer().sign(content, keys, now_s)


def sign_batch(
    items: Sequence[tuple[bytes, Sequence[DkimKey], int]],
) -> list[bytes | Exception]:
    """`Signer.sign_batch` with caches that live for this batch."""
    return Signer().sign_batch(items)


def _signature(key: DkimKey, middle: bytes, fields: bytes) -> bytes:
    head = key.head + middle
    # "DKIM-Signature: " canonicalised, unfolded, with an empty b= and without its CRLF (§3.7).
    data = b"%sdkim-signature:%s" % (fields, head[16:].replace(b"\r\n ", b" "))
    if isinstance(key.private, Ed25519PrivateKey):
        signature = b64encode(key.private.sign(_sha256(data)))  # RFC 8463 §3: of the digest
    else:
        signature = b64encode(key.private.sign(data, _PADDING, _SHA256))
    chunks = [signature[i : i + _BASE64_LINE] for i in range(0, len(signature), _BASE64_LINE)]
    return b"%s%s\r\n" % (head, b"\r\n ".join(chunks))


def _write_list(counts: tuple[int, ...]) -> bytes:
    """`from:from:to:…` folded; its first line also holds ` t=1800000000; h=`."""
    lines: list[bytes] = []
    line, width = b"", _LINE - len(" t=1800000000; h=")
    for (name, _, _), count in zip(_POLICY, counts, strict=True):
        for _ in range(count):
            if line and len(line) + 1 + len(name) >= width:
                lines.append(line + b":")
                line, width = name, _LINE - 1
            else:
                line = b"%s:%s" % (line, name) if line else name
    lines.append(line)
    return b"\r\n ".join(lines)


def _large_body_hash(body: bytes) -> bytes:
    digest = hashlib.sha256()
    for piece in relaxed_pieces(body):
        digest.update(piece)
    return digest.digest()


def _sha256(data: bytes) -> bytes:
    size = len(data)
    if size <= _GIL_BYTES or size > _KEEP_GIL_BYTES:
        return hashlib.sha256(data).digest()
    digest = hashlib.sha256()
    for start in range(0, size, _GIL_BYTES):
        digest.update(data[start : start + _GIL_BYTES])
    return digest.digest()
