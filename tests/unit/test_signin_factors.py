"""Second factors: codes are taken once, recovery codes too, and nothing readable is stored."""

from pathlib import Path

import pyotp
import pytest

from console.accounts.signin.factors import RECOVERY_CODES, STEP_S, SecondFactors
from console.accounts.signin.throttle import (
    FORGET_S,
    FREE_PER_NAME,
    FREE_PER_NETWORK,
    MAX_DELAY_S,
    Throttle,
)
from console.accounts.values import Role
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR, World, open_world


@pytest.fixture
async def world(tmp_path: Path):
    async with open_world(tmp_path) as world:
        account = await world.accounts.add(OPERATOR, "Principal")
        await world.accounts.users.add(
            OPERATOR, "ana@example.org", Role.OWNER, account.id, "correcto c"
        )
        await world.accounts.users.add(
            OPERATOR, "eva@example.org", Role.OWNER, account.id, "correcto c"
        )
        yield world


async def _enrolled(world: World, user: int) -> tuple[pyotp.TOTP, list[str]]:
    enrolment = await world.sign_in.factors.begin(user, "ana@example.org", "Relevo")
    app = pyotp.TOTP(enrolment.secret)
    codes = await world.sign_in.factors.confirm(user, _code(world, app))
    assert len(codes) == RECOVERY_CODES
    return app, codes


def _code(world: World, app: pyotp.TOTP, steps: int = 0) -> str:
    return app.at(world.clock.now_ms() // 1000 + steps * STEP_S)


async def _users(world: World) -> list[int]:
    return [user.id for user in await world.accounts.users.list(OPERATOR)]


async def test_a_factor_is_active_only_after_its_first_code(world: World):
    user, _ = await _users(world)
    factors = world.sign_in.factors
    enrolment = await factors.begin(user, "ana@example.org", "Relevo")
    assert "issuer=Relevo" in enrolment.uri
    assert enrolment.qr_svg.startswith("<svg")
    assert not (await factors.state(user)).is_active
    assert not await factors.check(user, _code(world, pyotp.TOTP(enrolment.secret)))
    assert await factors.confirm(user, "000000") == []
    again = await factors.begin(user, "ana@example.org", "Relevo")
    assert again.secret == enrolment.secret  # the page may be loaded twice
    await _enrolled(world, user)
    assert (await factors.state(user)).is_active
    with pytest.raises(PermanentError):
        await factors.begin(user, "ana@example.org", "Relevo")


async def test_a_code_is_taken_once(world: World):
    user, _ = await _users(world)
    app, _ = await _enrolled(world, user)
    factors = world.sign_in.factors
    assert not await factors.check(user, _code(world, app))  # the one that confirmed
    world.clock.advance(STEP_S)
    code = _code(world, app)
    assert await factors.check(user, f" {code[:3]} {code[3:]} ")
    assert not await factors.check(user, code)
    assert not await factors.check(user, _code(world, app, -1))


async def test_codes_beside_the_present_one_count_for_clocks_that_differ(world: World):
    user, _ = await _users(world)
    app, _ = await _enrolled(world, user)
    world.clock.advance(10 * STEP_S)
    assert not await world.sign_in.factors.check(user, _code(world, app, -2))
    assert not await world.sign_in.factors.check(user, _code(world, app, 2))
    assert await world.sign_in.factors.check(user, _code(world, app, -1))
    assert await world.sign_in.factors.check(user, _code(world, app, 1))


async def test_a_recovery_code_works_once_for_its_person(world: World):
    ana, eva = await _users(world)
    _, codes = await _enrolled(world, ana)
    await _enrolled(world, eva)
    factors = world.sign_in.factors
    assert not await factors.check(eva, codes[0])
    assert await factors.check(ana, codes[0].upper().replace("-", " "))
    assert not await factors.check(ana, codes[0])
    assert (await factors.state(ana)).codes_left == RECOVERY_CODES - 1
    new = await factors.renew_codes(ana)
    assert not await factors.check(ana, codes[1])
    assert await factors.check(ana, new[1])


async def test_nothing_that_is_stored_gives_a_code(world: World):
    user, other = await _users(world)
    app, codes = await _enrolled(world, user)
    data = b"".join(file.read_bytes() for file in world.folder.glob("*.db*"))
    assert app.secret.encode() not in data
    assert codes[0].replace("-", "").encode() not in data
    stolen = SecondFactors(world.store, world.clock, bytes(range(32)))
    world.clock.advance(STEP_S)
    with pytest.raises(PermanentError):
        await stolen.check(user, _code(world, app))
    assert not await world.sign_in.factors.check(other, _code(world, app))


def test_the_wait_doubles_and_ends_at_a_quarter_of_an_hour():
    throttle = Throttle()
    now, waits = 0.0, []
    for _ in range(20):
        throttle.failed("ana@example.org", "192.0.2.1", now)
        waits.append(throttle.wait_s("ana@example.org", "198.51.100.9", now))
        now += waits[-1]
    assert waits[: FREE_PER_NAME + 2] == [0, 0, 1, 2, 4]
    assert waits[-1] == MAX_DELAY_S
    assert throttle.wait_s("eva@example.org", "198.51.100.9", now - 1) == 0
    throttle.failed("ana@example.org", "x", now + FORGET_S + 1)
    assert throttle.wait_s("ana@example.org", "y", now + FORGET_S + 1) == 0


def test_a_network_that_tries_many_names_waits_too():
    throttle = Throttle()
    for number in range(FREE_PER_NETWORK):
        throttle.failed(f"u{number}@example.org", "192.0.2.1", 0.0)
    assert throttle.wait_s("somebody@example.org", "192.0.2.1", 0.0) == 1.0
    throttle.succeeded("u1@example.org")
    assert throttle.wait_s("somebody@example.org", "192.0.2.1", 0.0) == 1.0
