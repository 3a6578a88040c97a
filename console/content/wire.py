"""Encodes text for the wire: quoted-printable for bodies (RFC 2045 §6.7), RFC 2047 for headers.

Pieces of a body are encoded one by one, so each begins at the beginning of a line: what does not
end with its own line end gets a soft line break, which readers take away again.
"""

import re
from binascii import b2a_qp
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from console.content.fields import TemplateError
from mta.intake.header_encoding import LINE, MAX_WORD, Unencodable, encoded_words, fold

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_PLAIN = re.compile(r"[ -<>-~]{1,75}\Z")  # stands for itself, with the soft break in 76 columns
_MARKUP = re.compile(r"[&<>\"']")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
_SHORT = re.compile(r"[!-~]+(?: [!-~]+)*\Z")  # words with one space between them
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
MAX_LINE = 990  # RFC 5321 §4.5.3.1.6: 1,000 with CRLF


def body(text: str) -> bytes:
    """Text in quoted-printable, to be followed by more: at the beginning of a line in the end."""
    if _PLAIN.match(text):
        return text.encode() + b"=\r\n"
    if not text:
        return b""
    if "\n" in text or "\r" in text:
        text = _LINE_ENDS.sub("\r\n", text)
    # The x keeps a space before it as it is, the line end tells which line ends are wanted.
    encoded = b2a_qp(f"{text}x\r\n".encode())[:-3]
    return encoded if encoded.endswith(b"\n") else encoded + b"=\r\n"


def markup(text: str) -> bytes:
    """The same for text that stands in HTML, be it in an attribute: it is no markup."""
    return body(escape(text)) if _MARKUP.search(text) else body(text)


def unstructured(name: str, text: str) -> bytes:
    """A whole header field with free text, folded; what would end the line is a space."""
    if len(text) + len(name) + 2 <= LINE and _SHORT.match(text) and "=?" not in text:
        return f"{name}: {text}\r\n".encode()
    text = _one_line(text)
    return _field(name, _words(text, text.split(" ")))


def mailbox(name: str, display: str, address: str) -> bytes:
    """A whole header field with one mailbox; an address outside ASCII stays UTF-8 (RFC 6532)."""
    return mailboxes(name, [(display, address)])


def mailboxes(name: str, boxes: Sequence[tuple[str, str]]) -> bytes:
    """A whole header field with mailboxes: display names and addresses."""
    words: list[str] = []
    for display, address in boxes:
        words += _mailbox(display, address)
        words[-1] += ","
    words[-1] = words[-1][:-1]
    return _field(name, words)


def _mailbox(display: str, address: str) -> list[str]:
    display = _one_line(display)
    words = []
    if display:
        plain = display
        if not _ATOMS.match(display):
            escaped = display.replace("\\", "\\\\").replace('"', '\\"')
            plain = f'"{escaped}"'
        words = _words(plain, [plain], encoded=display)
    return [*words, f"<{address}>" if words else address]


def link_field(name: str, text: str) -> bytes:
    """A whole header field that holds links, in one line. Raises `TemplateError`."""
    if len(text) + len(name) > MAX_LINE or not _PRINTABLE.match(text):
        raise TemplateError(
            f"{name}: {text[:40]!r}…: at most {MAX_LINE} printable ASCII characters"
        )
    return f"{name}: {text}\r\n".encode()


def link_part(text: str) -> str:
    """A value inside of a link."""
    return text if _UNRESERVED.match(text) else quote(text, safe="")


def _one_line(text: str) -> str:
    return " ".join(text.translate(_CONTROLS).split())


def _words(plain: str, words: list[str], encoded: str | None = None) -> list[str]:
    """The words as they are if readers take them so, else encoded ones."""
    if plain.isascii() and "=?" not in plain and max(map(len, words)) <= MAX_WORD:
        return words
    return encoded_words(plain if encoded is None else encoded)


def _field(name: str, words: list[str]) -> bytes:
    try:
        return f"{name}:{fold(words, len(name) + 1)}\r\n".encode()
    except Unencodable as error:
        raise TemplateError(f"{name}: {error}") from None
