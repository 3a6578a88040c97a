"""What other areas keep of a person, beside deliveries and suppressions: found, told and forgotten."""

from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from mta.events.record import rfc3339
from mta.model.address import Address
from mta.store.base import Store
from mta.store.work import Rows

PART = 200  # rows that one job forgets


class PersonHolder(Protocol):
    """An area that keeps personal data; `accounts` None: of all."""

    @property
    def name(self) -> str:
        """Under which it stands in an export."""
        ...

    async def find(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[dict[str, object]]:
        """What it keeps, as JSON."""
        ...

    async def forget(
        self, person: Address, accounts: frozenset[int] | None, pseudonym: str
    ) -> None:
        """Put the pseudonym in the person's place. Again: no change."""
        ...


class RefundLists:
    """Lists of refunds, which stay longer than the deliveries on them."""

    name = "refunds"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[dict[str, object]]:
        """As `PersonHolder.find`."""
        rows = await self._rows(person, accounts)
        return [{"refund": str(row[0]), "delivery": str(row[1]), "address": row[2]} for row in rows]

    async def forget(
        self, person: Address, accounts: frozenset[int] | None, pseudonym: str
    ) -> None:
        """As `PersonHolder.forget`."""
        rows = [(row[0], row[1], pseudonym) for row in await self._rows(person, accounts)]
        for start in range(0, len(rows), PART):
            part = Rows("privacy_forget_refund", rows[start : start + PART])
            await self._store.submit([part], bulk=True)

    async def _rows(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for (refund,) in await self._store.read("privacy_refunds"):
            found += await self._store.read(
                "privacy_refund_items",
                refund=refund, key=person.key, suffix=f"@{person.domain}", accounts=_json(accounts),
            )  # fmt: skip
        return found


class Contacts:
    """The person as a contact: attributes, lists, consent; and rows of audiences."""

    name = "contacts"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(
        self, person: Address, accounts: frozenset[int] | None
    ) -> list[dict[str, object]]:
        """As `PersonHolder.find`."""
        rows = await self._store.read("privacy_contacts", key=person.key, accounts=_json(accounts))
        return [await self._shown(row) for row in rows]

    async def forget(
        self, person: Address, accounts: frozenset[int] | None, pseudonym: str
    ) -> None:
        """As `PersonHolder.forget`: it is nobody's contact then, and gets no mail."""
        key, among = person.key, _json(accounts)
        found = await self._store.read("privacy_contacts", key=key, accounts=among)
        contacts = [(row[0], pseudonym) for row in found]
        rows = await self._store.read("privacy_audience_rows", key=key, accounts=among)
        work = []
        if contacts:
            work.append(Rows("privacy_forget_contact", contacts))
            work.append(Rows("privacy_forget_consent", [row[:1] for row in contacts]))
        if rows:
            work.append(Rows("privacy_forget_audience", [(*row, pseudonym) for row in rows]))
        if work:
            await self._store.submit(work)

    async def _shown(self, row: Sequence[Any]) -> dict[str, object]:
        number, account, email, attrs, status, language, source, created_ms = row
        lists = await self._store.read("privacy_lists", contact=number)
        consents = await self._store.read("privacy_consents", contact=number)
        return {
            "id": str(number),
            "account": str(account),
            "address": email,
            "attributes": orjson.loads(attrs),
            "status": status,
            "language": language,
            "source": source,
            "created_at": rfc3339(created_ms),
            "lists": [
                {"name": name, "status": state, "changed_at": rfc3339(at)}
                for name, state, at in lists
            ],
            "consent": [
                {"what": what, "text_version": text, "address": address, "at": rfc3339(at)}
                for what, text, address, at in consents
            ],
        }


def _json(accounts: frozenset[int] | None) -> str | None:
    return None if accounts is None else orjson.dumps(sorted(accounts)).decode()
