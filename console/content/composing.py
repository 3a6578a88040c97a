"""Makes a whole message out of texts and files: the same for all of its recipients."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.content import wire
from console.content.headers import check_header
from console.content.structure import File, content

UNDISCLOSED = (
    "To: undisclosed-recipients:;\r\n"  # RFC 5322 §A.1.3; without a To some servers refuse
)

Box = tuple[str, str]  # the display name and the address


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A message without fields: braces in its texts mean nothing."""

    author: Box
    to: Sequence[Box] = ()
    cc: Sequence[Box] = ()
    reply_to: Box | None = None
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: Sequence[tuple[str, str]] = ()
    files: Sequence[File] = ()


def compose(message: PlainMessage) -> bytes:
    """The message with CRLF lines, without Date and Message-ID: the intake adds them.

    No value can end its line, so none can add a field. Raises `TemplateError` for what cannot be
    written.
    """
    head = [wire.mailbox("From", *message.author)]
    head.append(wire.mailboxes("To", message.to) if message.to else UNDISCLOSED.encode())
    if message.cc:
        head.append(wire.mailboxes("Cc", message.cc))
    if message.reply_to is not None:
        head.append(wire.mailbox("Reply-To", *message.reply_to))
    head.append(wire.unstructured("Subject", message.subject))
    for name, value in message.headers:
        write = wire.link_field if check_header(name) else wire.unstructured
        head.append(write(name, value))
    head.append(b"MIME-Version: 1.0\r\n")
    texts = (message.text,) if message.text else ()
    htmls = (message.html,) if message.html else ()
    body = "".join([str(segment[1]) for segment in content(texts, htmls, message.files)])
    return b"".join((*head, body.encode()))
