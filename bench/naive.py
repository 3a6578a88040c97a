"""A relay as one would write it in an afternoon: aiosmtpd, aiosmtplib, dkimpy, no queue.

    python -m bench.naive --listen HOST:PORT --nameserver HOST:PORT --mx-port N [--key PEM]

It takes a message, signs it, hands it to the recipient's MX host over a kept connection and only
then answers `250`; nothing is stored, so a receiver that is down means `451` for the client. It is
what the libraries alone can do: the measure for what a durable queue may cost.
"""

import argparse
import asyncio
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import aiosmtplib
import dkim
import dns.asyncresolver
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.cases import SIGNED_FROM


class Relay:
    """The handler that aiosmtpd calls."""

    def __init__(self, options: argparse.Namespace) -> None:
        host, _, port = options.nameserver.rpartition(":")
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [host]
        self._resolver.port = int(port)
        self._mx_port: int = options.mx_port
        self._tls: bool = options.certificate is not None
        self._key = Path(options.key).read_bytes() if options.key else b""
        self._addresses: dict[str, str] = {}
        self._idle: dict[str, list[aiosmtplib.SMTP]] = {}

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content
        assert isinstance(content, bytes)
        if self._key:
            content = dkim.sign(content, b"s1", SIGNED_FROM.encode(), self._key) + content
        try:
            for recipient in envelope.rcpt_tos:
                await self._send(envelope.mail_from or "", recipient, content)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return f"451 4.4.1 {type(error).__name__}"
        return "250 2.0.0 sent"

    async def _send(self, sender: str, recipient: str, content: bytes) -> None:
        address = await self._address(recipient.rpartition("@")[2])
        idle = self._idle.setdefault(address, [])
        client = idle.pop() if idle else await self._connect(address)
        await client.sendmail(sender, [recipient], content)
        idle.append(client)

    async def _connect(self, address: str) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=address,
            port=self._mx_port,
            start_tls=True if self._tls else None,
            validate_certs=False,
            local_hostname="naive.test",
        )
        await client.connect()
        return client

    async def _address(self, domain: str) -> str:
        if domain not in self._addresses:
            exchange = (await self._resolver.resolve(domain, "MX"))[0].exchange
            answer = await self._resolver.resolve(exchange, "A")
            self._addresses[domain] = answer[0].address
        return self._addresses[domain]


async def serve(options: argparse.Namespace) -> None:
    """Relay until the process is ended."""
    context: ssl.SSLContext | None = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.certificate_key)
    settings: dict[str, Any] = {"enable_SMTPUTF8": False, "hostname": "naive.test"}
    factory = partial(SMTP, Relay(options), tls_context=context, **settings)
    host, _, port = options.listen.rpartition(":")
    server = await asyncio.get_running_loop().create_server(factory, host, int(port))
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.naive")
    parser.add_argument("--listen", required=True)
    parser.add_argument("--nameserver", required=True)
    parser.add_argument("--mx-port", type=int, required=True)
    parser.add_argument("--key", help="RSA key to sign with")
    parser.add_argument("--certificate")
    parser.add_argument("--certificate-key")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
