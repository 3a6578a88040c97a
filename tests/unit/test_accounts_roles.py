"""Roles are given, changed and taken under three rules; accounts are managed from above."""

from collections.abc import Sequence

import pytest

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.actors import Actors
from console.accounts.values import Account, AccountKind, Limits, Role, Scope, State
from mta.model.errors import PermanentError, TransientError
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, World, open_world


class Ender:
    """Notes whose sessions end, as the job is made and when it is durable."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def ending(self, user: int) -> Sequence[Rows]:
        self.calls.append(("ending", user))
        return ()

    def ended(self, user: int) -> None:
        self.calls.append(("ended", user))


class Bag:
    """Gives quota back by renaming: a row in the same job, refused at first if told so."""

    def __init__(self, refusals: int = 0) -> None:
        self.asked: list[list[str]] = []
        self.refusals = refusals

    async def on_disabled(self, actor: Actor, accounts: Sequence[Account]) -> Sequence[Rows]:
        self.asked.append([account.name for account in accounts])
        number = 12345 if self.refusals else accounts[0].id
        self.refusals -= bool(self.refusals)
        return [Rows("account_name", [(number, f"{accounts[0].name} (returned)")], expect=1)]

    async def on_accounts_changed(self) -> None:
        """The names alone matter here: test_accounts_service.py has the real bag."""


@pytest.fixture
def ender():
    return Ender()


@pytest.fixture
async def world(tmp_path, ender):
    async with open_world(tmp_path, sessions=ender) as world:
        world.main = await world.accounts.add(OPERATOR, "Agencia")
        world.sub = await world.accounts.add(OPERATOR, "Prensa", parent=world.main.id)
        world.other = await world.accounts.add(OPERATOR, "Municipio")
        yield world


async def _person(world: World, name: str, role: Role, account: Account) -> Actor:
    number, _ = await world.accounts.users.add(
        OPERATOR, f"{name}@example.org", role, account.id, "long enough"
    )
    actor = await Actors(world.store, world.authenticator).of_user(number)
    assert actor is not None
    return actor


async def _roles(world: World) -> dict[str, list[str]]:
    users = await world.accounts.users.list(OPERATOR)
    return {
        user.email.partition("@")[0]: [m.role.value for m in user.memberships] for user in users
    }


async def test_T_c_nobody_gives_a_role_above_his_own(world):
    ana = await _person(world, "ana", Role.ADMINISTRATOR, world.main)
    users = world.accounts.users
    with pytest.raises(NotPermitted):
        await users.add(ana, "bea@example.org", Role.OWNER, world.main.id)
    await users.add(ana, "bea@example.org", Role.ADMINISTRATOR, world.main.id)
    with pytest.raises(NotPermitted):
        await users.change_role(ana, "bea@example.org", world.main.id, Role.OWNER)


async def test_nobody_takes_a_role_above_his_own(world):
    await _person(world, "olga", Role.OWNER, world.main)
    await _person(world, "otto", Role.OWNER, world.main)
    ana = await _person(world, "ana", Role.ADMINISTRATOR, world.main)
    for call in (
        world.accounts.users.change_role(ana, "olga@example.org", world.main.id, Role.VIEWER),
        world.accounts.users.remove(ana, "olga@example.org", world.main.id),
        world.accounts.users.disable(ana, "olga@example.org"),
        world.accounts.users.reset(ana, "olga@example.org"),
    ):
        with pytest.raises(NotPermitted):
            await call


async def test_nobody_raises_himself_nor_changes_his_own_role(world):
    ana = await _person(world, "ana", Role.ADMINISTRATOR, world.main)
    for role in (Role.OWNER, Role.VIEWER):
        with pytest.raises(NotPermitted):
            await world.accounts.users.change_role(ana, "ana@example.org", world.main.id, role)
    with pytest.raises(NotPermitted):
        await world.accounts.users.add(ana, "ana@example.org", Role.OWNER, world.sub.id)
    with pytest.raises(NotPermitted):
        await world.accounts.users.disable(ana, "ana@example.org")


async def test_the_last_owner_stays_whoever_asks_and_leaving_is_free_for_others(world):
    olga = await _person(world, "olga", Role.OWNER, world.main)
    users = world.accounts.users
    for actor in (olga, OPERATOR):
        with pytest.raises(PermanentError, match="without an owner"):
            await users.remove(actor, "olga@example.org", world.main.id)
    with pytest.raises(PermanentError, match="without an owner"):
        await users.change_role(OPERATOR, "olga@example.org", world.main.id, Role.ADMINISTRATOR)
    otto = await _person(world, "otto", Role.OWNER, world.main)
    await users.disable(olga, "otto@example.org")  # who is disabled does not count
    with pytest.raises(PermanentError, match="without an owner"):
        await users.remove(olga, "olga@example.org", world.main.id)
    await users.unlock(OPERATOR, "otto@example.org")
    await users.remove(olga, "olga@example.org", world.main.id)
    assert await _roles(world) == {"olga": [], "otto": ["owner"]}
    viewer = await _person(world, "vera", Role.VIEWER, world.main)
    await users.remove(viewer, "vera@example.org", world.main.id)
    with pytest.raises(NotPermitted):
        await users.disable(otto, "otto@example.org")


async def test_an_owner_above_is_enough_for_a_sub_account(world):
    await _person(world, "olga", Role.OWNER, world.main)
    await _person(world, "sam", Role.OWNER, world.sub)
    await world.accounts.users.remove(OPERATOR, "sam@example.org", world.sub.id)


async def test_an_operator_may_disable_even_the_last_owner(world):
    await _person(world, "olga", Role.OWNER, world.main)
    await world.accounts.users.disable(OPERATOR, "olga@example.org")


async def test_a_person_of_two_main_accounts_belongs_to_neither_administrator(world):
    ana = await _person(world, "ana", Role.OWNER, world.main)
    await _person(world, "bea", Role.VIEWER, world.main)
    await world.accounts.users.add(OPERATOR, "bea@example.org", Role.VIEWER, world.other.id)
    users = world.accounts.users
    for call in (
        users.reset(ana, "bea@example.org"),
        users.disable(ana, "bea@example.org"),
        users.unlock(ana, "bea@example.org"),
    ):
        with pytest.raises(NotPermitted):
            await call
    (seen,) = [u for u in await users.list(ana) if u.email == "bea@example.org"]
    assert [m.account for m in seen.memberships] == [world.main.id], "not those of others"
    await users.remove(ana, "bea@example.org", world.main.id)
    with pytest.raises(NotVisible):
        await users.remove(ana, "bea@example.org", world.other.id)


async def test_a_changed_role_a_lost_one_and_a_new_password_end_the_sessions(world, ender):
    bea = await _person(world, "bea", Role.VIEWER, world.main)
    users, email = world.accounts.users, "bea@example.org"
    for call in (
        users.change_role(OPERATOR, email, world.main.id, Role.SENDER),
        users.reset(OPERATOR, email),
        users.disable(OPERATOR, email),
        users.remove(OPERATOR, email, world.main.id),
    ):
        ender.calls.clear()
        await call
        assert ender.calls == [("ending", bea.id), ("ended", bea.id)]


async def test_a_refused_change_ends_no_session(world, ender):
    await _person(world, "olga", Role.OWNER, world.main)
    ender.calls.clear()
    with pytest.raises(PermanentError):
        await world.accounts.users.remove(OPERATOR, "olga@example.org", world.main.id)
    assert ender.calls == []


async def test_accounts_are_disabled_from_above_only(world):
    owner = await _person(world, "olga", Role.OWNER, world.main)
    sub_owner = await _person(world, "sam", Role.OWNER, world.sub)
    accounts = world.accounts
    for actor, account in ((owner, world.main), (sub_owner, world.sub)):
        for call in (accounts.disable, accounts.enable, accounts.close):
            with pytest.raises(NotPermitted):
                await call(actor, account.id)
    with pytest.raises(NotPermitted):
        await accounts.add(owner, "A main account of my own")
    assert (await accounts.disable(owner, world.sub.id)).state is State.DISABLED
    assert (await accounts.enable(owner, world.sub.id)).state is State.ACTIVE
    with pytest.raises(NotVisible):
        await accounts.disable(owner, world.other.id)


async def test_T_c_disabling_gives_quota_back_in_the_same_job(tmp_path):
    bag = Bag(refusals=2)
    async with open_world(tmp_path, quota=bag) as world:
        main = await world.accounts.add(OPERATOR, "Agencia")
        sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
        await world.accounts.add(OPERATOR, "Radio", parent=sub.id)
        disabled = await world.accounts.disable(OPERATOR, sub.id)
        assert (disabled.name, disabled.state) == ("Prensa (returned)", State.DISABLED)
        assert bag.asked == [["Prensa", "Radio"]] * 3, "asked again when the job was refused"
        await world.accounts.enable(OPERATOR, sub.id)
        assert len(bag.asked) == 3
        bag.refusals = 99
        with pytest.raises(TransientError):
            await world.accounts.disable(OPERATOR, sub.id)
        assert (await world.accounts.get(OPERATOR, str(sub.id))).state is State.ACTIVE


async def test_a_closed_account_stays_closed_with_all_below_and_their_keys(world):
    below = await world.accounts.add(OPERATOR, "Radio", parent=world.sub.id)
    new = await world.accounts.credentials.add(OPERATOR, below.id, "ERP")
    await world.accounts.close(OPERATOR, world.sub.id)
    states = {account.name: account.state for account in await world.accounts.list(OPERATOR)}
    assert states["Prensa"] == states["Radio"] == State.CLOSED
    assert states["Agencia"] is State.ACTIVE
    credential = await world.accounts.credentials.get(OPERATOR, new.credential.username)
    assert credential.state is State.REVOKED
    for account in (world.sub, below):
        with pytest.raises(PermanentError, match="closed for good"):
            await world.accounts.enable(OPERATOR, account.id)
    with pytest.raises(PermanentError, match="not active"):
        await world.accounts.add(OPERATOR, "TV", parent=world.sub.id)


async def test_T_p_below_a_training_account_everything_is_for_training(world):
    kind = AccountKind.TRAINING
    course = await world.accounts.add(OPERATOR, "Curso", parent=world.main.id, kind=kind)
    assert (await world.accounts.add(OPERATOR, "Mesa 1", parent=course.id)).kind is kind


async def test_accounts_are_not_endlessly_deep(world):
    account = world.sub
    with pytest.raises(PermanentError, match="levels deep"):
        for number in range(20):
            account = await world.accounts.add(OPERATOR, f"n{number}", parent=account.id)


async def test_only_an_operator_gives_a_key_that_may_use_any_sender(world):
    olga = await _person(world, "olga", Role.OWNER, world.main)
    credentials = world.accounts.credentials
    limits = Limits(frozenset((Scope.SEND, Scope.ANY_SENDER)))
    with pytest.raises(NotPermitted):
        await credentials.add(olga, world.main.id, "ERP", limits)
    made = await credentials.add(OPERATOR, world.main.id, "ERP", limits)
    with pytest.raises(NotPermitted):
        await credentials.rotate(olga, made.credential)


async def test_settings_are_checked_and_audited_with_what_changed(world):
    olga = await _person(world, "olga", Role.OWNER, world.main)
    for wrong in ({"language": "fr"}, {"timezone": "Lima"}, {"timezone": "../etc/passwd"}):
        with pytest.raises(PermanentError):
            await world.accounts.change_settings(olga, world.main.id, **wrong)
    changed = await world.accounts.change_settings(
        olga, world.main.id, timezone="America/Lima", needs_approval=True
    )
    assert (changed.timezone, changed.needs_approval, changed.language) == (
        "America/Lima",
        True,
        "",
    )
    (entry, *_) = (await world.audit_log.page(olga)).entries
    assert entry.action == "account.settings_changed"
    assert entry.before == '{"needs_approval":false,"timezone":""}'
    assert entry.after == '{"needs_approval":true,"timezone":"America/Lima"}'
