"""Sends test mail to a submission server, one message or many: what `relevo send` does.

A message goes to all recipients in one transaction; `--count` repeats it, each with a Message-ID of
its own, over `--connections` kept connections. Everything has a deadline.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid

import aiosmtplib

from console.cli.output import escape
from mta.model.address import Address
from mta.settings.values import HostPort

COMMAND_TIMEOUT_S = 60.0  # one command and its reply
MESSAGE_TIMEOUT_S = 300.0  # one message with all its commands
CONNECT_ATTEMPTS = 3  # in a row; then the connection is given up and its messages are failures
SHOWN_FAILURES = 20
IMPLICIT_TLS_PORT = 465

_LONE_LINE_END = re.compile(rb"\r?\n|\r")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What to send, where, and how often."""

    server: HostPort
    sender: Address
    recipients: tuple[Address, ...]
    username: str = ""
    password: str = ""
    subject: str = "Test from Relevo"
    body: str = "This is a test message.\n"
    content: bytes | None = None  # a whole message; subject and body are then not used
    headers: tuple[tuple[str, str], ...] = ()
    count: int = 1
    connections: int = 1
    insecure: bool = False  # take any certificate, and log in without TLS
    timeout_s: float = COMMAND_TIMEOUT_S


@dataclass(slots=True)
class SendSummary:
    """What became of it."""

    sent: int = 0  # messages that at least one recipient's copy was taken of
    failed: int = 0  # messages that nobody took
    refused_recipients: int = 0  # recipients refused of messages that were sent
    seconds: float = 0.0
    last_reply: str = ""
    failures: list[str] = field(default_factory=list)  # the first ones, as lines for people

    @property
    def is_success(self) -> bool:
        """Everything was taken for everybody."""
        return self.sent > 0 and not self.failed and not self.refused_recipients

    def fail(self, number: int, reason: str, *, is_recipient: bool = False) -> None:
        """Count a failure of message `number`, and keep its line if it is one of the first."""
        if is_recipient:
            self.refused_recipients += 1
        else:
            self.failed += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append(f"message {number}: {escape(reason)}")


class RefusedError(Exception):
    """The server or the connection is not one to log in to; no message can be sent."""


async def send(options: SendOptions, on_done: Callable[[], None] = lambda: None) -> SendSummary:
    """Send all messages; `on_done` is called after each, sent or failed.

    Failures are told in the summary, never raised.
    """
    summary = SendSummary()
    compose = _composer(options)
    numbers = iter(range(1, options.count + 1))
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(options.connections, options.count)):
            group.create_task(_Connection(options, compose, summary, on_done).run(numbers))
    summary.seconds = time.monotonic() - started
    return summary


class _Connection:
    """One connection, opened again when it breaks."""

    def __init__(
        self,
        options: SendOptions,
        compose: Callable[[int], bytes],
        summary: SendSummary,
        on_done: Callable[[], None],
    ) -> None:
        self._options = options
        self._compose = compose
        self._summary = summary
        self._on_done = on_done
        self._client: aiosmtplib.SMTP | None = None
        self._recipients = [str(address) for address in options.recipients]
        addresses = (options.sender, *options.recipients)
        self._parameters = [] if all(a.is_ascii for a in addresses) else ["SMTPUTF8"]

    async def run(self, numbers: Iterator[int]) -> None:
        """Send messages until there are no more numbers."""
        broken = 0
        for number in numbers:
            reason = ""
            if broken < CONNECT_ATTEMPTS:
                reason = await _reason_of(self._send(number))
                broken = broken + 1 if self._client is None else 0
            else:
                reason = "not sent: the server cannot be used"
            if reason:
                self._summary.fail(number, reason)
            self._on_done()
        if self._client is not None:
            await _reason_of(self._client.quit())

    async def _send(self, number: int) -> None:
        try:
            async with asyncio.timeout(MESSAGE_TIMEOUT_S):
                if self._client is None:
                    self._client = await self._open()
                errors, self._summary.last_reply = await self._client.sendmail(
                    str(self._options.sender),
                    self._recipients,
                    self._compose(number),
                    mail_options=self._parameters,
                )
        except aiosmtplib.SMTPResponseException:
            raise  # the message was refused, the connection is good
        except aiosmtplib.SMTPRecipientsRefused:
            raise
        except BaseException:
            self._drop()
            raise
        self._summary.sent += 1
        for recipient, reply in errors.items():
            reason = f"{recipient}: {reply.code} {reply.message}"
            self._summary.fail(number, reason, is_recipient=True)

    async def _open(self) -> aiosmtplib.SMTP:
        options = self._options
        is_lenient = options.insecure or options.server.is_loopback
        client = aiosmtplib.SMTP(
            hostname=options.server.host,
            port=options.server.port,
            timeout=options.timeout_s,
            use_tls=options.server.port == IMPLICIT_TLS_PORT,
            tls_context=tls_context(is_lenient=is_lenient),
        )
        await client.connect()
        try:
            if options.username:
                is_secure = client.get_transport_info("ssl_object") is not None
                if not is_secure and not is_lenient:
                    raise RefusedError(
                        "the server does not offer STARTTLS: the password would go over the "
                        "network in clear (--insecure does it all the same)"
                    )
                await client.login(options.username, options.password)
        except BaseException:
            client.close()
            raise
        return client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


async def _reason_of(action: Awaitable[object]) -> str:
    """Why an action failed, in words; empty when it did not."""
    try:
        await action
    except aiosmtplib.SMTPRecipientsRefused as error:
        return "; ".join(f"{r.recipient}: {r.code} {r.message}" for r in error.recipients)
    except aiosmtplib.SMTPResponseException as error:
        return f"{error.code} {error.message}"
    except TimeoutError:
        return "no answer in time"
    except (aiosmtplib.SMTPException, OSError, RefusedError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def tls_context(*, is_lenient: bool) -> ssl.SSLContext:
    """A client's context; lenient: any certificate will do, as on loopback."""
    context = ssl.create_default_context()
    if is_lenient:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _composer(options: SendOptions) -> Callable[[int], bytes]:
    """A function that makes the content of message `number`."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in options.headers).encode()
    if options.content is not None:
        whole = extra + _LONE_LINE_END.sub(b"\r\n", options.content)
        return lambda _number: whole
    message = EmailMessage(policy=SMTP if options.sender.is_ascii else SMTPUTF8)
    message["From"] = str(options.sender)
    is_ascii = all(address.is_ascii for address in options.recipients)
    if not is_ascii:
        message.policy = SMTPUTF8
    message["To"] = ", ".join(map(str, options.recipients))
    message["Subject"] = options.subject
    message.set_content(options.body)
    rest = extra + message.as_bytes()
    domain = options.sender.domain

    def compose(_number: int) -> bytes:
        head = f"Date: {formatdate(localtime=True)}\r\nMessage-ID: {make_msgid(domain=domain)}\r\n"
        return head.encode() + rest

    return compose
