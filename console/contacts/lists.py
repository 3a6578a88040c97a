"""Contacts and the lists they are on."""

import json
import re
from collections.abc import Mapping, Sequence

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import Permission
from console.contacts.files.judging import judge
from console.contacts.values import Contact, ContactList
from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_NAME = 200
MAX_ATTRS = 4_000  # characters of all values of a contact
LAST = 2**62
STATUSES = ("active", "blocked")
_UNFIT = re.compile("[\x00\ud800-\udfff]")  # what the store cannot keep


class ContactService:
    """All contacts and lists of all accounts."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("contacts_last_id")
        self._ids.observe(last)

    # -- contacts ------------------------------------------------------------------------------

    async def get(self, actor: Actor, contact: int) -> Contact:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("contact_by_id", contact=contact)
        if rows and actor.may(Permission.CONTACT_VIEW, rows[0][1]):
            return Contact.of(rows[0])
        raise NotVisible(f"there is no contact {contact}")

    async def search(
        self, actor: Actor, account: int, text: str = "", *, before: int = LAST, count: int = 50
    ) -> list[Contact]:
        """Those whose address holds `text`, the newest first, before an id."""
        actor.require(Permission.CONTACT_VIEW, account)
        like = f"%{_escaped(text.strip().lower())}%" if text.strip() else ""
        rows = await self._store.read(
            "contact_page", account=account, before=before, like=like, count=count
        )
        return [Contact.of(row) for row in rows]

    async def put(
        self, actor: Actor, account: int, email: str, attrs: Mapping[str, str], source: str = ""
    ) -> Contact:
        """A new contact, or further values for the one with that address."""
        actor.require(Permission.CONTACT_EDIT, account)
        address, values = _address(email), _attrs(attrs)
        known = await self._store.read("contact_by_key", account=account, key=address.key)
        now_ms, number = self._clock.now_ms(), known[0][0] if known else self._ids.new()
        row = (number, account, str(address), address.key, values, source or "page", now_ms)
        # The trail outlives an erased person: it names contacts by their number only.
        entry = self._trail.entry(
            actor, "contact.put", account, number, after={"fields": sorted(attrs)}
        )
        await self._store.submit([Rows("contact_put", [row], expect=1), entry])
        rows = await self._store.read("contact_by_key", account=account, key=address.key)
        return Contact.of(rows[0])

    async def change(
        self, actor: Actor, contact: int, email: str, attrs: Mapping[str, str], status: str
    ) -> Contact:
        """Other values instead of these. Raises `PermanentError` for an address that is taken."""
        found = await self.get(actor, contact)
        actor.require(Permission.CONTACT_EDIT, found.account)
        if status not in STATUSES and status != found.status:  # who is pending may stay so
            raise PermanentError(f"status: expected one of {', '.join(STATUSES)}")
        address = _address(email)
        row = (contact, str(address), address.key, _attrs(attrs), status, self._clock.now_ms())
        entry = self._trail.entry(
            actor, "contact.changed", found.account, contact,
            {"status": found.status}, {"status": status, "fields": sorted(attrs)},
        )  # fmt: skip
        try:
            await self._store.submit([Rows("contact_change", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"{address} is another contact already") from None
        return await self.get(actor, contact)

    async def remove(self, actor: Actor, contact: int) -> None:
        """The contact, its values and memberships are gone; what was sent to it stays."""
        found = await self.get(actor, contact)
        actor.require(Permission.CONTACT_EDIT, found.account)
        entry = self._trail.entry(actor, "contact.removed", found.account, contact)
        await self._store.submit(
            [
                Rows("contact_leave_all", [(contact,)]),
                Rows("contact_remove", [(contact,)], expect=1),
                entry,
            ]
        )

    async def lists_of(self, actor: Actor, contact: int) -> Sequence[tuple[int, str, str, int]]:
        """(list, its name, status, since) of a contact."""
        await self.get(actor, contact)
        rows = await self._store.read("contact_lists_of", contact=contact)
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    # -- lists ---------------------------------------------------------------------------------

    async def lists(self, actor: Actor, account: int = 0) -> list[ContactList]:
        """Those that the actor sees, of one account if given, by name."""
        if account:
            actor.require(Permission.CONTACT_VIEW, account)
        accounts = [account] if account else actor.accounts(Permission.CONTACT_VIEW)
        rows = await self._store.read(
            "list_page", accounts=None if accounts is None else json.dumps(sorted(accounts))
        )
        return [ContactList(*row) for row in rows]

    async def list(self, actor: Actor, number: int) -> ContactList:
        """One list. Raises `NotVisible`."""
        rows = await self._store.read("list_by_id", list=number)
        if rows and actor.may(Permission.CONTACT_VIEW, rows[0][1]):
            return ContactList(*rows[0])
        raise NotVisible(f"there is no list {number}")

    async def add_list(
        self,
        actor: Actor,
        account: int,
        name: str,
        *,
        kind: str = "audience",
        optin: str = "single",
        description: str = "",
    ) -> ContactList:
        """A new list. Raises `PermanentError` for a name that is taken."""
        actor.require(Permission.CONTACT_EDIT, account)
        if kind not in ("audience", "topic") or optin not in ("single", "double"):
            raise PermanentError("kind: audience or topic; optin: single or double")
        if _UNFIT.search(description):
            raise PermanentError("description: expected text that can be stored")
        number, name = self._ids.new(), _named(name)
        row = (number, account, name, kind, optin, description[:1000], self._clock.now_ms())
        entry = self._trail.entry(actor, "list.created", account, number, after={"name": name})
        try:
            await self._store.submit([Rows("list_insert", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"there is a list {name!r} already") from None
        return await self.list(actor, number)

    async def change_list(
        self, actor: Actor, number: int, *, name: str, description: str, is_archived: bool = False
    ) -> ContactList:
        """Another name, or put away."""
        found = await self.list(actor, number)
        actor.require(Permission.CONTACT_EDIT, found.account)
        if _UNFIT.search(description):
            raise PermanentError("description: expected text that can be stored")
        state = "archived" if is_archived else "active"
        row = (number, _named(name), description[:1000], state, self._clock.now_ms())
        entry = self._trail.entry(
            actor, "list.changed", found.account, number,
            {"name": found.name, "state": found.state}, {"name": name, "state": state},
        )  # fmt: skip
        try:
            await self._store.submit([Rows("list_change", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"there is a list {name!r} already") from None
        return await self.list(actor, number)

    async def members(
        self, actor: Actor, number: int, *, status: str = "", after: int = 0, count: int = 50
    ) -> Sequence[tuple[Contact, str]]:
        """Who is on a list and how, by contact from behind `after`."""
        await self.list(actor, number)
        rows = await self._store.read(
            "list_members", list=number, after=after, status=status, count=count
        )
        return [(Contact.of(row[:9]), row[9]) for row in rows]

    async def enlist(self, actor: Actor, number: int, contacts: Sequence[int]) -> None:
        """Put contacts on a list; who unsubscribed from it stays off."""
        found = await self.list(actor, number)
        actor.require(Permission.CONTACT_EDIT, found.account)
        status = "confirmed" if found.optin == "single" else "unconfirmed"
        now_ms = self._clock.now_ms()
        rows = [(number, (await self._own(found, one)).id, status, now_ms) for one in contacts]
        entry = self._trail.entry(
            actor, "list.joined", found.account, number, after={"contacts": len(rows)}
        )
        await self._store.submit([Rows("list_member_put", rows), entry])

    async def delist(self, actor: Actor, number: int, contacts: Sequence[int]) -> None:
        """Take contacts off a list."""
        found = await self.list(actor, number)
        actor.require(Permission.CONTACT_EDIT, found.account)
        entry = self._trail.entry(
            actor, "list.left", found.account, number, after={"contacts": len(contacts)}
        )
        rows = [(number, one) for one in contacts]
        await self._store.submit([Rows("list_member_remove", rows), entry])

    async def _own(self, of: ContactList, contact: int) -> Contact:
        """A contact of the list's own account: lists never cross accounts."""
        rows = await self._store.read("contact_by_id", contact=contact)
        if not rows or rows[0][1] != of.account:
            raise NotVisible(f"there is no contact {contact}")
        return Contact.of(rows[0])


def _address(text: str) -> Address:
    address, reason = judge(text)
    if address is None:
        try:
            parse_address(text)
        except AddressSyntaxError as error:
            raise PermanentError(f"email: {error}") from None
        raise PermanentError(f"email: {reason}")
    return address


def _attrs(attrs: Mapping[str, str]) -> str:
    clean = {
        name.strip(): str(value).strip()
        for name, value in attrs.items()
        if name.strip() and name != "email" and str(value).strip()
    }
    if any(len(name) > 100 or not name.isprintable() for name in clean):
        raise PermanentError("fields: names have 1 to 100 characters that can be read")
    if any(_UNFIT.search(value) for value in clean.values()):
        raise PermanentError("fields: values hold text that can be stored")
    text = json.dumps(clean, ensure_ascii=False)
    if len(text) > MAX_ATTRS:
        raise PermanentError(f"fields: up to {MAX_ATTRS} characters in all")
    return text


def _named(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise PermanentError(f"name: expected 1 to {MAX_NAME} characters that can be read")
    return cleaned


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
