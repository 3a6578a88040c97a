"""Composes delivery status notifications: RFC 3464 in the multipart/report of RFC 6522.

Three parts: a text for people, Spanish first and English below; the fields for programs; the
header of the original, or all of it. Everything from outside (replies of remote servers, ORCPT,
ENVID) is escaped to printable ASCII in the fields, so that it can never make a field of its own.
All parts but a returned 8-bit message are 7-bit, addresses that are not ASCII included (RFC 6533
§3, `utf-8-addr-xtext`), so a notice needs no extension of the server that takes it.
"""

import quopri
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from types import MappingProxyType

MAX_DIAGNOSTIC = 2_000  # characters of a reply that are told
MAX_HEADER_OCTETS = 64 << 10  # of the original, when its header is returned
FOLD = 76
MAX_WORD = 900  # RFC 5322 §2.1.1: 998 octets in a line
_CRLF = "\r\n"
_TYPED_ADDRESS = re.compile(r"([A-Za-z0-9-]+);(.+)\Z", re.DOTALL)
_QCHAR_LESS = re.compile(r"[^!-*,-<>-\[\]-~]")  # what RFC 6533 §3 QCHAR leaves out


class Action(StrEnum):
    """RFC 3464 §2.3.3, those that we say."""

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice tells; times are milliseconds since 1970, 0 for unknown."""

    action: Action
    notice_id: str  # Message-ID of the notice, with its brackets
    server: str  # our name
    queue_id: int  # id of the notice in the queue
    to: str  # the original's envelope sender
    recipient: str
    status: str
    reply: str  # "550 5.1.1 No such user"
    is_remote: bool  # the reply is the remote server's own
    now_ms: int
    arrived_ms: int
    attempted_ms: int = 0
    retry_until_ms: int = 0
    remote: str = ""  # host name of the remote server
    original_recipient: str = ""  # ORCPT, decoded from xtext: "rfc822;user@example.org"
    envelope_id: str = ""
    header_id: str = ""  # Message-ID of the original
    has_expired: bool = False


SUBJECTS = MappingProxyType(
    {
        Action.FAILED: "Correo no entregado / Undelivered mail",
        Action.DELAYED: "Correo demorado / Delayed mail",
        Action.RELAYED: "Correo entregado al servidor del destinatario / Mail relayed",
    }
)


def compose(notice: Notice, original: bytes | None, *, full: bool) -> bytes:
    """The whole notice, lines ended by CRLF.

    `original` is the message it is about as far as it is at hand: all of it comes back with
    `full`, else its header; without it, its Message-ID alone.
    """
    returned = _returned(notice, original, full=full)
    boundary = f"=_{notice.queue_id:x}".encode()
    while boundary in returned:
        boundary += b"_"
    eight_bit = b"" if returned.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    line = b"\r\n--" + boundary
    return b"".join(
        (
            _header(notice, boundary.decode()).encode(),
            eight_bit,
            b"\r\nThis is a multi-part message in MIME format (RFC 6522).\r\n",
            line + b"\r\n",
            _human_part(notice),
            line + b"\r\n",
            b"Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n",
            fields(notice).encode("ascii"),
            line + b"\r\n",
            returned,
            line + b"--\r\n",
        )
    )


def fields(notice: Notice) -> str:
    """The body of message/delivery-status: fields of the message, then of the recipient."""
    lines = [f"Reporting-MTA: dns; {printable(notice.server)}"]
    if notice.envelope_id:
        lines.append(fold(f"Original-Envelope-Id: {printable(notice.envelope_id)}"))
    lines += [f"Arrival-Date: {_date(notice.arrived_ms)}", ""]
    original = _original_recipient(notice.original_recipient)
    if original:
        lines.append(fold(f"Original-Recipient: {original}"))
    lines += [
        fold(f"Final-Recipient: {typed_address(notice.recipient)}"),
        f"Action: {notice.action}",
        f"Status: {notice.status}",
    ]
    if notice.remote:
        lines.append(fold(f"Remote-MTA: dns; {printable(notice.remote)}"))
    if notice.reply:
        kind = "smtp" if notice.is_remote else "X-Relevo"
        diagnostic = printable(notice.reply)[:MAX_DIAGNOSTIC]
        lines.append(fold(f"Diagnostic-Code: {kind}; {diagnostic}"))
    if notice.attempted_ms:
        lines.append(f"Last-Attempt-Date: {_date(notice.attempted_ms)}")
    if notice.retry_until_ms and notice.action is Action.DELAYED:
        lines.append(f"Will-Retry-Until: {_date(notice.retry_until_ms)}")
    return _CRLF.join([*lines, ""])


def printable(text: str) -> str:
    r"""Text as printable ASCII; anything else as `\xNN`, octet by octet of its UTF-8."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isascii() and c.isprintable() else _escaped(c) for c in text)


def typed_address(address: str) -> str:
    """An address with its type: `rfc822; a@b`, or `utf-8; …` in 7 bits (RFC 6533 §3)."""
    if address.isascii():
        return f"rfc822; {printable(address)}"
    encoded = _QCHAR_LESS.sub(_embedded, address)
    return f"utf-8; {encoded}"


def _embedded(match: re.Match[str]) -> str:
    point = f"{ord(match[0]):X}"  # RFC 6533 §3 EmbeddedUnicodeChar
    return "\\x{" + point + "}"


