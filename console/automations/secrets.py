"""What webhook steps are signed with: shown, changed with an overlap, never stored."""

from collections.abc import Callable
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.accounts.audit.trail import AuditTrail
from console.automations.values import Automation
from mta.events.record import rfc3339
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.store.base import Store
from mta.store.work import Rows

OVERLAP_S = 24 * 3600.0  # for which the secret before a change signs too


@dataclass(frozen=True, slots=True)
class Generation:
    """Which secret of an automation signs; until `previous_until_ms` the one before signs too."""

    number: int
    previous_until_ms: int


class StepSecrets:
    """The secrets of all automations; who may see and change them is asked before."""

    def __init__(
        self, store: Store, clock: Clock, trail: AuditTrail, secret_of: Callable[[int, int], str]
    ) -> None:
        """`secret_of(automation, generation)`."""
        self._store = store
        self._clock = clock
        self._trail = trail
        self._secret_of = secret_of

    async def current(self, automation: int) -> Generation:
        """What signs now. Raises `StoreError`, `PermanentError` when there is no such automation."""
        rows = await self._store.read("automation_generation", automation=automation)
        if not rows:
            raise PermanentError(f"there is no automation {automation}")
        return Generation(*rows[0])

    async def show(self, actor: Actor, automation: Automation) -> str:
        """The secret; it is noted who saw it. Raises `StoreError`."""
        now = await self.current(automation.id)
        await self._trail.note(actor, "automation.secret_shown", automation.account, automation.id)
        return self._secret_of(automation.id, now.number)

    async def rotate(self, actor: Actor, automation: Automation) -> str:
        """A new secret; the one before signs too for `OVERLAP_S`.

        Raises `StoreError`, `PermanentError` when somebody else did so at this moment.
        """
        before = await self.current(automation.id)
        until_ms = self._clock.now_ms() + round(OVERLAP_S * 1000)
        after = before.number + 1
        entry = self._trail.entry(
            actor,
            "automation.rotated",
            automation.account,
            automation.id,
            {"generation": before.number},
            {"generation": after, "overlap_until": rfc3339(until_ms)},
        )
        row = (automation.id, before.number, until_ms)
        try:
            await self._store.submit([Rows("automation_rotate", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError("somebody else rotated it at this moment") from None
        return self._secret_of(automation.id, after)
