"""Header text between octets and characters: RFC 2047 words, RFC 2231 parameters, folding.

What is written is ASCII, folded at 78 columns where a space allows it and never longer than 998
octets, and no character of a value can end a line or begin a field.
"""

import re
from base64 import b64decode, b64encode
from binascii import a2b_qp
from collections.abc import Iterable
from urllib.parse import quote

from mta.intake.mailboxes import TOKEN, UNTERMINATED
from mta.model.errors import PermanentError

LINE = 78  # RFC 5322 §2.1.1
MAX_WORD = 900  # with its space and what follows it a line stays under 998 octets
_PAYLOAD = 48  # of an encoded word; with its frame 60 columns, RFC 2047 §2 allows 75
_PARAMETER_PIECE = 54
MAX_PARAMETER = 1_000
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*")
# Looked for behind a semicolon only, so that a long value is read once.
_PARAMETER = re.compile(
    r";[ ]*([!#$&+\-.0-9A-Z^_`a-z{|}~]+)[ ]*=[ ]*(\"(?:[^\"\\]|\\.)*\"|[^\s\";]+)"
)
_SPACE = " \t\r\n"
_ESCAPE = re.compile(r"\\(.)")
_ADDRESSES = frozenset(
    {
        "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to",
        "resent-cc", "resent-reply-to", "list-id", "errors-to", "disposition-notification-to",
        "return-receipt-to", "mail-reply-to", "mail-followup-to",
    }
)  # fmt: skip
_PARAMETERS = frozenset({"content-type", "content-disposition"})
# Fields of atoms, dates, ids and URLs, where an encoded word means nothing (RFC 2047 §5).
_STRUCTURED = frozenset(
    {
        "date", "message-id", "in-reply-to", "references", "received", "mime-version",
        "content-transfer-encoding", "content-id", "content-location", "dkim-signature",
        "domainkey-signature", "arc-seal", "arc-message-signature", "arc-authentication-results",
        "authentication-results", "received-spf", "auto-submitted", "list-unsubscribe",
        "list-unsubscribe-post", "list-help", "list-post", "list-subscribe", "list-owner",
        "list-archive", "resent-date", "resent-message-id",
    }
)  # fmt: skip


class Unencodable(PermanentError):
    """The value cannot be said in ASCII."""


class UndecodableWords(PermanentError):
    """Encoded words that are none, or of an unknown character set."""


def field_text(value: bytes) -> str:
    """The value of a field without its folding; octets that are no UTF-8 are taken for Windows-1252."""
    try:
        text = value.decode("utf-8").strip(_SPACE)
    except UnicodeDecodeError:
        text = value.decode("cp1252", "replace").strip(_SPACE)
    if "\n" in text or "\t" in text:
        text = text.replace("\r\n", "").replace("\t", " ")
    return text


def readable(text: str) -> str:
    """Encoded words as people read them; what cannot be decoded stays as it is (RFC 2047)."""
    try:
        return decode_words(text)
    except UndecodableWords:
        return text


def decode_words(text: str) -> str:
    """`text` with its encoded words (RFC 2047) decoded. Raises `UndecodableWords`."""
    return _WORDS.sub(_decoded, text) if "=?" in text else text


def _decoded(match: "re.Match[str]") -> str:
    """A run of encoded words; a character may be divided between two of them."""
    parts: list[tuple[str, bytearray]] = []
    try:
        for charset, encoding, payload in _WORD.findall(match[0]):
            name = charset.partition("*")[0].lower()  # RFC 2231 §5: a language behind it
            if encoding in "bB":
                octets = b64decode(payload + "=" * (-len(payload) % 4), validate=True)
            else:
                octets = a2b_qp(payload, header=True)
            if not parts or parts[-1][0] != name:
                parts.append((name, bytearray()))
            parts[-1][1].extend(octets)
        return "".join(octets.decode(charset) for charset, octets in parts)
    except (LookupError, ValueError):
        raise UndecodableWords(f"{match[0][:40]!r} cannot be decoded (RFC 2047)") from None


def encode_field(name: str, value: bytes) -> bytes:
    """What stands behind the colon of `name` in place of `value`, in ASCII and folded.

    Raises `Unencodable`.
    """
    text = field_text(value).translate(_CONTROLS)
    kind = name.lower()
    if kind in _ADDRESSES:
        words = _address_words(text)
    elif kind in _PARAMETERS:
        words = _parameter_words(text)
    elif kind in _STRUCTURED:
        raise Unencodable("only ASCII is allowed in this field (RFC 5322)")
    else:
        words = _text_words(text)
    return fold(words, len(name) + 1).encode("ascii")


def fold(words: Iterable[str], column: int) -> str:
    """The words behind a colon in that column, each after a space or on a new line.

    Raises `Unencodable` for a word that makes a line too long.
    """
    written: list[str] = []
    for word in words:
        if len(word) > MAX_WORD:
            raise Unencodable(f"a word longer than {MAX_WORD} octets")
        if column + 1 + len(word) > LINE and column > 1:
            written.append("\r\n")
            column = 0
        written += (" ", word)
        column += 1 + len(word)
    return "".join(written)


