"""Takes a mail apart as far as notices need it: in linear time, with bounds on depth and parts.

The standard library's parser nests a generator for each level, so a mail of a megabyte of nested
multiparts costs it a minute; whoever can reach port 25 could have that. What lies beyond the
bounds here is not looked at. Octets over 127 in a header are read as UTF-8 where they are.
"""

import binascii
import re
from dataclasses import dataclass, field

MAX_DEPTH = 4  # report → returned message → its multipart: nobody needs more
MAX_PARTS = 40
MAX_HEADER_BYTES = 64 * 1024
MAX_FIELDS = 500
MAX_VALUE = 8_000

_NAME = re.compile(r"[!-9;-~]{1,80}\Z")
_PARAMETER = re.compile(r";\s*([!#$&-.0-9A-Za-z^_`~*'%+]{1,60})\s*=\s*(?:\"([^\"]*)\"|([^;\s\"]*))")


@dataclass(frozen=True, slots=True)
class Part:
    """A mail, or a part of one; the body is as it stands, CRLF made LF."""

    headers: tuple[tuple[str, str], ...]  # names in lower case, values unfolded
    body: bytes
    kind: str = "text/plain"  # in lower case
    parameters: dict[str, str] = field(default_factory=dict)  # of Content-Type, names lower case
    parts: tuple["Part", ...] = ()

    def header(self, name: str) -> str:
        """The first field of that name, empty when there is none."""
        return next((value for known, value in self.headers if known == name), "")

    def walk(self) -> list["Part"]:
        """The part itself and all below it, in order."""
        found = [self]
        for part in self.parts:
            found += part.walk()
        return found

    @property
    def decoded(self) -> bytes:
        """The body without its transfer encoding; what cannot be decoded stays as it is."""
        encoding = self.header("content-transfer-encoding").strip().lower()
        try:
            if encoding == "base64":
                return binascii.a2b_base64(self.body).replace(b"\r\n", b"\n")
            if encoding == "quoted-printable":
                return binascii.a2b_qp(self.body)
        except (binascii.Error, ValueError):
            pass
        return self.body

    @property
    def text(self) -> str:
        """The decoded body as text."""
        return self.decoded.decode("utf-8", "replace")


def parse(content: bytes) -> Part:
    """Take a whole mail apart."""
    return _Parser().part(content.replace(b"\r\n", b"\n"), 0)


def fields_of(block: str) -> tuple[tuple[str, str], ...]:
    """Header fields of a block of lines, unfolded; lines that are no field are left out."""
    found: list[tuple[str, str]] = []
    pieces: list[str] = []
    name = ""

    def close() -> None:
        if name:
            found.append((name, " ".join(pieces)[:MAX_VALUE].strip()))

    for line in block.split("\n"):
        if line[:1] in (" ", "\t"):
            if name and len(pieces) < MAX_FIELDS:
                pieces.append(line.strip())
            continue
        close()
        name = ""
        if len(found) >= MAX_FIELDS:
            break
        key, colon, value = line.partition(":")
        if colon and _NAME.match(key.strip()):
            name, pieces = key.strip().lower(), [value.strip()]
    else:
        close()
    return tuple(found)


class _Parser:
    def __init__(self) -> None:
        self._left = MAX_PARTS

    def part(self, data: bytes, depth: int) -> Part:
        self._left -= 1
        if data.startswith(b"\n"):
            head, body = b"", data[1:]
        else:
            end = data.find(b"\n\n")
            head, body = (data, b"") if end < 0 else (data[:end], data[end + 2 :])
        headers = fields_of(head[:MAX_HEADER_BYTES].decode("utf-8", "replace"))
        content_type = next((v for n, v in headers if n == "content-type"), "")
        kind, parameters = _content_type(content_type)
        parts: tuple[Part, ...] = ()
        if depth < MAX_DEPTH:
            boundary = parameters.get("boundary", "")
            if kind.startswith("multipart/") and boundary:
                parts = self._parts(body, boundary.encode("utf-8", "replace"), depth + 1)
            elif kind in ("message/rfc822", "message/global") and self._left > 0:
                parts = (self.part(body, depth + 1),)
        return Part(headers, body, kind, parameters, parts)

    def _parts(self, body: bytes, boundary: bytes, depth: int) -> tuple[Part, ...]:
        mark = b"\n--" + boundary
        text = b"\n" + body
        found: list[Part] = []
        begin = -1
        at = text.find(mark)
        while at >= 0 and self._left > 0:
            after = at + len(mark)
            line_end = text.find(b"\n", after)
            line_end = len(text) if line_end < 0 else line_end
            rest = text[after : min(line_end, after + 100)].strip()
            if rest not in (b"", b"--"):  # a longer word that begins like the boundary
                at = text.find(mark, after)
                continue
            if begin >= 0:
                found.append(self.part(text[begin:at], depth))
            begin = line_end + 1
            if rest == b"--":
                return tuple(found)
            at = text.find(mark, line_end)
        if 0 <= begin < len(text) and self._left > 0:  # the end is missing: cut off on the way
            found.append(self.part(text[begin:], depth))
        return tuple(found)


def _content_type(value: str) -> tuple[str, dict[str, str]]:
    kind = value.partition(";")[0].strip().lower() or "text/plain"
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        quoted, plain = match[2], match[3]
        parameters.setdefault(match[1].lower(), quoted if quoted is not None else plain or "")
    return kind, parameters
