"""What uploaded files hold of a person: rows that were taken over, rows that were left out, the files.

A file is not edited: one that has the person in it is removed, with the cells of its rejected rows;
what was read of it stays, without the person. Files that nobody confirmed go after a week.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import orjson

from console.contacts.files.child import REJECTED
from console.contacts.uploads import FILE
from mta.events.record import rfc3339
from mta.model.address import Address
from mta.store.base import Store
from mta.store.work import Rows

PART = 200  # rows that one job forgets
_BETWEEN = re.compile(r"[\s;,<>|/]+")


class UploadedFiles:
    """A `PersonHolder`; asked before contacts are forgotten, for it finds files by audiences."""

    name = "uploads"

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder`: where files lie, each in a folder called as its upload."""
        self._store = store
        self._folder = folder

    async def find(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[dict[str, object]]:
        """As `PersonHolder.find`."""
        rows = await self._rows(person, accounts)
        found: list[dict[str, object]] = [
            {
                "audience": str(audience), "row": n, "upload": str(upload) if upload else None,
                "name": name, "created_at": rfc3339(created_ms), "values": orjson.loads(merge),
            }
            for audience, n, upload, name, created_ms, merge in rows
        ]  # fmt: skip
        for upload, row, value, reason, name, created_ms in await self._rejects(person, accounts):
            found.append(
                {
                    "upload": str(upload), "row": row, "name": name, "value": value,
                    "left_out": reason, "created_at": rfc3339(created_ms),
                }
            )  # fmt: skip
        return found

    async def forget(
        self, person: Address, accounts: frozenset[int] | None, pseudonym: str
    ) -> None:
        """As `PersonHolder.forget`; rows of audiences are forgotten with the contact."""
        rejects = await self._rejects(person, accounts)
        uploads = {int(row[2]) for row in await self._rows(person, accounts) if row[2]}
        uploads |= {row[0] for row in rejects}
        for upload in sorted(uploads):
            folder = self._folder / str(upload)
            for name in (FILE, REJECTED):
                await asyncio.to_thread((folder / name).unlink, missing_ok=True)
        for start in range(0, len(rejects), PART):
            rows = [(row[0], row[1], pseudonym) for row in rejects[start : start + PART]]
            await self._store.submit([Rows("privacy_forget_reject", rows)], bulk=True)

    async def _rows(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[tuple[Any, ...]]:
        return await self._store.read(
            "privacy_upload_rows", key=person.key, accounts=_json(accounts)
        )

    async def _rejects(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[tuple[Any, ...]]:
        """Whoever wrote the address in some other way is not found: it was no address then."""
        wanted = str(person).lower()
        rows = await self._store.read(
            "privacy_upload_rejects", address=wanted, accounts=_json(accounts)
        )
        return [row for row in rows if wanted in _BETWEEN.split(row[2].lower())]


def _json(accounts: frozenset[int] | None) -> str | None:
    return None if accounts is None else orjson.dumps(sorted(accounts)).decode()
