"""Erasure of whole accounts: asked for, confirmed by a second person, taken back in time or carried out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
import structlog

from console.accounts.actor import Actor, NotVisible
from console.accounts.approvals import Approval, ApprovalKind, ApprovalService, KindRules
from console.accounts.approvals.service import OPEN_S
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.privacy.closing.exports import AccountExports
from console.privacy.closing.forgetting import Forgetter
from console.privacy.closing.values import OPEN, AccountErasure, ErasureState
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_WHY = 1_000
_SHOWN = 100

Close = Callable[[int], Awaitable[None]]  # an account: no mail from it or below, for good
Cancel = Callable[[int], Awaitable[None]]  # what waits of an account
Told = Callable[[AccountErasure], Awaitable[None]]


async def _nobody(_done: AccountErasure) -> None:
    pass


class AccountErasures:
    """For who has `privacy.manage` in an account; it is the effect of an approval."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail,
        forgetter: Forgetter, exports: AccountExports, *, wait_s: float,
    ) -> None:  # fmt: skip
        """`wait_s`: for how long it can be taken back after it was confirmed."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._forgetter = forgetter
        self._exports = exports
        self.wait_s = wait_s
        self._approvals: ApprovalService | None = None
        self._log = structlog.get_logger("relevo.erasure")
        self.on_done: Told = _nobody  # sends the certificate to who asked and who confirmed

    def approved_by(self, approvals: ApprovalService) -> None:
        """Say who asks the second person; before the first request."""
        self._approvals = approvals
        rules = KindRules(
            Permission.PRIVACY_MANAGE, Permission.PRIVACY_MANAGE, self, on_rejected=self.rejected
        )
        approvals.register(ApprovalKind.ACCOUNT_ERASURE, rules)

    async def look(self, actor: Actor, account: int) -> Mapping[str, int]:
        """How much there is of the account and those below it, by kind."""
        actor.require(Permission.PRIVACY_MANAGE, account)
        return await self._forgetter.counts(await self._forgetter.below(account))

    async def ask(self, actor: Actor, account: int, name: str, why: str) -> AccountErasure:
        """Ask for it; a second person has to confirm. Raises `PermanentError`, `NotPermitted`."""
        actor.require(Permission.PRIVACY_MANAGE, account)
        why = " ".join(why.split())
        if not why:
            raise PermanentError("say why: it stands on the certificate")
        if len(why) > MAX_WHY:
            raise PermanentError(f"a reason has up to {MAX_WHY} characters")
        if self._approvals is None:
            raise PermanentError("no server runs that could ask a second person")
        await self._drop_lapsed(account)
        number, now_ms = self._ids.new(), self._clock.now_ms()
        row = (number, account, name, why, actor.name, now_ms)
        entry = self._trail.entry(
            actor, "account.erasure_asked", account, account, after={"why": why}
        )
        try:
            await self._approvals.request(
                actor, ApprovalKind.ACCOUNT_ERASURE, account, str(number),
                {"reason": why, "account": str(account)},
                also=[Rows("closing_erasure_insert", [row], expect=1), entry],
            )  # fmt: skip
        except PermanentError as error:
            if any(one.state in OPEN for one in await self._of(account)):
                raise PermanentError("the erasure of the account was asked for already") from error
            raise
        return next(one for one in await self._of(account) if one.id == number)

    async def approved(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """As `ApprovalEffect.approved`: the time begins in which it can be taken back."""
        now_ms = self._clock.now_ms()
        due_ms = now_ms + round(self.wait_s * 1000)
        row = (int(approval.object), actor.name, now_ms, due_ms)
        return [Rows("closing_erasure_confirm", [row], expect=1)]

    async def rejected(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """Rows for the rejection."""
        row = (
            int(approval.object), ErasureState.REJECTED.value, actor.name, self._clock.now_ms(),
        )  # fmt: skip
        return [Rows("closing_erasure_stop", [row])]

    def settled(self, approval: Approval) -> None:
        """As `ApprovalEffect.settled`: `run` finds what is due."""

    async def all(self, actor: Actor) -> list[AccountErasure]:
        """Those of accounts that the actor may erase, the newest first."""
        accounts = actor.accounts(Permission.PRIVACY_MANAGE)
        return await self._read(0, None if accounts is None else sorted(accounts))

    async def get(self, actor: Actor, number: int) -> AccountErasure:
        """One of them by its number. Raises `NotVisible`."""
        found = await self._read(number, None)
        if not found or not actor.may(Permission.PRIVACY_MANAGE, found[0].account):
            raise NotVisible(f"there is no erasure {number}")
        return found[0]

    async def undo(self, actor: Actor, number: int) -> AccountErasure:
        """Take it back, while its time is not over. Raises `PermanentError`."""
        found = await self.get(actor, number)
        row = (found.id, ErasureState.UNDONE.value, actor.name, self._clock.now_ms())
        entry = self._trail.entry(
            actor, "account.erasure_undone", found.account, found.account, after={"number": number}
        )
        try:
            await self._store.submit([Rows("closing_erasure_stop", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError("it cannot be taken back any more") from None
        return await self.get(actor, number)

    async def run(self, close: Close, cancel: Cancel) -> None:
        """Carry out what is due; called once a minute. Raises `StoreError`."""
        for (number,) in await self._store.read("closing_erasures_due", now=self._clock.now_ms()):
            (due,) = await self._read(number, None)
            await self._erase(due, close, cancel)

    async def _erase(self, due: AccountErasure, close: Close, cancel: Cancel) -> None:
        accounts = list(due.accounts) or await self._forgetter.below(due.account)
        if due.state is ErasureState.WAITING:
            counts = await self._forgetter.counts(accounts)
            export = await self._exports.last_digest(due.account)
            row = (due.id, _json(accounts), _json(counts), export)
            await self._store.submit([Rows("closing_erasure_begin", [row], expect=1)])
        await close(due.account)
        for account in accounts:
            await cancel(account)
        if await self._forgetter.open_mail(accounts):
            self._log.info("erasure waits for mail that is on the wire", account=due.account)
            return  # in a minute it is over
        await self._forgetter.forget(accounts)
        await self._exports.tidy(accounts)
        await self._end(due.number)

    async def _end(self, number: int) -> None:
        (due,) = await self._read(number, None)
        now_ms = self._clock.now_ms()
        digest = due.digest(now_ms)
        told = {"number": number, "sha256": digest, "erased": dict(due.counts)}
        entry = self._trail.entry(
            Actor.system("erasure"), "account.erased", due.account, due.account, after=told
        )
        end = Rows("closing_erasure_end", [(due.id, now_ms, digest)], expect=1)
        await self._store.submit([end, entry])
        self._log.info("account erased", account=due.account, number=number)
        (done,) = await self._read(number, None)
        try:
            await self.on_done(done)
        except Exception:
            self._log.exception("certificate was not sent", number=number)

    async def _drop_lapsed(self, account: int) -> None:
        """A request that nobody decided on in time is none any more."""
        now_ms = self._clock.now_ms()
        for one in await self._of(account):
            if one.state is ErasureState.ASKED and now_ms - one.asked_ms >= OPEN_S * 1000:
                row = (one.id, ErasureState.REJECTED.value, "", now_ms)
                await self._store.submit([Rows("closing_erasure_stop", [row])])

    async def _of(self, account: int) -> list[AccountErasure]:
        return await self._read(0, [account])

    async def _read(self, number: int, accounts: Sequence[int] | None) -> list[AccountErasure]:
        chosen = None if accounts is None else _json(accounts)
        rows = await self._store.read(
            "closing_erasures", number=number, accounts=chosen, count=_SHOWN
        )
        return [AccountErasure.of(row) for row in rows]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
