"""Everything about one person, as JSON; and forgetting a person, without touching any figure.

A person is an address, in whatever case it was written to. Forgetting leaves the deliveries, with a
keyed hash for the address, so that counts and the ledger stay as they are; a content that went to
nobody else is overwritten on the disk; suppression entries keep their keyed hash, so that the person
is not written to again. It is carried out in small jobs; a crash loses none of it (`privacy_erasing`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from console.accounts.actor import Actor, NotPermitted
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.privacy.holders import PersonHolder
from console.privacy.shortening import short_reply, without_person
from console.privacy.values import Erased, Erasure, Held
from mta.events.record import as_dict, rfc3339
from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, TrafficClass
from mta.store.base import Store
from mta.store.work import ContentRef, Rows
from mta.suppression.digest import key_of
from mta.suppression.lists import SuppressionLists
from mta.suppression.values import Entry

SPAN = 20_000  # deliveries that one read looks at: some 10 ms of a reader's thread
PART = 200  # deliveries that one job forgets; each may have some events
ERASED_DOMAIN = "erased.invalid"  # RFC 2606: nobody's

# Removes files that were made of data of accounts (None: of all) until now.
DropCopies = Callable[[frozenset[int] | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Found:
    delivery: int
    message: int
    account: int


class PersonService:
    """For an actor with `privacy.manage`; `account` None means all accounts where that is so."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lists: SuppressionLists,
        trail: AuditTrail,
        holders: Sequence[PersonHolder] = (),
    ) -> None:
        """`holders`: other areas that keep something of a person."""
        self._holders = holders
        self.copies: Sequence[DropCopies] = ()
        self._store = store
        self._clock = clock
        self._lists = lists
        self._trail = trail

    async def look(
        self, actor: Actor, address: str, account: int | None = None, below: Sequence[int] = ()
    ) -> Held:
        """How much is kept about the person, and when the person was forgotten before."""
        accounts = _accounts(actor, account, below)
        person = parse_address(address.strip())
        found = await self._find(person, accounts)
        waiting = 0
        for part in _parts(found):
            ids = _json([f.delivery for f in part])
            rows = await self._store.read("privacy_deliveries", deliveries=ids)
            waiting += sum(row[2] < DeliveryState.DELIVERED for row in rows)
        times = sorted(id_time_ms(f.message) for f in found)
        others = {h.name: len(await h.find(person, accounts)) for h in self._holders}
        return Held(
            str(person),
            len(found),
            waiting,
            times[0] if times else 0,
            times[-1] if times else 0,
            len(await self._entries(person, accounts)) + len(await self._held(person, accounts)),
            others,
            await self._erasures(person, accounts),
        )

    async def export(
        self, actor: Actor, address: str, account: int | None = None, below: Sequence[int] = ()
    ) -> dict[str, object]:
        """Everything that is kept about the person, ready for JSON.

        Looks at every delivery there is, in pieces: seconds for millions. Raises `NotPermitted`,
        `NotVisible`, `AddressSyntaxError`, `StoreError`.
        """
        accounts = _accounts(actor, account, below)
        person = parse_address(address.strip())
        found = await self._find(person, accounts)
        deliveries = [
            shown for part in _parts(found) for shown in await self._deliveries_shown(part)
        ]
        result: dict[str, object] = {
            "address": str(person),
            "exported_at": rfc3339(self._clock.now_ms()),
            "deliveries": deliveries,
            "suppressions": [_entry(entry) for entry in await self._entries(person, accounts)],
            "held": [
                {"account": str(row[0]), "reply": row[2], "at": rfc3339(row[3])}
                for row in await self._held(person, accounts)
            ],
            **{holder.name: await holder.find(person, accounts) for holder in self._holders},
        }
        await self._note(actor, "person.exported", account, person, {"deliveries": len(found)})
        return result

    async def erase(
        self,
        actor: Actor,
        address: str,
        why: str,
        account: int | None = None,
        below: Sequence[int] = (),
    ) -> Erased:
        """Forget the person. Raises as `export`, and `PermanentError` while mail to it waits."""
        accounts = _accounts(actor, account, below)
        if not why.strip():
            raise PermanentError("say why: it stands in the audit trail")
        person = parse_address(address.strip())
        found = await self._find(person, accounts)
        await self._refuse_open(found)
        contents = 0
        for part in _parts(found):
            contents += await self._forget(person, part)
        await self.overwrite()
        entries = await self._entries(person, accounts)
        await self._forget_entries(person, entries, accounts)
        for holder in self._holders:
            await holder.forget(person, accounts, self._pseudonym(person))
        for drop in self.copies:  # last: whatever was copied before now had the person in it
            await drop(accounts)
        done = Erased(len(found), contents, len(entries))
        figures = {
            "deliveries": done.deliveries, "contents": contents, "suppressions": len(entries),
            "why": why.strip()[:500],
        }  # fmt: skip
        await self._note(actor, "person.erased", account, person, figures)
        return done

    async def overwrite(self) -> int:
        """Overwrite on the disk what was forgotten, also by a process that did not come to it."""
        count = 0
        while rows := await self._store.read("privacy_erasing", count=500):
            await self._store.erase([ContentRef(*row) for row in rows])
            places = [row[:2] for row in rows]
            await self._store.submit([Rows("privacy_erasing_delete", places)], bulk=True)
            count += len(rows)
        return count

    # -- finding -------------------------------------------------------------------------------

    async def _find(self, person: Address, accounts: frozenset[int] | None) -> list[_Found]:
        """All deliveries to the person, in every writing of the local part."""
        key, suffix, after = person.key, f"@{person.domain}", 0
        found: list[_Found] = []
        while True:
            *rows, (_, last, _, _) = await self._store.read(
                "privacy_scan", after=after, count=SPAN, suffix=suffix
            )
            for delivery, message, address, account in rows:
                if _is(key, address) and (accounts is None or account in accounts):
                    found.append(_Found(delivery, message, account))
            if last is None:
                return found
            after = last

    async def _entries(self, person: Address, accounts: frozenset[int] | None) -> list[Entry]:
        key = person.key
        rows = await self._store.read(
            "suppression_of_digest", digest=self._lists.digest.of_key(key)
        )
        entries = [Entry.of(row) for row in rows]
        return [e for e in entries if accounts is None or e.account in accounts]

    async def _held(
        self, person: Address, accounts: frozenset[int] | None
    ) -> Sequence[tuple[Any, ...]]:
        rows = await self._store.read("privacy_held", digest=self._lists.digest.of_key(person.key))
        return [row for row in rows if accounts is None or row[0] in accounts]

    async def _deliveries_shown(self, part: Sequence[_Found]) -> list[dict[str, object]]:
        """Deliveries with what happened to each."""
        ids = [f.delivery for f in part]
        rows = await self._store.read("privacy_deliveries", deliveries=_json(ids))
        events: dict[int, list[dict[str, object]]] = {}
        for row in await self._events(part):
            event = as_dict((row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]))
            events.setdefault(row[6], []).append(event)
        return [_delivery(row, events.get(row[0], [])) for row in rows]

    async def _events(self, part: Sequence[_Found]) -> list[tuple[Any, ...]]:
        return await self._store.read(
            "privacy_events",
            messages=_json(sorted({f.message for f in part})),
            deliveries=_json([f.delivery for f in part]),
        )

    # -- forgetting ----------------------------------------------------------------------------

    async def _refuse_open(self, found: Sequence[_Found]) -> None:
        waiting = 0
        for part in _parts(found):
            ids = _json([f.delivery for f in part])
            rows = await self._store.read("privacy_deliveries", deliveries=ids)
            waiting += sum(row[2] < DeliveryState.DELIVERED for row in rows)
        if waiting:
            raise PermanentError(
                f"{waiting} deliveries to that address are not over: cancel them "
                "(`relevo trace ADDRESS`, `relevo queue cancel --id ID`) or wait"
            )

    async def _forget(self, person: Address, part: Sequence[_Found]) -> int:
        """One piece, in one transaction; gives how many contents went with it."""
        pseudonym = self._pseudonym(person)
        ids, messages = [f.delivery for f in part], sorted({f.message for f in part})
        rows = await self._store.read("privacy_deliveries", deliveries=_json(ids))
        forgotten = [(row[0], pseudonym, short_reply(row[7])) for row in rows]
        work = [Rows("privacy_forget_delivery", forgotten)]
        events = [
            (row[0], _text(without_person(orjson.loads(row[7]))))
            for row in await self._events(part)
            if row[7]
        ]
        alone = await self._store.read(
            "privacy_alone", messages=_json(messages), deliveries=_json(ids)
        )
        if alone:
            work.append(Rows("privacy_forget_message", [row[:1] for row in alone]))
        places = [row[1:] for row in alone if row[3]]
        if places:
            work.append(Rows("privacy_erasing_insert", places))
        # The deliveries last: until they are forgotten a second call finds the rest.
        for start in range(0, len(events), PART):
            rows_of = Rows("privacy_forget_event", events[start : start + PART])
            await self._store.submit([rows_of], bulk=True)
        await self._store.submit(work, bulk=True)
        return len(places)

    async def _forget_entries(
        self, person: Address, entries: Sequence[Entry], accounts: frozenset[int] | None
    ) -> None:
        digest = self._lists.digest.of_key(person.key)
        work = []
        if entries:
            places = sorted({(entry.account, digest) for entry in entries})
            work.append(Rows("privacy_forget_suppression", places))
        held = [(row[0], digest) for row in await self._held(person, accounts)]
        if held:
            work.append(Rows("suppression_held_delete", held))
        if work:
            await self._store.submit(work)

    async def _note(
        self, actor: Actor, action: str, account: int | None, person: Address, after: dict[str, Any]
    ) -> None:
        await self._trail.note(actor, action, account or 0, self._object(person), after=after)

    async def _erasures(
        self, person: Address, accounts: frozenset[int] | None
    ) -> Sequence[Erasure]:
        rows = await self._store.read(
            "privacy_erasures",
            object=self._object(person),
            accounts=None if accounts is None else _json(sorted(accounts)),
        )
        return [Erasure.of(row) for row in rows]

    def _hash(self, person: Address) -> str:
        return f"{self._lists.digest.of_key(person.key) & 0xFFFFFFFFFFFFFFFF:016x}"

    def _pseudonym(self, person: Address) -> str:
        return f"{self._hash(person)}@{ERASED_DOMAIN}"

    def _object(self, person: Address) -> str:
        return f"person:{self._hash(person)}"


