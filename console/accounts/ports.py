"""What accounts need from parts that stand beside them."""

from collections.abc import Sequence
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


class NoSessions:
    """Where nobody signs in: commands without a server."""

    def ending(self, user: int) -> Sequence[Rows]:  # noqa: ARG002
        """Nothing to end."""
        return ()

    def ended(self, user: int) -> None:
        """Nothing to forget."""
