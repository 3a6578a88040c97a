"""Takes everything out of accounts that are erased, in small jobs; a crash in between loses nothing.

What stays: the ledger with the flows that it names, the figures, the audit trail, the register of
incidents, suppressions as keyed hashes. Deliveries keep their state, with a keyed hash for the address,
so that `relevo verify` finds the books as they were.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import orjson

from console.privacy.closing.values import KINDS
from console.privacy.persons import ERASED_DOMAIN, PersonService
from console.privacy.shortening import short_reply, without_person
from mta.model.errors import AddressSyntaxError
from mta.store.base import Store
from mta.store.work import Rows
from mta.suppression.digest import key_of

SPAN = 5_000  # rows that one read looks at
PART = 200  # rows that one job changes

# Tables that are emptied, in this order: what belongs to something goes before it.
DROPPED = (
    "list_member",
    "optin_ask",
    "optin_wording",
    "optin_list",
    "consent",
    "contact",
    "contact_list",
    "contact_segment",
    "upload_reject",
    "audience_row",
    "audience",
    "upload",
    "enrolment",
    "automation_version",
    "automation_count",
    "automation",
    "template_version",
    "template",
    "media_part",
    "media",
    "brand",
    "webhook_delivery",
    "webhook",
    "tracking_account",
    "campaign_link",
    "campaign_history",
    "campaign",
    "figure_person",
    "export_job",
    "usage_report_part",
    "usage_report_file",
    "usage_report",
    "usage_schedule",
    "suppression_held",
    "training_recipient",
    "training_certificate",
    "guide_sent",
    "membership",
    "domain_status",
    "sending_domain",
)
BLANKED = (
    "closing_blank_suppression",
    "closing_blank_credential",
    "closing_blank_flow",
    "closing_blank_refund_item",
    "closing_blank_incident",
)
PERSONAL = (
    "closing_forget_console_session",
    "closing_forget_second_factor",
    "closing_forget_recovery_code",
    "closing_forget_one_time_link",
    "closing_forget_user_profile",
    "closing_forget_user",
)


class Forgetter:
    """Over the store; each method can be called again after a crash."""

    def __init__(
        self,
        store: Store,
        persons: PersonService,
        digest: Callable[[str], int],
        uploads: Path,
        remove_keys: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        """`digest`: the keyed hash of an address's key; `uploads`: the folder of uploaded files.

        `remove_keys(domains)` removes DKIM keys from the disk.
        """
        self._store = store
        self._persons = persons
        self._digest = digest
        self._uploads = uploads
        self._remove_keys = remove_keys

    async def below(self, account: int) -> list[int]:
        """The account and all below it."""
        return [row[0] for row in await self._store.read("closing_below", account=account)]

    async def counts(self, accounts: Sequence[int]) -> Mapping[str, int]:
        """What there is of them, by kind."""
        ((*found,),) = await self._store.read("closing_counts", accounts=_json(accounts))
        return dict(zip(KINDS, found, strict=True))

    async def open_mail(self, accounts: Sequence[int]) -> int:
        """How many of their deliveries are not over."""
        ((count,),) = await self._store.read("closing_open", accounts=_json(accounts))
        return int(count)

    async def forget(self, accounts: Sequence[int]) -> None:
        """Everything, in order. Raises `StoreError`, `OSError`; then call it again."""
        chosen = _json(accounts)
        await self._events(chosen)
        await self._deliveries(chosen)
        await self._messages(chosen)
        await self._files(chosen)
        domains = await self._store.read("closing_domains", accounts=chosen)
        await self._remove_keys([row[0] for row in domains])
        people = await self._store.read("closing_people", accounts=chosen)
        rows = [(account,) for account in accounts]
        for table in DROPPED:
            while (await self._store.read(f"closing_left_{table}", accounts=chosen))[0][0]:
                await self._store.submit([Rows(f"closing_drop_{table}", rows)], bulk=True)
        for statement in BLANKED:
            await self._store.submit([Rows(statement, rows)], bulk=True)
        await self._people([row[0] for row in people])
        await self._persons.overwrite()

    async def _events(self, chosen: str) -> None:
        after: int | None = 0
        while after is not None:
            *found, (_, _, after) = await self._store.read(
                "closing_events", after=after, count=SPAN, accounts=chosen
            )
            rows = [(row[0], _data(row[1])) for row in found]
            for start in range(0, len(rows), PART):
                part = Rows("privacy_forget_event", rows[start : start + PART])
                await self._store.submit([part], bulk=True)

    async def _deliveries(self, chosen: str) -> None:
        after: int | None = 0
        while after is not None:
            *found, (_, after, _, _) = await self._store.read(
                "closing_deliveries", after=after, count=SPAN, accounts=chosen
            )
            rows = [(row[0], self._pseudonym(row[2]), short_reply(row[3])) for row in found]
            for start in range(0, len(rows), PART):
                part = Rows("privacy_forget_delivery", rows[start : start + PART])
                await self._store.submit([part], bulk=True)

    async def _messages(self, chosen: str) -> None:
        after: int | None = 0
        while after is not None:
            *found, (_, after, _, _, _) = await self._store.read(
                "closing_messages", after=after, count=SPAN, accounts=chosen
            )
            for start in range(0, len(found), PART):
                part = found[start : start + PART]
                work = [Rows("closing_forget_message", [row[:1] for row in part])]
                if places := [row[1:] for row in part if row[3]]:
                    work.append(Rows("privacy_erasing_insert", places))
                await self._store.submit(work, bulk=True)
            await self._persons.overwrite()

    async def _files(self, chosen: str) -> None:
        for (upload,) in await self._store.read("closing_uploads", accounts=chosen):
            folder = self._uploads / str(upload)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _people(self, people: Sequence[int]) -> None:
        """Who has no role anywhere any more is forgotten, too."""
        found = await self._store.read("closing_orphans", users=_json(people))
        if rows := [(row[0],) for row in found]:
            await self._store.submit([Rows(name, rows) for name in PERSONAL], bulk=True)

    def _pseudonym(self, address: str) -> str:
        try:
            key = key_of(address)
        except AddressSyntaxError:
            key = address
        return f"{self._digest(key) & 0xFFFFFFFFFFFFFFFF:016x}@{ERASED_DOMAIN}"


def _data(data: str) -> str:
    kept = without_person(orjson.loads(data))
    return orjson.dumps(kept).decode() if kept else ""


def _json(numbers: Sequence[int]) -> str:
    return orjson.dumps(list(numbers)).decode()
