"""Caps of credentials: so many recipients in an hour and in a day, exact also over a restart.

Hours are those of the clock, days those of the account's time zone. What a credential takes is a guarded row in the message's own transaction, so many submissions at
once never take more. Credentials without caps cost nothing here.
"""

import datetime as dt
from collections.abc import Callable, Container, Sequence

from mta.intake.ports import SubmissionPolicy
from mta.model.envelope import Identity
from mta.model.reply import Reply
from mta.store.work import Rows

HOUR_MS = 3_600_000
_FIRST_DAY = dt.date(1970, 1, 1).toordinal()
CAP_REACHED = Reply.of(
    450, "4.7.1", "Hourly or daily limit of this credential reached, try again later"
)


class CredentialCaps:
    """The intake's policy: that of the bag, and caps before it."""

    def __init__(self, bag: SubmissionPolicy, zone_of: Callable[[int], dt.tzinfo]) -> None:
        """`zone_of(account)`: whose days count."""
        self._bag = bag
        self._zone_of = zone_of

    def check_recipient(self, identity: Identity, count: int) -> Reply | None:
        """A refusal of what no hour or day could hold, or the bag's."""
        if 0 < identity.per_hour < count or 0 < identity.per_day < count:
            return CAP_REACHED
        return self._bag.check_recipient(identity, count)

    def addressees(self, account_id: int) -> Container[str] | None:
        """As the bag says."""
        return self._bag.addressees(account_id)

    def admit(
        self, identity: Identity, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        """The bag's rows, and those of the caps."""
        rows = self._bag.admit(identity, flow, message_id, charged, now_ms)
        if isinstance(rows, Reply) or not charged or not (identity.per_hour or identity.per_day):
            return rows
        number = identity.credential_id
        taken: list[tuple[str, int, int, int]] = []
        if identity.per_hour:
            taken.append((f"{number}h", now_ms // HOUR_MS, identity.per_hour, charged))
        if identity.per_day:
            today = dt.datetime.fromtimestamp(now_ms / 1000, self._zone_of(identity.account_id))
            day = today.toordinal() - _FIRST_DAY
            taken.append((f"{number}d", day, identity.per_day, charged))
        return (*rows, Rows("credential_take", taken, expect=len(taken)))

    def expand(
        self, account_id: int, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        """Campaigns have no credential: as the bag says."""
        return self._bag.expand(account_id, flow, message_id, charged, now_ms)

    def guard_refusal(self, identity: Identity, charged: int) -> Reply:
        """The bag's refusal where it is empty, else the cap's."""
        if not (identity.per_hour or identity.per_day):
            return self._bag.guard_refusal(identity, charged)
        return self._bag.check_recipient(identity, charged) or CAP_REACHED
