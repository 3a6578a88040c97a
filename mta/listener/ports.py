"""What the listener needs from below and beside it, as Protocols."""

import asyncio
from typing import Protocol

from mta.intake.ports import Receipt
from mta.model.address import Address
from mta.model.envelope import Identity, Recipient, Submission
from mta.model.reply import Reply


class IntakePort(Protocol):
    """The door that takes mail over; implemented by `mta.intake`."""

    def check_capacity(self) -> Reply | None:
        """At MAIL: why no mail is taken now (disk low, shutting down), or None."""
        ...

    def check_sender(self, identity: Identity, sender: Address | None) -> Reply | None:
        """At MAIL: why this account may not send as `sender`, or None."""
        ...

    def check_recipient(self, identity: Identity, recipient: Recipient, count: int) -> Reply | None:
        """At RCPT: why the `count`-th recipient is refused, or None."""
        ...

    def submit(self, submission: Submission) -> asyncio.Future[Receipt]:
        """Take the message over; the receipt comes when it is durable or refused. Never raises."""
        ...


class UsagePort(Protocol):
    """Who counts what each credential does at the door; called for every message, so O(1)."""

    def submitted(self, identity: Identity, reply: Reply, recipients: int, seconds: float) -> None:
        """A message was answered with `reply`, `seconds` after its last octet came."""
        ...

    def refused(self, identity: Identity, reply: Reply) -> None:
        """A sender or a recipient was refused."""
        ...


class NoUsage:
    """Counts nothing."""

    def submitted(self, identity: Identity, reply: Reply, recipients: int, seconds: float) -> None:
        """Nothing."""

    def refused(self, identity: Identity, reply: Reply) -> None:
        """Nothing."""


class ListenerMetrics(Protocol):
    """What is counted; `mta.events.Metrics` fits."""

    def connection_opened(self, direction: str) -> None:
        """A client is being served; `direction` is `in`."""
        ...

    def connection_closed(self, direction: str) -> None:
        """Its counterpart."""
        ...

    def connection_refused(self, reason: str) -> None:
        """A client was turned away: `limit`, `address_limit`, `auth`, `timeout`, `errors`, …"""
        ...

    def refused(self, door: str, reason: str) -> None:
        """A sender or recipient was refused; `reason` is the enhanced status, as 5.7.1."""
        ...

    def auth_failed(self, mechanism: str) -> None:
        """A login failed; `mechanism` is one that we offer."""
        ...

    def tls_session(self, direction: str, version: str) -> None:
        """A handshake succeeded."""
        ...

    def tls_failed(self, direction: str) -> None:
        """A handshake failed."""
        ...


class NoMetrics:
    """Counts nothing."""

    def connection_opened(self, direction: str) -> None:
        """Nothing."""

    def connection_closed(self, direction: str) -> None:
        """Nothing."""

    def connection_refused(self, reason: str) -> None:
        """Nothing."""

    def refused(self, door: str, reason: str) -> None:
        """Nothing."""

    def auth_failed(self, mechanism: str) -> None:
        """Nothing."""

    def tls_session(self, direction: str, version: str) -> None:
        """Nothing."""

    def tls_failed(self, direction: str) -> None:
        """Nothing."""
