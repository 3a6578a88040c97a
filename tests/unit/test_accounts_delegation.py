"""Keys that make keys give none of what they have not, neither by scopes nor by missing limits."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.actors import Actors
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Limits, Role, Scope
from tests.accounts_world import OPERATOR, open_world

MAKES = frozenset((Scope.CREDENTIAL_MANAGE, Scope.SEND))
OFFICE = (ip_network("192.0.2.0/24"),)


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as world:
        yield world


async def maker(world, limits: Limits, expires_ms: int = 0) -> tuple[Actor, int]:
    """A key with those limits, as it acts, and its account."""
    account = (await world.accounts.add(OPERATOR, "Ministerio")).id
    new = await world.accounts.credentials.add(
        OPERATOR, account, "hacedora", limits, expires_ms=expires_ms
    )
    identity, _ = world.authenticator.check_key(new.secret, "192.0.2.7")
    return Actors(world.store, world.authenticator).of_identity(identity), account


@pytest.mark.parametrize(
    "scope", [Scope.SEND_URGENT, Scope.NULL_SENDER, Scope.MAIL_VIEW, Scope.QUOTA_MOVE]
)
async def test_a_key_gives_no_scope_that_it_has_not(world, scope):
    actor, account = await maker(world, Limits(MAKES))
    with pytest.raises(NotPermitted, match="cannot give it to a key"):
        await world.accounts.credentials.add(actor, account, "x", Limits(frozenset((scope,))))
    assert len(await world.accounts.credentials.list(OPERATOR, account)) == 1


@pytest.mark.parametrize("scope", [Scope.SEND_URGENT, Scope.NULL_SENDER, Scope.MAIL_VIEW])
async def test_a_key_gives_what_it_has(world, scope):
    actor, account = await maker(world, Limits(MAKES | {scope}))
    new = await world.accounts.credentials.add(actor, account, "x", Limits(frozenset((scope,))))
    assert new.credential.limits.scopes == {scope}


@pytest.mark.parametrize("scope", [Scope.SEND_URGENT, Scope.NULL_SENDER])
async def test_only_who_manages_the_account_lets_a_key_go_first_or_write_as_nobody(world, scope):
    account = (await world.accounts.add(OPERATOR, "Ministerio")).id
    credentials, limits = world.accounts.credentials, Limits(frozenset((Scope.SEND, scope)))
    integrator = Actor(ActorKind.USER, 5, "ivo", {account: PERMISSIONS[Role.INTEGRATOR]})
    with pytest.raises(NotPermitted, match="only who manages the account"):
        await credentials.add(integrator, account, "x", limits)
    assert await credentials.list(OPERATOR, account) == []
    owner = Actor(ActorKind.USER, 6, "ona", {account: PERMISSIONS[Role.OWNER]})
    assert (await credentials.add(owner, account, "x", limits)).credential.limits == limits


async def test_a_key_gets_no_stronger_keys_secret_by_rotating_it(world):
    actor, account = await maker(world, Limits(MAKES))
    strong = await world.accounts.credentials.add(
        OPERATOR, account, "códigos", Limits(frozenset((Scope.SEND_URGENT,)))
    )
    with pytest.raises(NotPermitted):
        await world.accounts.credentials.rotate(actor, strong.credential)


async def test_a_test_key_makes_test_keys(world):
    actor, account = await maker(world, Limits(MAKES - {Scope.SEND} | {Scope.TEST}))
    with pytest.raises(NotPermitted, match="test key"):
        await world.accounts.credentials.add(actor, account, "x", Limits())
    await world.accounts.credentials.add(actor, account, "x", Limits(frozenset((Scope.TEST,))))


LIMITED = [
    ({"sender_domains": frozenset(("a.example",))}, {"sender_domains": frozenset(("b.example",))}),
    ({"networks": OFFICE}, {"networks": (ip_network("192.0.0.0/16"),)}),
    ({"networks": OFFICE}, {"networks": (ip_network("2001:db8::/32"),)}),
    ({"rate_per_minute": 10}, {"rate_per_minute": 11}),
    ({"per_hour": 10}, {"per_hour": 11}),
    ({"per_day": 10}, {"per_day": 11}),
]


@pytest.mark.parametrize(("own", "wider"), LIMITED)
async def test_a_limited_key_makes_keys_with_its_limits(world, own, wider):
    actor, account = await maker(world, Limits(MAKES, **own))
    credentials = world.accounts.credentials
    for limits in (Limits(), Limits(**wider)):
        with pytest.raises(NotPermitted, match=next(iter(own))):
            await credentials.add(actor, account, "x", limits)
    await credentials.add(actor, account, "x", Limits(**own))
    narrow = replace(Limits(**own), networks=(ip_network("192.0.2.7/32"),))
    await credentials.add(actor, account, "y", narrow)


async def test_what_a_key_makes_does_not_outlive_it(world):
    ends = world.clock.now_ms() + 1000
    actor, account = await maker(world, Limits(MAKES), ends)
    for expires_ms in (0, ends + 1):
        with pytest.raises(NotPermitted, match="expires"):
            await world.accounts.credentials.add(actor, account, "x", expires_ms=expires_ms)
    await world.accounts.credentials.add(actor, account, "x", expires_ms=ends)
