"""Who may sign in: `UserService.authenticate` over a real store."""

from pathlib import Path

import pytest

from console.accounts.users import LOCK_S, MAX_FAILURES
from console.accounts.values import Role
from tests.accounts_world import OPERATOR, World, open_world

EMAIL = "ana@example.org"
PASSWORD = "correcto caballo"


@pytest.fixture
async def world(tmp_path: Path):
    async with open_world(tmp_path) as world:
        account = await world.accounts.add(OPERATOR, "Principal")
        await world.accounts.users.add(OPERATOR, EMAIL, Role.ADMINISTRATOR, account.id, PASSWORD)
        yield world


async def enters(world: World, email: str = EMAIL, password: str = PASSWORD) -> bool:
    return await world.accounts.users.authenticate(email, password) is not None


async def test_the_right_password_gives_the_person_with_roles(world: World):
    user = await world.accounts.users.authenticate("Ana@Example.ORG", PASSWORD)
    assert user is not None
    assert user.email == EMAIL
    assert [membership.role for membership in user.memberships] == [Role.ADMINISTRATOR]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "otra cosa"),
        (EMAIL, ""),
        ("nadie@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ],
)
async def test_everything_else_is_refused(world: World, email: str, password: str):
    assert not await enters(world, email, password)


async def test_a_disabled_person_is_refused(world: World):
    await world.accounts.users.disable(OPERATOR, EMAIL)
    assert not await enters(world)


async def test_failures_in_a_row_lock_for_a_while(world: World):
    for _ in range(MAX_FAILURES):
        assert not await enters(world, password="falso")
    assert not await enters(world)
    world.clock.advance(LOCK_S + 1)
    assert await enters(world)


async def test_a_good_sign_in_forgets_the_failures_before(world: World):
    for _ in range(2):
        for _ in range(MAX_FAILURES - 1):
            assert not await enters(world, password="falso")
        assert await enters(world)


async def test_unlock_ends_a_lock(world: World):
    for _ in range(MAX_FAILURES):
        await enters(world, password="falso")
    await world.accounts.users.unlock(OPERATOR, EMAIL)
    assert await enters(world)


async def test_somebody_unknown_costs_the_same_hash(world: World):
    hasher = world.accounts.users._hasher
    assert await hasher.verify(None, "x") is False
    assert hasher._hasher.check_needs_rehash(hasher._nobody) is False
