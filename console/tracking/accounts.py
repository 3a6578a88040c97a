"""What each account tracks and by which address: its mode and its own domain, in memory."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from console.tracking.instrumenting import TrackingOptions
from mta.store.base import Store
from mta.store.work import Rows

# What is tracked for an account that asks for opens and clicks; None: nothing.
OptionsOf = Callable[[int, bool, bool], TrackingOptions | None]


class TrackingMode(StrEnum):
    """How much an account may learn; stored."""

    FULL = "full"
    ANONYMOUS = "anonymous"  # totals only: links name no recipient
    OFF = "off"  # nothing, whatever a message asks for


class Problem(StrEnum):
    """Why a domain is not used; stored."""

    NO_CNAME = "no_cname"  # there is none
    OTHER_CNAME = "other_cname"  # it points elsewhere
    NO_TLS = "no_tls"  # nobody answers there with a certificate for that name


class TrackingAccount(NamedTuple):
    """An account's choice."""

    account: int
    mode: TrackingMode = TrackingMode.FULL
    domain: str = ""  # '': the address of the installation
    is_verified: bool = False  # the domain leads to us: links are made with it
    checked_ms: int = 0  # when that was last looked at; 0: never
    failing_ms: int = 0  # since when it leads here no more, although it did; 0: it does
    problem: str = ""  # why it is not verified: `Problem`


class TrackingAccounts:
    """The choices of all accounts."""

    def __init__(self, store: Store, base: str) -> None:
        """`base`: `https://host` of the installation; empty: only own domains can be used."""
        self._store = store
        self._base = base
        self._by_account: dict[int, TrackingAccount] = {}

    async def load(self) -> None:
        """Read them. Raises `StoreError`."""
        rows = await self._store.read("tracking_accounts")
        self._by_account = {
            account: TrackingAccount(account, TrackingMode(mode), domain, bool(verified), *seen)
            for account, mode, domain, verified, *seen in rows
        }

    def of(self, account: int) -> TrackingAccount:
        """The choice of an account; without one everything is as usual."""
        return self._by_account.get(account) or TrackingAccount(account)

    def options(self, account: int, opens: bool, clicks: bool) -> TrackingOptions | None:
        """How a message is tracked that asks for it; None: not at all."""
        chosen = self.of(account)
        base = f"https://{chosen.domain}" if chosen.is_verified else self._base
        if chosen.mode is TrackingMode.OFF or not base or not (opens or clicks):
            return None
        return TrackingOptions(base, opens, clicks, chosen.mode is TrackingMode.ANONYMOUS)

    def all(self) -> Sequence[TrackingAccount]:
        """Those that have chosen something."""
        return list(self._by_account.values())

    async def put(self, chosen: TrackingAccount, *joined: Rows) -> None:
        """Keep a choice, together with other rows. Raises `StoreError`."""
        row = (
            chosen.account, str(chosen.mode), chosen.domain, int(chosen.is_verified), *chosen[4:]
        )  # fmt: skip
        await self._store.submit([Rows("tracking_account_put", [row]), *joined])
        self._by_account[chosen.account] = chosen
