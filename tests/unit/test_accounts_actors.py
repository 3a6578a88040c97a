"""The actor of a request: a person's roles or a credential's scopes, as they are now."""

from console.accounts.actor import ActorKind
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
