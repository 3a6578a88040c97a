"""Sessions over a real store: found by their id alone, ended in time, by hand and by changes."""

import asyncio
from pathlib import Path

import pytest

from console.accounts.permissions import Permission
from console.accounts.signin.sessions import ABSOLUTE_S, CHECK_S, IDLE_S, WRITE_USE_S, Sessions
from console.accounts.values import Role
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, World, open_world

EMAIL = "ana@example.org"


@pytest.fixture
async def world(tmp_path: Path):
    async with open_world(tmp_path) as world:
        account = await world.accounts.add(OPERATOR, "Principal")
        await world.accounts.users.add(OPERATOR, EMAIL, Role.VIEWER, account.id, "correcto caballo")
        yield world


async def _user(world: World) -> int:
    return next(u.id for u in await world.accounts.users.list(OPERATOR) if u.email == EMAIL)


async def _open(world: World) -> str:
    return await world.sign_in.sessions.open(
        await _user(world), address="192.0.2.1", agent="Firefox", has_factor=False
    )


def _restarted(world: World) -> Sessions:
    """What another process would know."""
    return Sessions(world.store, world.clock)


async def test_a_session_is_found_by_its_id_alone(world: World):
    sessions = world.sign_in.sessions
    identifier = await _open(world)
    found = await sessions.find(identifier)
    assert found is not None
    assert found.email == EMAIL
    assert await sessions.find(identifier[:-1]) is None
    assert await sessions.find("") is None
    assert await sessions.find(found.digest) is None


async def test_a_session_outlives_a_restart_with_the_same_token(world: World):
    identifier = await _open(world)
    before = await world.sign_in.sessions.find(identifier)
    after = await _restarted(world).find(identifier)
    assert before is not None
    assert after is not None
    assert after.csrf_token == before.csrf_token
    assert after.address == "192.0.2.1"


async def test_neither_memory_nor_database_has_the_id(world: World):
    identifier = await _open(world)
    token = (await world.sign_in.sessions.find(identifier)).csrf_token
    assert identifier not in repr(vars(world.sign_in.sessions))
    data = b"".join(file.read_bytes() for file in world.folder.glob("*.db*"))
    assert data
    assert identifier.encode() not in data
    assert token.encode() not in data


@pytest.mark.parametrize("is_cached", [True, False])
async def test_a_session_ends_when_it_is_not_used(world: World, is_cached: bool):
    identifier = await _open(world)
    sessions = world.sign_in.sessions if is_cached else _restarted(world)
    world.clock.advance(IDLE_S - 1)
    assert await sessions.find(identifier) is not None
    world.clock.advance(IDLE_S - 1)
    assert await sessions.find(identifier, is_use=False) is not None
    world.clock.advance(1)
    assert await sessions.find(identifier) is None
    assert await _restarted(world).find(identifier) is None


async def test_the_database_knows_of_the_last_use_within_a_minute(world: World):
    identifier = await _open(world)
    world.clock.advance(IDLE_S - 1)
    await world.sign_in.sessions.find(identifier)
    while world.store.stats().waiting:
        await asyncio.sleep(0)
    world.clock.advance(WRITE_USE_S)
    assert await _restarted(world).find(identifier) is not None


async def test_a_session_ends_after_half_a_day_however_busy(world: World):
    identifier = await _open(world)
    for _ in range(round(ABSOLUTE_S / IDLE_S * 2) - 1):
        world.clock.advance(IDLE_S / 2)
        assert await world.sign_in.sessions.find(identifier) is not None
    world.clock.advance(IDLE_S / 2)
    assert await world.sign_in.sessions.find(identifier) is None


async def test_all_others_end_and_this_one_stays(world: World):
    sessions = world.sign_in.sessions
    mine, other = await _open(world), await _open(world)
    session = await sessions.find(mine)
    assert session is not None
    assert len(await sessions.of_user(session.user_id)) == 2
    await sessions.close_of_user(session.user_id, keep=session.digest)
    assert await sessions.find(other) is None
    assert await sessions.find(mine) is session


async def test_a_page_costs_no_read(world: World, monkeypatch: pytest.MonkeyPatch):
    identifier = await _open(world)
    await world.sign_in.sessions.find(identifier)

    async def read(*_args: object, **_params: object) -> list[tuple[object, ...]]:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(world.store, "read", read)
    assert await world.sign_in.sessions.find(identifier) is not None


async def test_a_change_of_roles_changes_the_id_and_what_may_be_done(world: World):
    sessions = world.sign_in.sessions
    identifier = await _open(world)
    session = await sessions.find(identifier)
    assert session is not None
    other = await world.accounts.add(OPERATOR, "Otra")
    assert not session.actor.sees(other.id)
    await world.store.submit(
        [Rows("membership_insert", [(session.user_id, other.id, Role.OWNER, 1)], expect=1)]
    )
    sessions.person_changed(session.user_id, must_renew=True)
    assert await sessions.find(identifier) is session
    assert session.must_renew
    assert session.actor.may(Permission.ACCOUNT_MANAGE, other.id)
    renewed = await sessions.renew(session)
    assert renewed != identifier
    assert await sessions.find(renewed) is session
    assert await sessions.find(identifier) is session  # what was under way comes in
    world.clock.advance(31)
    assert await sessions.find(identifier) is None
    assert await _restarted(world).find(identifier) is None


async def test_what_nobody_told_is_seen_within_a_minute(world: World):
    identifier = await _open(world)
    await world.sign_in.sessions.find(identifier)
    await world.store.submit([Rows("user_state", [(await _user(world), "disabled")], expect=1)])
    world.clock.advance(CHECK_S)
    assert await world.sign_in.sessions.find(identifier) is None


async def test_old_sessions_are_swept_out(world: World):
    await _open(world)
    world.clock.advance(IDLE_S)
    await _open(world)
    rows = await world.store.read("session_of_user", user=await _user(world))
    assert len(rows) == 1
