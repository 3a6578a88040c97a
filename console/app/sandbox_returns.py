"""What the simulator sends back and fetches: complaints, late bounces, opens and clicks.

Complaints and bounces go to our own feedback listener by SMTP, like anybody's; pictures and links
are fetched from `public_url` only.
"""

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp
import aiosmtplib

TIMEOUT_S = 10.0
MAX_FETCHED = 1 << 20
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Relevo-Sandbox/1.0"  # a reader's browser, and told apart


class SandboxReturns:
    """Talks to our own listeners."""

    def __init__(self, feedback: Callable[[], tuple[str, int] | None]) -> None:
        """`feedback` gives the address of the feedback listener, None while there is none."""
        self._feedback = feedback

    async def send(self, mail_from: str, rcpt_to: str, content: bytes) -> None:
        """Hand a mail to the feedback listener. Raises `aiosmtplib.SMTPException`, `OSError`."""
        address = self._feedback()
        if address is None:
            return
        client = aiosmtplib.SMTP(
            hostname=address[0],
            port=address[1],
            timeout=TIMEOUT_S,
            start_tls=False,
            local_hostname="sandbox.invalid",
        )
        await client.connect()
        try:
            await client.ehlo()
            await client.mail(mail_from)
            await client.rcpt(rcpt_to)
            await client.data(content)
        finally:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
            client.close()

    async def fetch(self, url: str) -> None:
        """Load a picture or follow a link once; redirects are not followed."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": AGENT}) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            async with asyncio.timeout(TIMEOUT_S):
                await response.content.read(MAX_FETCHED)