def _accounts(
    actor: Actor, account: int | None, below: Sequence[int] = ()
) -> frozenset[int] | None:
    """The accounts that are looked at; None: all."""
    if account is not None:
        for number in (account, *below):
            actor.require(Permission.PRIVACY_MANAGE, number)
        return frozenset((account, *below))
    accounts = actor.accounts(Permission.PRIVACY_MANAGE)
    if accounts is not None and not accounts:
        raise NotPermitted(f"{actor.name} may not look at everything about a person")
    return accounts


def _is(key: str, address: str) -> bool:
    try:
        return key_of(address) == key
    except AddressSyntaxError:
        return False


def _parts(found: Sequence[_Found]) -> list[Sequence[_Found]]:
    """Pieces of about `PART`, none of which ends within a message."""
    ordered = sorted(found, key=lambda f: (f.message, f.delivery))
    parts: list[Sequence[_Found]] = []
    start = 0
    for n in range(1, len(ordered) + 1):
        is_end = n == len(ordered)
        if is_end or (n - start >= PART and ordered[n].message != ordered[n - 1].message):
            parts.append(ordered[start:n])
            start = n
    return parts


def _delivery(row: Sequence[Any], events: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": str(row[0]),
        "message": str(row[1]),
        "account": str(row[10]),
        "accepted_at": rfc3339(id_time_ms(row[1])),
        "changed_at": rfc3339(row[5]),
        "address": row[6],
        "state": DeliveryState(row[2]).label,
        "class": TrafficClass(row[3]).label,
        "flow": row[17],
        "attempts": row[4],
        "reply": row[7],
        "host": row[8],
        "from": row[11],
        "subject": row[12],
        "message_id": row[13],
        "tags": orjson.loads(row[14]) if row[14] else [],
        "metadata": orjson.loads(row[15]) if row[15] else {},
        "merge": orjson.loads(row[9]) if row[9] else {},
        "content_octets": row[16],
        "events": events,
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "account": str(entry.account) if entry.account else None,
        "address": entry.address,
        "reason": entry.reason,
        "scope": entry.scope,
        "note": entry.note,
        "created_at": rfc3339(entry.created_ms),
        "expires_at": rfc3339(entry.expires_ms) if entry.expires_ms else None,
    }


def _json(ids: Sequence[int]) -> str:
    return orjson.dumps(ids).decode()


def _text(data: dict[str, Any]) -> str:
    return orjson.dumps(data).decode() if data else ""
