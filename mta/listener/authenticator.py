"""Who knows the accounts: asked by the listener, answered by the console."""

from typing import Protocol

from mta.model.envelope import Identity
from mta.smtp.scram import ScramKeys


class Authenticator(Protocol):
    """Synchronous, in memory, microseconds: credentials are random, so no slow hash is needed.

    May raise `TransientError` when it cannot tell now; the client then hears 454 4.7.0.
    """

    def check_password(self, username: str, password: str, peer: str) -> Identity | None:
        """The account that name and password open from that client address, or None.

        Compares in constant time and takes as long for a name that is not known.
        """
        ...

    def scram_keys(self, username: str) -> ScramKeys | None:
        """The stored keys of that name, or None."""
        ...

    def identity(self, username: str, peer: str) -> Identity | None:
        """The account of a name whose password has been proved, if it may log in from `peer`."""
        ...

    def trusted_identity(self, account: str) -> Identity | None:
        """The account that mail taken without a login belongs to."""
        ...
