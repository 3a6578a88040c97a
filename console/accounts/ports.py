"""What accounts need from parts that stand beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from console.accounts.actor import Actor
from console.accounts.values import Account
from mta.store.work import Rows


class QuotaReturner(Protocol):
    """Who keeps the bag."""

    async def on_disabled(self, actor: Actor, accounts: Sequence[Account]) -> Sequence[Rows]:
        """Rows that give back what these accounts have left, for the job that disables them.

        Called with the disabled account first and everything below it. The rows guard what they
        rely on: when the job is refused, this is asked again and the job tried anew.
        """
        ...

    async def on_accounts_changed(self) -> None:
        """Accounts were added, renamed or changed state: know them before anybody is told."""
        ...


class SessionEnder(Protocol):
    """Who keeps the sessions of people."""

    def ending(self, user: int) -> Sequence[Rows]:
        """Rows that end all sessions of a person, for the job that changes the person."""
        ...

    def ended(self, user: int) -> None:
        """The job is durable: forget what is kept in memory of them."""
        ...


class NoQuota:
    """While no bag exists."""

    async def on_disabled(self, actor: Actor, accounts: Sequence[Account]) -> Sequence[Rows]:  # noqa: ARG002
        """Nothing to give back."""
        return ()

    async def on_accounts_changed(self) -> None:
        """Nothing is kept of them."""


class NoSessions:
    """Where nobody signs in: commands without a server."""

    def ending(self, user: int) -> Sequence[Rows]:  # noqa: ARG002
        """Nothing to end."""
        return ()

    def ended(self, user: int) -> None:
        """Nothing to forget."""


@dataclass(frozen=True, slots=True)
class MailAttachment:
    """A file that goes along."""

    name: str
    content_type: str  # "application/pdf"
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SystemMail:
    """A mail that Relevo itself writes to a person."""

    to: str
    language: str  # es | en
    subject: str
    text: str = field(repr=False)  # may hold a one-time link
    html: str = field(default="", repr=False)  # a whole document
    attachments: tuple[MailAttachment, ...] = ()
    kind: str = "notice"  # what it is about; a tag of the message


class Mailer(Protocol):
    """Who sends such mail, free of charge."""

    async def send(self, mail: SystemMail) -> int:
        """Hand it in; gives the message's id once it is durable.

        Raises `TransientError` when it could not be taken now, `PermanentError` for an address or
        content that never can.
        """
        ...
