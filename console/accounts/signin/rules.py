"""Which accounts ask their people for a second factor; what holds above holds below."""

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows


class FactorRules:
    """All of them."""

    def __init__(self, store: Store, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._clock = clock
        self._trail = trail

    async def accounts(self) -> frozenset[int]:
        """Accounts with a rule of their own."""
        return frozenset(row[0] for row in await self._store.read("factor_rules"))

    async def set(self, actor: Actor, account: int, *, is_required: bool) -> None:
        """Ask for a second factor in that account and below, or no more."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        was = account in await self.accounts()
        if was is is_required:
            return
        row = (account, self._clock.now_ms()) if is_required else (account,)
        statement = "factor_rule_put" if is_required else "factor_rule_delete"
        before, after = {"second_factor_required": was}, {"second_factor_required": is_required}
        entry = self._trail.entry(
            actor, "account.settings_changed", account, account, before, after
        )
        await self._store.submit([Rows(statement, [row]), entry])
