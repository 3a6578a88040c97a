"""Keeps segment files in place while a backup copies them.

A command asks the server for a lease and renews it; while one runs no segment is removed. It ends by
itself, so a command that was killed does not keep the disk from being cleaned. The token tells the
command that it still talks to the process it began with: another one knows nothing of its lease, and
may have removed what it was about to copy.
"""

import secrets
from collections.abc import Mapping

from mta.model.errors import PermanentError
from mta.store.base import Store

LEASE_S = 120.0
RENEW_S = 20.0
OPERATION = "backup.keep"


class RemovalLease:
    """The server's side."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._token = secrets.token_hex(8)

    async def keep(self, arguments: Mapping[str, object]) -> object:
        """{"lease": token} of this process; removal is forbidden from now on for `LEASE_S`.

        Raises `PermanentError` when `lease` is given and is another process's.
        """
        given = arguments.get("lease", self._token)
        if given != self._token:
            raise PermanentError("the server was started again meanwhile: begin the backup anew")
        await self._store.forbid_removal(LEASE_S)
        return {"lease": self._token}
