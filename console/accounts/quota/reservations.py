"""Quota kept for campaigns: reserved at once, consumed as deliveries are made, the rest released."""

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books, QuotaRefused, checked_amount
from console.accounts.quota.replies import EXHAUSTED
from console.accounts.quota.values import EntryKind, Reservation
from mta.model.errors import JobRefused, PermanentError
from mta.store.work import Rows


class ReservationService:
    """Part of `QuotaService`; what consumes a reservation is `QuotaPolicy.expand`, by its flow."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def reserve(
        self, actor: Actor, account: int, amount: int, reference: str, *, flow: int = 0
    ) -> Reservation | None:
        """Keep quota for a campaign; None when the account's mail costs nothing.

        `reference` names the campaign, `flow` its mail (also later, by `attach`). The same
        reference again gives the reservation there is. Raises `QuotaRefused` when the share has not
        so much, or its contract is not in its term.
        """
        checked_amount(amount)
        books = self._books
        async with books.lock:
            await books.meter.refresh()
            actor.require(Permission.CAMPAIGN_SEND, account)
            there = await self._find(reference)
            if there is not None:
                return there
            line = books.meter.line(account, books.clock.now_ms())
            if line.refusal is not None:
                raise QuotaRefused(line.refusal)
            if not line.bag:
                return None
            made = Reservation(
                books.ids.new(), line.bag, line.payer, reference, flow, amount, amount,
                books.clock.now_ms(),
            )  # fmt: skip
            row = (made.id, made.bag, made.account, reference, flow, amount, made.created_ms)
            entry = books.entry(
                actor, books.meter.balances[line.bag], EntryKind.RESERVE, -amount,
                account=line.payer, reserved=amount, flow=flow, reference=reference,
                reason="campaign",
            )  # fmt: skip
            try:
                await books.commit(
                    [
                        Rows("quota_reservation_insert", [row], expect=1),
                        Rows("quota_entry_insert", [entry]),
                    ]
                )
            except JobRefused:
                raise QuotaRefused(EXHAUSTED) from None
        return made

    async def attach(self, actor: Actor, reference: str, flow: int) -> None:
        """The flow whose deliveries are paid for out of the reservation."""
        books = self._books
        async with books.lock:
            found = await self._need(actor, reference)
            await books.commit([Rows("quota_reservation_flow", [(found.id, flow)], expect=1)])

    async def release(self, actor: Actor, reference: str, reason: str = "campaign ended") -> None:
        """Give back what is left of a reservation; again does nothing."""
        books = self._books
        async with books.lock:
            found = await self._need(actor, reference)
            row = (
                found.id, books.clock.now_ms(), reason, actor.kind.value, actor.id, actor.name,
            )  # fmt: skip
            await books.commit(
                [
                    Rows("quota_reservation_release", [row]),
                    Rows("quota_reservation_close", [(found.id,)]),
                ]
            )

    async def get(self, actor: Actor, reference: str) -> Reservation:
        """The reservation of a reference. Raises `PermanentError`."""
        await self._books.meter.refresh()
        return await self._need(actor, reference)

    async def _need(self, actor: Actor, reference: str) -> Reservation:
        found = await self._find(reference)
        if found is None:
            raise PermanentError(f"nothing is reserved for {reference!r}")
        actor.require(Permission.CAMPAIGN_SEND, found.account)
        return found

    async def _find(self, reference: str) -> Reservation | None:
        rows = await self._books.store.read("quota_reservation_of", reference=reference)
        return Reservation(*rows[0]) if rows else None
