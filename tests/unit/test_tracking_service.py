"""What an account tracks and by which domain: chosen by who may, proved by the DNS, written down."""

import json

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from console.tracking.accounts import TrackingAccounts, TrackingMode
from console.tracking.instrumenting import TrackingOptions
from console.tracking.recheck import TrackingRecheck
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
-- name: test_events
SELECT data FROM event ORDER BY id;
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
            store, trail, self.accounts, self.alias, self.has_tls, "correo.example.org", clock
        )
        self.service.tell = self.note
        self.told: list[tuple[str, str]] = []
        self.clock = clock
        self.without_tls: set[str] = set()

    async def has_tls(self, name: str) -> bool:
        return name not in self.without_tls

    async def note(self, chosen) -> None:
        self.told.append((chosen.domain, chosen.problem))

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


async def test_a_domain_that_breaks_is_told_once_and_its_links_are_ours_until_it_is_back(world):
    name, target = "t.entidad.example", "correo.example.org"
    await world.service.set_domain(OWNER, 7, name)
    recheck = TrackingRecheck(world.service, world.clock)
    assert await recheck.look() == 0  # looked at just now
    world.clock.advance(600)
    world.aliases[name] = target
    assert await recheck.look() == 1
    assert world.told == []  # it never worked before
    assert world.accounts.options(7, True, True).base == f"https://{name}"
    world.clock.advance(3_600)
    world.without_tls.add(name)
    assert await recheck.look() == 1
    assert world.accounts.options(7, True, True).base == BASE
    assert (await world.service.get(OWNER, 7)).chosen.failing_ms == world.clock.now_ms()
    world.clock.advance(600)
    assert await recheck.look() == 1  # often, while it is broken
    world.without_tls.clear()
    world.clock.advance(600)
    await recheck.look()
    assert world.accounts.options(7, True, True).base == f"https://{name}"
    assert world.told == [(name, "no_tls"), (name, "")]
    rows = await world.store.read("test_events")
    assert [json.loads(data)["state"] for (data,) in rows] == ["failing", "verified"]


async def test_a_look_without_an_answer_leaves_the_others_to_be_looked_at(world):
    world.aliases["t.entidad.example"] = "correo.example.org"
    await world.service.set_domain(OWNER, 7, "t.entidad.example")
    world.is_dns_down = True
    world.clock.advance(3_600)
    assert await TrackingRecheck(world.service, world.clock).look() == 1
    assert world.accounts.options(7, True, True).base == "https://t.entidad.example"


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
