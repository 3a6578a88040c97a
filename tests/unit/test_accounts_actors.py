"""The actor of a request: a person's roles or a credential's scopes, as they are now."""

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.actors import Actors
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.values import Limits, Role, Scope
from tests.accounts_world import OPERATOR, open_world


async def test_a_person_acts_with_his_roles_as_they_are_at_that_moment(tmp_path):
    async with open_world(tmp_path) as world:
        main = await world.accounts.add(OPERATOR, "Agencia")
        sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
        users, actors = world.accounts.users, Actors(world.store, world.authenticator)
        number, _ = await users.add(OPERATOR, "ana@example.org", Role.VIEWER, main.id)
        actor = await actors.of_user(number, address="192.0.2.1", agent="Firefox")
        assert (actor.kind, actor.id, actor.name) == (ActorKind.USER, number, "ana@example.org")
        assert (actor.address, actor.agent) == ("192.0.2.1", "Firefox")
        assert actor.grants == dict.fromkeys((main.id, sub.id), PERMISSIONS[Role.VIEWER])
        await users.change_role(OPERATOR, "ana@example.org", main.id, Role.SENDER)
        assert (await actors.of_user(number)).may(Permission.MAIL_SEND, sub.id)
        await users.disable(OPERATOR, "ana@example.org")
        assert await actors.of_user(number) is None
        await users.unlock(OPERATOR, "ana@example.org")
        await users.remove(OPERATOR, "ana@example.org", main.id)
        assert await actors.of_user(number) is None
        assert await actors.of_user(12345) is None


async def test_a_credential_acts_in_its_own_account_alone(tmp_path):
    async with open_world(tmp_path) as world:
        main = await world.accounts.add(OPERATOR, "Agencia")
        sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
        actors = Actors(world.store, world.authenticator)
        limits = Limits(frozenset((Scope.SEND, Scope.SEND_URGENT)))
        new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP", limits)
        identity = world.authenticator.check_password(new.credential.username, new.secret, "::1")
        actor = actors.of_identity(identity, address="::1")
        assert actor.grants == {main.id: {Permission.MAIL_SEND}}
        assert not actor.sees(sub.id)
        await world.accounts.credentials.revoke(OPERATOR, new.credential)
        assert not actors.of_identity(identity).grants


async def test_what_a_key_may_do_with_accounts_and_quota_holds_below_and_nothing_else(tmp_path):
    async with open_world(tmp_path) as world:
        main = await world.accounts.add(OPERATOR, "Agencia")
        sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
        other = await world.accounts.add(OPERATOR, "Vecino")
        actors = Actors(world.store, world.authenticator)
        limits = Limits(frozenset((Scope.SEND, Scope.MAIL_VIEW, Scope.QUOTA_MOVE)))
        new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP", limits)
        found = world.authenticator.check_key(new.secret, "::1")
        assert found is not None
        actor = actors.of_identity(found[0])
        assert actor.grants[sub.id] == {Permission.QUOTA_MOVE, Permission.QUOTA_VIEW}
        assert Permission.MAIL_VIEW in actor.grants[main.id]
        assert not actor.sees(other.id)
        below = await world.accounts.credentials.add(OPERATOR, sub.id, "Sub", limits)
        found = world.authenticator.check_key(below.secret, "::1")
        assert found is not None
        assert not actors.of_identity(found[0]).sees(main.id)


async def test_nobody_gives_a_key_what_he_may_not_do_himself(tmp_path):
    async with open_world(tmp_path) as world:
        account = await world.accounts.add(OPERATOR, "Shop")
        integrator = Actor(
            ActorKind.USER, 7, "i@example.org", {account.id: PERMISSIONS[Role.INTEGRATOR]}
        )
        credentials = world.accounts.credentials
        for scope in (Scope.USER_MANAGE, Scope.QUOTA_MOVE, Scope.EXPORT, Scope.ANY_SENDER):
            strong = Limits(scopes=frozenset({Scope.SEND, scope}))
            with pytest.raises(NotPermitted):
                await credentials.add(integrator, account.id, "x", strong)
        own = Limits(scopes=frozenset({Scope.SEND, Scope.WEBHOOK_MANAGE}))
        made = await credentials.add(integrator, account.id, "own", own)
        assert made.credential.limits.scopes == own.scopes
        strong = Limits(scopes=frozenset({Scope.USER_MANAGE}))
        by_operator = await credentials.add(OPERATOR, account.id, "strong", strong)
        with pytest.raises(NotPermitted):  # its successor's secret would be his
            await credentials.rotate(integrator, by_operator.credential)