def fold(field: str) -> str:
    """A field folded at its spaces; no line is longer than RFC 5322 allows, none is blank."""
    lines, line = [], ""
    for word in field.split(" "):
        if not word:
            continue
        pieces = [word[i : i + MAX_WORD] for i in range(0, len(word), MAX_WORD)]
        for piece in pieces:
            if line and len(line) + 1 + len(piece) > FOLD:
                lines.append(line)
                line = piece
            else:
                line = f"{line} {piece}" if line else piece
    lines.append(line)
    return f"{_CRLF} ".join(lines)


def header_of(content: bytes) -> bytes:
    """The header of a message with its last CRLF, at most `MAX_HEADER_OCTETS` in whole lines."""
    end = content.find(b"\r\n\r\n")
    header = content[: end + 2] if end >= 0 else content
    if len(header) <= MAX_HEADER_OCTETS:
        return header
    return header[: header.rfind(b"\r\n", 0, MAX_HEADER_OCTETS) + 2]


def _escaped(character: str) -> str:
    octets = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{octet:02x}" for octet in octets)


def _original_recipient(original: str) -> str:
    match = _TYPED_ADDRESS.match(original)
    if match is None:
        return ""
    kind, address = match.groups()
    address = address.strip()
    if address.isascii():
        return f"{kind}; {printable(address)}"
    return typed_address(address)


def _date(at_ms: int) -> str:
    return formatdate(at_ms // 1000)


def _header(notice: Notice, boundary: str) -> str:
    lines = [
        f"Received: by {notice.server} (Relevo) id {notice.queue_id};",
        f"\t{_date(notice.now_ms)}",
        f"Date: {_date(notice.now_ms)}",
        f"From: Mail Delivery System <MAILER-DAEMON@{notice.server}>",
        f"To: <{notice.to}>",
        f"Subject: {SUBJECTS[notice.action]}",
        f"Message-ID: {notice.notice_id}",
    ]
    if _is_message_id(notice.header_id):
        lines += [f"In-Reply-To: {notice.header_id}", f"References: {notice.header_id}"]
    lines += [
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f'\tboundary="{boundary}"',
        "",
    ]
    return _CRLF.join(lines)


def _is_message_id(text: str) -> bool:
    inside = text.startswith("<") and text.endswith(">")
    return inside and len(text) <= MAX_WORD and all("!" <= c <= "~" for c in text)


def _returned(notice: Notice, original: bytes | None, *, full: bool) -> bytes:
    if original is not None and full:
        head = b"Content-Description: Returned message\r\nContent-Type: message/rfc822\r\n"
        if not original.isascii():
            head += b"Content-Transfer-Encoding: 8bit\r\n"
        return head + b"\r\n" + original
    head = b"Content-Description: Header of the message\r\nContent-Type: text/rfc822-headers"
    if original is not None:
        header = header_of(original)
    else:
        header_id = notice.header_id
        header = f"Message-ID: {header_id}\r\n".encode() if _is_message_id(header_id) else b""
    if header.isascii() and max(map(len, header.split(b"\r\n"))) <= 998:
        return head + b"\r\n\r\n" + header
    head += b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + quoted_printable(header)


def quoted_printable(text: bytes) -> bytes:
    """RFC 2045 §6.7: lines of at most 76 characters, ended by CRLF."""
    encoded = quopri.encodestring(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    return encoded.replace(b"\n", b"\r\n")


def _human_part(notice: Notice) -> bytes:
    head = (
        b"Content-Description: Notification\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    text = f"{_told(_SPANISH, notice)}\n\n{'-' * 64}\n\n{_told(_ENGLISH, notice)}\n"
    return head + quoted_printable(text.encode("utf-8", "replace"))


def _told(words: Mapping[str, str], notice: Notice) -> str:
    has_expired = notice.action is Action.FAILED and notice.has_expired
    reply = _readable(notice.reply)[:MAX_DIAGNOSTIC]
    if notice.remote and notice.is_remote:
        reply = f"{_readable(notice.remote)}: {reply}"
    lines = [
        words["expired" if has_expired else notice.action],
        "",
        f"    {words['to']}: {_readable(notice.recipient)}",
    ]
    if reply:
        lines.append(f"    {words['reply']}: {reply}")
    if notice.action is Action.DELAYED and notice.retry_until_ms:
        lines.append(f"    {words['until']}: {_date(notice.retry_until_ms)}")
    return "\n".join((*lines, "", words["end"].format(server=notice.server)))


def _readable(text: str) -> str:
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


_SPANISH = MappingProxyType(
    {
        "failed": "Su mensaje no se pudo entregar y no se volverá a intentar.",
        "expired": "Su mensaje no se pudo entregar a tiempo y no se volverá a intentar.",
        "delayed": "Su mensaje todavía no se ha podido entregar. Se seguirá intentando:\n"
        "no es necesario que lo envíe otra vez.",
        "relayed": "Su mensaje se entregó al servidor de correo del destinatario, que no\n"
        "envía confirmaciones: este es el último aviso sobre él.",
        "to": "Destinatario",
        "reply": "Respuesta",
        "until": "Se intentará hasta",
        "end": "Este es un aviso automático del servidor de correo\n"
        "{server}; no hace falta responderlo.",
    }
)
_ENGLISH = MappingProxyType(
    {
        "failed": "Your message could not be delivered and will not be tried again.",
        "expired": "Your message could not be delivered in time and will not be tried again.",
        "delayed": "Your message could not be delivered yet. It will be tried again:\n"
        "there is no need to send it once more.",
        "relayed": "Your message was handed to the recipient's mail server, which does\n"
        "not send confirmations: this is the last notice about it.",
        "to": "Recipient",
        "reply": "Reply",
        "until": "Will be tried until",
        "end": "This is an automatic notice of the mail server\n"
        "{server}; there is no need to answer.",
    }
)