def encoded_words(text: str) -> list[str]:
    """`text` as encoded words in UTF-8, to be read without the space between them."""
    pieces = [(octets, _quoted_size(octets)) for octets in map(str.encode, text)]
    quoted = sum(size for _, size in pieces)
    is_quoted = quoted * 3 <= sum(len(octets) for octets, _ in pieces) * 4
    limit = _PAYLOAD if is_quoted else _PAYLOAD * 3 // 4
    words: list[str] = []
    run, used = bytearray(), 0
    for octets, size in pieces:
        if not is_quoted:
            size = len(octets)
        if used + size > limit:
            words.append(_word(bytes(run), is_quoted=is_quoted))
            run, used = bytearray(), 0
        run += octets
        used += size
    words.append(_word(bytes(run), is_quoted=is_quoted))
    return words


def _quoted_size(octets: bytes) -> int:
    if len(octets) > 1:
        return 3 * len(octets)
    return 1 if octets[0] in _SAFE or octets == b" " else 3


def _word(octets: bytes, *, is_quoted: bool) -> str:
    if not is_quoted:
        return f"=?utf-8?b?{b64encode(octets).decode()}?="
    payload = "".join(chr(o) if o in _SAFE else "_" if o == 32 else f"={o:02X}" for o in octets)
    return f"=?utf-8?q?{payload}?="


def _text_words(text: str) -> list[str]:
    """Unstructured text: what is ASCII stays, also words that are encoded already."""
    words: list[str] = []
    run: list[str] = []
    is_after_encoded = False
    for word in (*text.split(), ""):
        if not word.isascii():
            run.append(word)
            continue
        is_encoded = _WORD.fullmatch(word) is not None
        if run:
            # The space next to another encoded word is not seen by readers: it goes inside.
            before, after = " " * is_after_encoded, " " * is_encoded
            words += encoded_words(f"{before}{' '.join(run)}{after}")
            run = []
        words.append(word)
        is_after_encoded = is_encoded
    return words[:-1]


def _parameter_words(text: str) -> list[str]:
    """A media type with parameters: values outside ASCII as in RFC 2231 §4, long ones in pieces."""
    encoded = _PARAMETER.sub(_parameter, text)
    if not encoded.isascii():
        raise Unencodable("only parameters may hold characters outside ASCII (RFC 2231)")
    return encoded.split()


def _parameter(match: "re.Match[str]") -> str:
    name, value = match.groups()
    if value.isascii():
        return match[0]
    if value.startswith('"'):
        value = _ESCAPE.sub(r"\1", value[1:-1])
    if len(value) > MAX_PARAMETER:
        raise Unencodable(f"a parameter longer than {MAX_PARAMETER} characters")
    text = "utf-8''" + quote(value, safe="")
    if len(text) <= _PARAMETER_PIECE:
        return f"; {name}*={text}"
    pieces: list[str] = []
    while text:
        cut = _PARAMETER_PIECE
        while text[cut - 1 : cut] == "%" or text[cut - 2 : cut - 1] == "%":
            cut -= 1  # never inside of %41
        pieces.append(f"{name}*{len(pieces)}*={text[:cut]}")
        text = text[cut:]
    return "; " + "; ".join(pieces)


def _address_words(text: str) -> list[str]:
    """Addresses: display names and comments are encoded, the addresses themselves never."""
    writer = _AddressWriter()
    for match in TOKEN.finditer(text):
        if match.lastgroup == UNTERMINATED:
            raise Unencodable("a quote without its partner")
        writer.take(match[0])
    return writer.finish()


class _AddressWriter:
    """Turns the tokens of an address field into words for folding."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._pending: list[str] = []  # of a display name, or a bare address; comments whole
        self._comment: list[str] = []
        self._depth = 0

    def take(self, token: str) -> None:
        """The next token."""
        if token == "(":
            self._depth += 1
        if self._depth:
            self._comment.append(token)
            if token == ")":
                self._depth -= 1
                if not self._depth:
                    self._pending.append("".join(self._comment))
                    self._comment = []
        elif token[0] == "<":
            self._end_name()
            self._address(token)
        elif token in ",;:":
            if token == ":":
                self._end_name()
            else:
                self._end_address()
            self._words[-1:] = [self._words[-1] + token] if self._words else [token]
        else:
            self._pending.append(token)

    def finish(self) -> list[str]:
        """All words."""
        if self._depth:
            raise Unencodable("an opening parenthesis without a closing one")
        self._end_address()
        return self._words

    def _end_name(self) -> None:
        name = "".join(self._pending)
        if name.isascii():
            self._words += name.split()
        else:
            plain = "".join(
                _ESCAPE.sub(r"\1", t[1:-1]) if t[0] == '"' else t for t in self._pending
            )
            self._words += encoded_words(" ".join(plain.split()))
        self._pending = []

    def _end_address(self) -> None:
        address: list[str] = []
        for token in self._pending:
            if token[0] != "(":
                address.append(token)
                continue
            self._address("".join(address))
            address = []
            if token.isascii():
                self._words += token.split()
            else:
                inner = " ".join(_ESCAPE.sub(r"\1", token[1:-1]).split())
                self._words += f"({' '.join(encoded_words(inner))})".split()
        self._address("".join(address))
        self._pending = []

    def _address(self, text: str) -> None:
        if not text.isascii():
            raise Unencodable("an address outside ASCII needs SMTPUTF8 (RFC 6531)")
        text = text.strip()
        if text:
            self._words += [text] if '"' in text else text.split()
