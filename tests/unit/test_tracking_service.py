"""What an account tracks and by which domain: chosen by who may, proved by the DNS, written down."""

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from console.tracking.accounts import TrackingAccounts, TrackingMode
from console.tracking.instrumenting import TrackingOptions
from console.tracking.service import TrackingService
from mta.model.clock import ManualClock
from mta.model.errors import PermanentError, TransientError
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import Rows

BASE = "https://correo.example.org"
SETUP = """
-- name: test_domain
-- order: 5
INSERT INTO sending_domain (domain, account, shared, state, created_ms)
SELECT value->>0, value->>1, 1, value->>2, 1 FROM json_each(:rows);
"""


def person(role: Role, account: int = 7) -> Actor:
    return Actor(ActorKind.USER, 3, "ana", {account: PERMISSIONS[role]})


OWNER = person(Role.OWNER)


class World:
    def __init__(self, store, clock) -> None:
        self.store = store
        self.aliases: dict[str, str] = {}
        self.is_dns_down = False
        ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        self.accounts = TrackingAccounts(store, BASE)
        trail = AuditTrail(store, ids, clock, ChainKey(bytes(32)))
        self.service = TrackingService(
            store, trail, self.accounts, self.alias, "correo.example.org"
        )

    async def alias(self, name: str) -> str | None:
        if self.is_dns_down:
            raise TransientError("timeout")
        return self.aliases.get(name)


@pytest.fixture
async def world(tmp_path):
    clock = ManualClock()
    names = ("mta.spool", "console.accounts", "console.accounts.audit", "console.tracking")
    packages = [StatementPackage.of(name) for name in names]
    packages.append(StatementPackage("tests", (SqlFile("tests", "", SETUP),), ()))
    store = await SqliteStore.open(tmp_path, packages, clock=clock)
    await store.submit([Rows("account_insert", [account_row(number) for number in (7, 8)])])
    rows = [
        ("entidad.example", 7, "active"),
        ("otra.example", 8, "active"),
        ("aun.example", 7, "pending"),
    ]
    await store.submit([Rows("test_domain", rows)])
    yield World(store, clock)
    await store.close()


def account_row(number: int):
    return (number, None, f"a{number}", "main", "active", 1)


async def test_without_a_choice_links_are_made_with_the_servers_address(world):
    status = await world.service.get(OWNER, 7)
    assert (status.chosen.mode, status.chosen.domain) == (TrackingMode.FULL, "")
    assert world.accounts.options(7, True, False) == TrackingOptions(BASE, True, False, False)
    assert world.accounts.options(7, False, False) is None


async def test_a_domain_is_used_once_it_points_at_us(world):
    status = await world.service.set_domain(OWNER, 7, "T.entidad.example")
    assert (status.chosen.domain, status.chosen.is_verified) == ("t.entidad.example", False)
    assert world.accounts.options(7, True, True).base == BASE
    world.aliases["t.entidad.example"] = "correo.example.org"
    assert (await world.service.check(OWNER, 7)).chosen.is_verified
    assert world.accounts.options(7, True, True).base == "https://t.entidad.example"
    assert world.accounts.options(8, True, True).base == BASE
    world.aliases["t.entidad.example"] = "elsewhere.example"
    status = await world.service.check(OWNER, 7)
    assert (status.chosen.is_verified, status.found) == (False, "elsewhere.example")
    await world.service.set_domain(OWNER, 7, "")
    assert (await world.service.get(OWNER, 7)).chosen.domain == ""


async def test_without_an_answer_of_the_dns_what_was_known_stays(world):
    world.aliases["t.entidad.example"] = "correo.example.org"
    await world.service.set_domain(OWNER, 7, "t.entidad.example")
    world.is_dns_down = True
    with pytest.raises(TransientError):
        await world.service.check(OWNER, 7)
    assert world.accounts.options(7, True, True).base == "https://t.entidad.example"


@pytest.mark.parametrize(
    "name",
    [
        "t.otra.example",
        "t.aun.example",
        "entidad.example",
        "xentidad.example",
        "no such",
        "[1.2.3.4]",
    ],
)
async def test_a_domain_lies_below_one_that_the_account_sends_from(world, name):
    with pytest.raises(PermanentError):
        await world.service.set_domain(OWNER, 7, name)


async def test_modes_hold_for_the_account_and_outlive_a_restart(world):
    await world.service.set_mode(OWNER, 7, TrackingMode.ANONYMOUS)
    assert world.accounts.options(7, True, True).is_anonymous
    await world.service.set_mode(OWNER, 7, TrackingMode.OFF)
    again = TrackingAccounts(world.store, BASE)
    await again.load()
    assert again.options(7, True, True) is None
    assert again.options(8, True, True) is not None


async def test_only_who_manages_the_accounts_domains_chooses(world):
    viewer, stranger = person(Role.VIEWER), person(Role.OWNER, 8)
    for actor in (viewer, stranger):
        with pytest.raises((NotPermitted, NotVisible)):
            await world.service.set_mode(actor, 7, TrackingMode.OFF)
        with pytest.raises((NotPermitted, NotVisible)):
            await world.service.set_domain(actor, 7, "")
    with pytest.raises((NotPermitted, NotVisible)):
        await world.service.check(stranger, 7)
    assert world.accounts.options(7, True, True) is not None
