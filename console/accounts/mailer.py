"""System mail: what Relevo itself writes to people goes through its own intake, free of charge.

It belongs to no account, so nobody finds a one-time link in a message log. Headers say that a
program wrote it (RFC 3834), so that answering machines stay silent.
"""

import re
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from console.accounts.ports import SystemMail
from mta.intake.intake import Intake
from mta.model.address import Address, parse_address
from mta.model.envelope import Envelope, Identity, Notify, Origin, Recipient, Submission
from mta.model.errors import PermanentError, TransientError

_LINK = re.compile(r"(https?://[^\s<>\"']*[^\s<>\"'.,;:!?)])")
FLOW = "system"
_IDENTITY = Identity(0, 0, FLOW, any_sender=True, is_free=True)
_ORIGIN = Origin("HTTP")


class SystemMailer:
    """Implements `Mailer` over the intake of the running server."""

    def __init__(self, intake: Intake, sender: str) -> None:
        """`sender`: `[console] mail_from`."""
        self._intake = intake
        self._sender = parse_address(sender)

    async def send(self, mail: SystemMail) -> int:
        """As `Mailer.send`."""
        recipient = Recipient(parse_address(mail.to), Notify.NEVER)
        submission = Submission(
            _IDENTITY,
            Envelope(self._sender, (recipient,)),
            compose(mail, self._sender),
            _ORIGIN,
            tags=(mail.kind,),
        )
        receipt = await self._intake.submit(submission)
        if not receipt.message_id:
            refused = f"mail to {mail.to} was not taken: {receipt.reply}"
            raise (TransientError if receipt.reply.code < 500 else PermanentError)(refused)
        return receipt.message_id


def compose(mail: SystemMail, sender: Address) -> bytes:
    """The message with CRLF line ends: text, HTML beside it (made of the text), attachments. Raises `PermanentError`."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = HeaderAddress("Relevo", addr_spec=str(sender))
        message["To"] = HeaderAddress(addr_spec=str(parse_address(mail.to)))
        message["Subject"] = mail.subject
    except ValueError as error:
        raise PermanentError(f"system mail: {error}") from None
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text)
    message.add_alternative(mail.html or html_of(mail), subtype="html")
    for attachment in mail.attachments:
        main, _, sub = attachment.content_type.partition("/")
        message.add_attachment(
            attachment.data, maintype=main, subtype=sub, filename=attachment.name
        )
    message["Content-Language"] = mail.language  # last: adding parts moves Content fields inwards
    return bytes(message)


def html_of(mail: SystemMail) -> str:
    """The text as a plain document whose paragraphs and links programs can read."""
    paragraphs = (part for part in re.split(r"\n\s*\n", mail.text.strip()) if part.strip())
    body = "\n".join(f"<p>{_linked(part.strip())}</p>" for part in paragraphs)
    return (
        f'<!doctype html>\n<html lang="{mail.language}">\n<head><meta charset="utf-8">'
        f"<title>{escape(mail.subject)}</title></head>\n"
        '<body style="font: 16px/1.5 Arial, sans-serif; color: #1d2733; max-width: 38em; '
        f'margin: 0 auto; padding: 1em">\n{body}\n</body>\n</html>\n'
    )


def _linked(text: str) -> str:
    """Escaped, lines kept; what is the address of a page is a link."""
    parts = _LINK.split(text)
    told = [
        f'<a href="{escape(part)}">{escape(part)}</a>' if number % 2 else escape(part)
        for number, part in enumerate(parts)
    ]
    return "".join(told).replace("\n", "<br>\n")
