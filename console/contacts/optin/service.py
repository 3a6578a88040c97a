"""Lists that ask people themselves: settings, mails, forms, confirmations, evidence."""

from collections.abc import Callable, Sequence

import structlog

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import Permission
from console.contacts.files.judging import judge
from console.contacts.optin.pace import FormPace
from console.contacts.optin.tokens import Asked, OptinTokens
from console.contacts.optin.values import (
    Confirmation,
    ConfirmationMailer,
    Consent,
    Evidence,
    OptinList,
    Standing,
)
from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, JobRefused, PermanentError, RelevoError
from mta.model.ids import IdGenerator
from mta.model.traffic import TrafficClass
from mta.store.base import Store
from mta.store.work import Rows

DAY_MS = 86_400_000
LIFE_MS = 7 * DAY_MS  # of a confirmation link
STALE_MS = 30 * DAY_MS  # of contacts that a form brought and nobody confirmed
STALE_PART = 500
ASKS_A_DAY = 1_000  # of one account: these mails are free
PART = 200  # members that are asked in one go
MAX_WORDING = 2_000
WHATS = ("asked", "given", "withdrawn")
LAST = 2**62

ReasonOf = Callable[[int, str, int], str]  # account, address, class: why nothing is sent; "": it is


class OptinService:
    """For owners of lists (with an actor), and for the people who are asked (with a token)."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        trail: AuditTrail,
        tokens: OptinTokens,
        reason_of: ReasonOf,
    ) -> None:
        """`reason_of`: of suppressions; who bounced or complained is not asked."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._tokens = tokens
        self._reason_of = reason_of
        self._pace = FormPace()
        self._log = structlog.get_logger("relevo.optin")
        self.mailer: ConfirmationMailer | None = None  # while a server runs

    # -- owners ---------------------------------------------------------------------------------

    async def settings(self, actor: Actor, list_id: int) -> OptinList:
        """Of one list. Raises `NotVisible`."""
        found = await self._list(list_id)
        if found is None or not actor.may(Permission.CONTACT_VIEW, found.account):
            raise NotVisible(f"there is no list {list_id}")
        return found

    async def form_token(self, actor: Actor, list_id: int) -> str:
        """Of its public form; empty while it has none."""
        found = await self.settings(actor, list_id)
        return self._tokens.form(list_id) if found.is_open and found.optin == "double" else ""

    async def configure(
        self, actor: Actor, list_id: int, *, optin: str, is_open: bool, text: str
    ) -> OptinList:
        """How it asks from now on; other words get a new number. Raises `PermanentError`."""
        found = await self.settings(actor, list_id)
        actor.require(Permission.CONTACT_EDIT, found.account)
        text = text.strip()
        if optin not in ("single", "double") or (is_open and optin == "single"):
            raise PermanentError("optin: single or double; a public form needs double")
        if len(text) > MAX_WORDING or not text.replace("\n", "").replace("\r", "").isprintable():
            raise PermanentError(f"wording: up to {MAX_WORDING} characters that can be read")
        now_ms, wording = self._clock.now_ms(), found.wording
        work = [Rows("optin_list_kind", [(list_id, optin, now_ms)], expect=1)]
        if text != found.text:
            wording += 1
            work.append(Rows("optin_wording_insert", [(list_id, wording, text, now_ms)], expect=1))
        work.append(Rows("optin_list_put", [(list_id, int(is_open), wording)]))
        entry = self._trail.entry(
            actor, "list.optin", found.account, list_id,
            {"optin": found.optin, "is_open": found.is_open, "wording": found.wording},
            {"optin": optin, "is_open": is_open, "wording": wording},
        )  # fmt: skip
        await self._store.submit([*work, entry])
        return await self.settings(actor, list_id)

    async def ask(self, actor: Actor, list_id: int, contacts: Sequence[int] = ()) -> int:
        """Mail members who have not confirmed; none given: those whom nobody asked yet.

        Gives how many are asked: not who was asked within ten minutes or thrice within a day.
        Raises `PermanentError` when the account has asked enough for a day.
        """
        found = await self.settings(actor, list_id)
        actor.require(Permission.CONTACT_EDIT, found.account)
        if not contacts:
            rows = await self._store.read("optin_waiting", list=list_id, count=PART)
            contacts = [row[0] for row in rows]
        await self._require_room(found.account)
        asked = 0
        for contact in contacts[:PART]:
            asked += await self._ask(found, contact, "")
        await self._trail.note(
            actor, "list.asked", found.account, str(list_id), after={"contacts": asked}
        )
        return asked

    async def consents(
        self,
        actor: Actor,
        account: int,
        *,
        list_id: int = 0,
        what: str = "",
        email: str = "",
        before: int = LAST,
        count: int = 50,
    ) -> Sequence[Consent]:
        """Evidence, the newest first, before an id; of one list, kind or address if given."""
        actor.require(Permission.CONTACT_VIEW, account)
        key = ""
        if email.strip():
            try:
                key = parse_address(email.strip()).key
            except AddressSyntaxError:
                return []
        rows = await self._store.read(
            "consent_page", account=account, before=before, list=list_id,
            what=what if what in WHATS else "", key=key, count=count,
        )  # fmt: skip
        return [Consent(*row) for row in rows]

    # -- the people who are asked ---------------------------------------------------------------

    async def form(self, token: str) -> OptinList | None:
        """The list of a public form; None where there is none."""
        number = self._tokens.list_of(token)
        found = await self._list(number) if number is not None else None
        is_there = found is not None and found.is_open and found.state == "active"
        return found if found is not None and is_there and found.optin == "double" else None

    async def subscribe(
        self, asking: OptinList, email: str, language: str, evidence: Evidence
    ) -> None:
        """Somebody wrote an address into the form: it is asked, unless that was done enough.

        Tells nothing, whether the address is known or not; what fails is in the log.
        """
        address, _ = judge(email)
        now_ms = self._clock.now_ms()
        peer = evidence.get("peer", "")
        if address is None or not self._pace.lets(peer, address.key, now_ms / 1000):
            return
        try:
            await self._require_room(asking.account)
            contact = await self._contact(asking.account, address, language)
            consent = self._consent(asking, contact, "asked", "form", evidence)
            await self._ask(asking, contact, language, joining=[consent])
        except (RelevoError, JobRefused) as error:
            self._log.warning("not asked", list=asking.id, error=str(error))

    async def look(self, token: str) -> Confirmation | None:
        """What a confirmation link is about; None for a forged one. Changes nothing."""
        asked = self._tokens.asked(token)
        found = await self._list(asked.list) if asked is not None else None
        if asked is None or found is None:
            return None
        rows = await self._store.read("optin_asked", list=asked.list, contact=asked.contact)
        if not rows or rows[0][5] != found.account or found.state != "active":
            return Confirmation(Standing.LATE, found.name)
        status, asked_ms, address = rows[0][:3]
        standing = Standing.PENDING
        if status == "confirmed":
            standing = Standing.CONFIRMED
        elif asked_ms != asked.asked_ms or self._clock.now_ms() - asked_ms > LIFE_MS:
            standing = Standing.LATE
        return Confirmation(standing, found.name, found.text, address)

    async def confirm(self, token: str, evidence: Evidence) -> Confirmation | None:
        """The person confirms; a second time changes nothing."""
        seen, asked = await self.look(token), self._tokens.asked(token)
        if seen is None or asked is None or seen.standing is not Standing.PENDING:
            return seen
        found = await self._list(asked.list)
        assert found is not None
        now_ms = self._clock.now_ms()
        work = [
            Rows("optin_ask_used", [tuple(asked)], expect=1),
            Rows("optin_confirm", [(asked.list, asked.contact, now_ms)], expect=1),
            Rows("optin_contact_active", [(asked.contact,)]),
            self._consent(found, asked.contact, "given", "confirmation", evidence),
        ]
        try:
            await self._store.submit(work)
        except JobRefused:  # another click was faster
            return await self.look(token)
        return await self.look(token)

    async def tidy(self) -> None:
        """Forget who came by a form and did not confirm within 30 days. Raises `StoreError`."""
        before = self._clock.now_ms() - STALE_MS
        rows = await self._store.read("optin_stale", before=before, count=STALE_PART)
        if rows:
            work = [
                Rows("contact_leave_all", rows), Rows("contact_remove", rows),
                Rows("optin_forget_consent", rows),
            ]  # fmt: skip
            await self._store.submit(work, bulk=True)

    # -- within ---------------------------------------------------------------------------------

    async def _list(self, number: int) -> OptinList | None:
        rows = await self._store.read("optin_of_list", list=number)
        return OptinList.of(rows[0]) if rows else None

    async def _contact(self, account: int, address: Address, language: str) -> int:
        """The contact with that address; a new one waits for its first confirmation."""
        row = (
            self._ids.new(), account, str(address), address.key, language, self._clock.now_ms()
        )  # fmt: skip
        await self._store.submit([Rows("optin_contact", [row])])
        ((number, *_),) = await self._store.read("contact_by_key", account=account, key=address.key)
        return int(number)

    async def _ask(
        self, asking: OptinList, contact: int, language: str, joining: Sequence[Rows] = ()
    ) -> int:
        """Note it and mail it; 1 when it was."""
        now_ms = self._clock.now_ms()
        if joining:
            await self._store.submit([Rows("optin_join", [(asking.id, contact, now_ms)])])
        rows = await self._store.read("optin_asked", list=asking.id, contact=contact)
        if not rows or rows[0][5] != asking.account or rows[0][0] == "confirmed":
            return 0
        status, _, email, own_language, standing, _ = rows[0]
        is_stopped = self._reason_of(asking.account, email, TrafficClass.TRANSACTIONAL)
        if standing == "blocked" or is_stopped or (status == "unsubscribed" and not joining):
            return 0
        ask = Rows("optin_ask_put", [(asking.id, contact, asking.account, now_ms)], expect=1)
        try:
            await self._store.submit([ask, *joining])
        except JobRefused:
            return 0
        token = self._tokens.confirm(Asked(asking.id, contact, now_ms))
        if self.mailer is not None:
            try:
                await self.mailer.send(email, own_language or language, asking, token)
            except RelevoError as error:
                self._log.warning("confirmation was not sent", list=asking.id, error=str(error))
        return 1

    async def _require_room(self, account: int) -> None:
        since = self._clock.now_ms() - DAY_MS
        ((asked,),) = await self._store.read("optin_asked_since", account=account, since=since)
        if asked >= ASKS_A_DAY:
            raise PermanentError(f"an account asks up to {ASKS_A_DAY} people a day")

    def _consent(
        self, asking: OptinList, contact: int, what: str, source: str, evidence: Evidence
    ) -> Rows:
        row = (
            self._ids.new(), asking.account, contact, asking.id, what,
            f"{source}-{asking.wording}", evidence.get("peer", ""), evidence.get("agent", ""),
            self._clock.now_ms(),
        )  # fmt: skip
        return Rows("consent_insert", [row])
