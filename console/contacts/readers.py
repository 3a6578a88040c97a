"""Contacts as automations need them: who can be written to, whom a filter holds for, lists as rows."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from console.contacts.values import Contact
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError
from mta.store.base import Store
from mta.store.work import Rows


class ContactReader:
    """Reads without asking for permissions: whoever calls acts for the account itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def some(self, account: int, contacts: Collection[int]) -> Sequence[Contact]:
        """Those of the contacts that the account has. Raises `StoreError`."""
        rows = await self._store.read(
            "contacts_of", account=account, contacts=json.dumps(sorted(contacts))
        )
        return [Contact.of(row) for row in rows]

    async def by_address(self, account: int, address: str) -> Contact | None:
        """The contact with that address. Raises `StoreError`."""
        try:
            key = parse_address(address.strip()).key
        except AddressSyntaxError:
            return None
        rows = await self._store.read("contact_by_key", account=account, key=key)
        return Contact.of(rows[0]) if rows else None

    async def page(self, account: int, list_id: int, after: int, count: int) -> Sequence[Contact]:
        """Confirmed members of a list (0: all contacts), by id from behind `after`."""
        if not list_id:
            rows = await self._store.read(
                "contact_page_up", account=account, after=after, count=count
            )
            return [Contact.of(row) for row in rows]
        rows = await self._store.read(
            "list_members", list=list_id, after=after, status="confirmed", count=count
        )
        return [Contact.of(row[:9]) for row in rows if row[1] == account]

    async def lists(self, account: int) -> Sequence[tuple[int, str]]:
        """The account's lists by name."""
        rows = await self._store.read("list_page", accounts=json.dumps([account]))
        return [(row[0], row[2]) for row in rows]

    async def has_list(self, account: int, list_id: int) -> bool:
        """Whether the account has that list. Raises `StoreError`."""
        rows = await self._store.read("list_by_id", list=list_id)
        return bool(rows) and rows[0][1] == account

    async def member_events(self, after: int, count: int) -> list[tuple[Any, ...]]:
        """(id, list, contact, confirmed, at_ms, account) of what happened to memberships."""
        return await self._store.read("member_events", after=after, count=count)


def listing(list_id: int, contacts: Sequence[int], now_ms: int, *, is_on: bool) -> Sequence[Rows]:
    """Rows that put contacts on a list or take them off, to join another job."""
    if not is_on:
        return [Rows("list_member_remove", [(list_id, one) for one in contacts])]
    rows = [(list_id, one, "confirmed", now_ms) for one in contacts]
    return [Rows("list_member_put", rows)]


def matches(document: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """Whether every field has its value, without regard to case; an empty value: none is there."""
    return all(
        str(values.get(name, "")).strip().casefold() == str(wanted).strip().casefold()
        for name, wanted in document.items()
    )
