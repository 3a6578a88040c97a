"""The ways an alert can go: through Relevo, through another relay, to a webhook. Each has a deadline.

The other relay and the webhook need nothing of Relevo: the command that systemd runs when the
server has failed uses them too.
"""

import asyncio
import ssl
from collections.abc import Sequence

import aiohttp
import aiosmtplib

from mta.intake.intake import Intake
from mta.model.address import parse_address
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.errors import TransientError
from mta.settings.values import HostPort

DEADLINE_S = 30.0
ORIGIN = Origin("LOCAL")
FLOW = "alerts"


class AlertNotSent(TransientError):
    """One way did not work; the text says why."""


async def through_relevo(intake: Intake, sender: str, to: Sequence[str], content: bytes) -> int:
    """Queue the mail; gives its message id. Raises `AlertNotSent`."""
    address = parse_address(sender)
    identity = Identity(account_id=0, credential_id=0, name=FLOW, any_sender=True)
    recipients = tuple(Recipient(parse_address(one)) for one in to)
    submission = Submission(identity, Envelope(address, recipients), content, ORIGIN)
    try:
        async with asyncio.timeout(DEADLINE_S):
            receipt = await intake.submit(submission)
    except TimeoutError:
        raise AlertNotSent("the queue did not take it in time") from None
    if not receipt.message_id:
        raise AlertNotSent(f"the queue answered {receipt.reply}")
    return receipt.message_id


async def through_smarthost(
    smarthost: HostPort, sender: str, to: Sequence[str], content: bytes, *, hostname: str
) -> None:
    """Hand the mail to another relay, with STARTTLS where it is offered. Raises `AlertNotSent`."""
    context = ssl.create_default_context()
    # Opportunistic as towards any MX: an alert that arrives is worth more than a checked name.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(DEADLINE_S):
            await aiosmtplib.send(
                content,
                sender=sender,
                recipients=list(to),
                hostname=smarthost.host,
                port=smarthost.port,
                local_hostname=hostname,
                tls_context=context,
            )
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        raise AlertNotSent(f"{smarthost}: {error or type(error).__name__}") from None


async def to_webhook(url: str, body: bytes) -> None:
    """POST the JSON; any 2xx is a yes, redirects are not followed. Raises `AlertNotSent`."""
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    headers = {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            if not response.ok or response.status >= 300:
                raise AlertNotSent(f"the webhook answered {response.status}")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        # Never the URL: it carries a secret.
        raise AlertNotSent(f"the webhook failed: {type(error).__name__}") from None
