"""All services over a real store, a small tree of accounts, and rows of the matrix."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2

from console.accounts.actor import Actor, ActorKind, expand_grants
from console.accounts.permissions import Permission
from console.accounts.ports import MailAttachment, SystemMail
from console.accounts.values import Role
from console.app.services import PACKAGES, Services
from mta.engine.foundation import open_foundation
from mta.model.errors import PermanentError
from mta.settings.loading import load_settings
from tests.accounts_world import OPERATOR

# Where an account lies from an actor whose role holds in `own`.
PLACES = ("own", "below", "above", "other")
WITHIN = ("own", "below")


@dataclass
class Stand:
    """Services and the accounts `top` → `own` → `below`, and `other`, a main account of others."""

    services: Services
    accounts: dict[str, int]
    subs: dict[int, int]  # an account below each of them
    _made: int = field(default=0)
    _kept: dict[str, Any] = field(default_factory=dict)

    def actor(self, role: Role) -> Actor:
        """A person with that role in `own`."""
        return Actor(ActorKind.USER, 4242, f"{role}@example.org", self._grants[role])

    async def load(self) -> None:
        """Expand the grants; after the accounts were made."""
        known = await self.services.accounts.list(OPERATOR)
        own = self.accounts["own"]
        self._grants = {role: expand_grants([(own, role)], known) for role in Role}

    async def once(self, key: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` gave the first time: for things that take long, or that one has few of."""
        if key not in self._kept:
            self._kept[key] = await make()
        return self._kept[key]

    def forget(self, key: str) -> None:
        """Make it anew the next time."""
        self._kept.pop(key, None)

    def name(self) -> str:
        """One that nobody has."""
        self._made += 1
        return f"thing {self._made}"

    def domain(self) -> str:
        """One that nobody has."""
        self._made += 1
        return f"d{self._made}.example.org"


Make = Callable[[Stand, int], Awaitable[Any]]
Call = Callable[[Stand, Actor, int, Any], Any]


@dataclass(frozen=True)
class Row:
    """One method: what it asks for and how to call it.

    `make(stand, account)` prepares, as the operator, what the call is about; its result goes into
    `call(stand, actor, account, made)`, which gives an awaitable. Whoever may is not refused
    (whatever else goes wrong then); whoever may not is, and never learns of accounts of others.
    """

    method: str  # "AccountService.rename"
    permission: Permission | None  # None: operators only
    call: Call
    make: Make | None = None
    also: Permission | None = None  # this one does as well
    above: bool = False  # the permission is asked for in the account above
    lists: bool = False  # never refuses: gives, truthy or not, what the actor may see


async def _offline(*_: object) -> None:
    raise PermanentError("no network in this test")


async def _no_key(_: str) -> str:
    return ""


async def _no_guide(*_: object) -> MailAttachment:
    """Without making a PDF."""
    return MailAttachment("guide.pdf", "application/pdf", b"")


class Post:
    """Takes system mail and throws it away."""

    async def send(self, mail: SystemMail) -> int:
        return 1


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[Stand]:
    """Everything that a server is made of, without a listener."""
    loaded = load_settings(
        None,
        {
            "RELEVO_SERVER__DATA_DIR": str(folder / "queue"),
            "RELEVO_SERVER__DKIM_DIR": str(folder / "dkim"),
            "RELEVO_DELIVERY__NAMESERVERS": '["127.0.0.1:9"]',
        },
    )
    (folder / "queue").mkdir(mode=0o700)
    (folder / "dkim").mkdir(mode=0o700)
    foundation = await open_foundation(loaded, PACKAGES)
    services = Services(foundation)
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    services.hasher._hasher = cheap  # some hundred people are made
    services.areas.webhooks.poster.post = _offline
    services.areas.domains.service._checker.look = _offline
    services.areas.domains.service._make_key = _no_key  # RSA keys take their time
    services.people.invitations.mailer = Post()
    services.people.invitations._made = _no_guide
    try:
        await services.load()
        accounts = services.accounts
        top = (await accounts.add(OPERATOR, "top")).id
        own = (await accounts.add(OPERATOR, "own", parent=top)).id
        below = (await accounts.add(OPERATOR, "below", parent=own)).id
        other = (await accounts.add(OPERATOR, "other")).id
        subs = {
            number: (await accounts.add(OPERATOR, "sub", parent=number)).id
            for number in (top, own, below, other)
        }
        tree = {"top": top, "above": top, "own": own, "below": below, "other": other}
        stand = Stand(services, tree, subs)
        await stand.load()
        yield stand
    finally:
        await services.areas.close()
        services.close()
        await foundation.store.close()
