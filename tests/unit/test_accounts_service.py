"""Accounts, people, credentials and domains over a real store."""

import contextlib
import sqlite3

import argon2
import pytest

from console.accounts.quota.replies import NOT_KNOWN_YET
from console.accounts.values import AccountKind, Limits, Role, Scope, State
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.traffic import TrafficClass
from tests.accounts_world import OPERATOR, open_world
from tests.quota_world import identity_of


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


async def test_what_was_added_is_there_after_a_restart(tmp_path):
    async with open_world(tmp_path) as world:
        main = await world.accounts.add(OPERATOR, "Agencia")
        await world.accounts.users.add(OPERATOR, "ana@example.org", Role.OWNER, main.id)
        new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
        await world.accounts.domains.add(OPERATOR, "example.org", main.id)
    async with open_world(tmp_path) as world:
        assert await world.accounts.list(OPERATOR) == [main]
        assert [u.email for u in await world.accounts.users.list(OPERATOR)] == ["ana@example.org"]
        assert await world.accounts.credentials.list(OPERATOR) == [new.credential]
        assert [d.domain for d in await world.accounts.domains.list(OPERATOR)] == ["example.org"]
        later = await world.accounts.add(OPERATOR, "Otra")
        assert later.id > new.credential.id, "ids never go back"


async def test_a_new_account_is_known_to_the_bag_when_its_maker_hears_of_it(world):
    policy = world.bag.policy
    assert policy.check_recipient(identity_of(7), 1) == NOT_KNOWN_YET
    made = await world.accounts.add(OPERATOR, "Agencia")
    assert policy.check_recipient(identity_of(made.id), 1) is None


async def test_accounts_form_a_tree_with_names_unique_below_one_parent(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id, kind=AccountKind.TRAINING)
    assert sub.parent == main.id
    with pytest.raises(PermanentError, match="'Prensa'"):
        await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
    other = await world.accounts.add(OPERATOR, "Municipio")
    await world.accounts.add(OPERATOR, "Prensa", parent=other.id)
    with pytest.raises(PermanentError, match="2 accounts are called 'Prensa'"):
        await world.accounts.get(OPERATOR, "Prensa")
    assert await world.accounts.get(OPERATOR, str(sub.id)) == sub
    with pytest.raises(PermanentError, match="no account '7'"):
        await world.accounts.add(OPERATOR, "x", parent=7)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "\ud800"])
async def test_names_that_people_cannot_read_are_refused(world, name):
    with pytest.raises(PermanentError):
        await world.accounts.add(OPERATOR, name)


async def test_the_account_may_be_left_out_only_when_there_is_one_main_account(world):
    with pytest.raises(PermanentError, match="relevo account add"):
        await world.accounts.only(OPERATOR)
    main = await world.accounts.add(OPERATOR, "Agencia")
    await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
    assert await world.accounts.only(OPERATOR) == main
    await world.accounts.add(OPERATOR, "Municipio")
    with pytest.raises(PermanentError, match="--account"):
        await world.accounts.only(OPERATOR)


def _stored_password(world, email):
    # Nothing reads it before sign-in exists: look into the database itself.
    with contextlib.closing(sqlite3.connect(world.folder / "relevo.db")) as connection:
        query = "SELECT password FROM console_user WHERE email = ?"
        ((found,),) = connection.execute(query, (email,))
    return found


async def test_a_new_person_gets_a_password_that_is_stored_as_argon2id_only(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    _, password = await world.accounts.users.add(OPERATOR, "Ana@Example.org", Role.OWNER, main.id)
    assert len(password) >= 16
    stored = _stored_password(world, "ana@example.org")
    assert stored.startswith("$argon2id$")
    assert argon2.PasswordHasher().verify(stored, password)


async def test_a_person_has_roles_in_several_accounts_and_one_password(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
    first, _ = await world.accounts.users.add(
        OPERATOR, "ana@example.org", Role.VIEWER, main.id, "long enough"
    )
    second, made = await world.accounts.users.add(OPERATOR, "ANA@example.org", Role.SENDER, sub.id)
    assert (second, made) == (first, "")
    (user,) = await world.accounts.users.list(OPERATOR)
    assert [(m.account_name, m.role) for m in user.memberships] == [
        ("Agencia", Role.VIEWER),
        ("Prensa", Role.SENDER),
    ]
    with pytest.raises(PermanentError, match="is sender of that account"):
        await world.accounts.users.add(OPERATOR, "ana@example.org", Role.OWNER, sub.id)
    with pytest.raises(PermanentError, match="user reset"):
        await world.accounts.users.add(
            OPERATOR, "ana@example.org", Role.OWNER, sub.id, "another one"
        )


async def test_disabling_unlocking_and_resetting_a_person(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    await world.accounts.users.add(OPERATOR, "ana@example.org", Role.OWNER, main.id)
    await world.accounts.users.disable(OPERATOR, "ana@example.org")
    assert (await world.accounts.users.list(OPERATOR))[0].state is State.DISABLED
    await world.accounts.users.unlock(OPERATOR, "Ana@Example.org")
    assert (await world.accounts.users.list(OPERATOR))[0].state is State.ACTIVE
    before = _stored_password(world, "ana@example.org")
    made = await world.accounts.users.reset(OPERATOR, "ana@example.org")
    after = _stored_password(world, "ana@example.org")
    assert after != before
    assert argon2.PasswordHasher().verify(after, made)
    assert await world.accounts.users.reset(OPERATOR, "ana@example.org", "chosen by Ana") == ""
    with pytest.raises(PermanentError, match=r"no user bob@example\.org"):
        await world.accounts.users.reset(OPERATOR, "bob@example.org")


@pytest.mark.parametrize("password", ["short", "x" * 257, "with\nnewline"])
async def test_unfit_passwords_are_refused(world, password):
    main = await world.accounts.add(OPERATOR, "Agencia")
    with pytest.raises(PermanentError, match="password"):
        await world.accounts.users.add(OPERATOR, "ana@example.org", Role.OWNER, main.id, password)
    assert await world.accounts.users.list(OPERATOR) == []


async def test_what_is_no_mail_address_is_no_user(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    with pytest.raises(AddressSyntaxError):
        await world.accounts.users.add(OPERATOR, "ana", Role.OWNER, main.id)


async def test_the_secret_of_a_credential_is_nowhere_on_the_disk(world, tmp_path):
    main = await world.accounts.add(OPERATOR, "Agencia")
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    secret = new.secret.rpartition("_")[2].encode()
    await world.store.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert secret not in path.read_bytes()


async def test_a_credential_keeps_its_limits(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    limits = Limits(
        scopes=frozenset({Scope.SEND, Scope.SEND_URGENT}),
        sender_domains=frozenset({"example.org"}),
        default_class=TrafficClass.URGENT,
        rate_per_minute=60,
    )
    expires_ms = world.clock.now_ms() + 1000
    new = await world.accounts.credentials.add(
        OPERATOR, main.id, "OTP", limits, expires_ms=expires_ms
    )
    found = await world.accounts.credentials.get(OPERATOR, new.credential.username)
    assert found == new.credential
    assert found.limits == limits
    assert await world.accounts.credentials.get(OPERATOR, found.key_id) == found
    assert await world.accounts.credentials.get(OPERATOR, str(found.id)) == found


async def test_the_class_urgent_needs_its_permission(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    limits = Limits(default_class=TrafficClass.URGENT)
    with pytest.raises(PermanentError, match=r"mail\.urgent"):
        await world.accounts.credentials.add(OPERATOR, main.id, "OTP", limits)


async def test_a_credential_that_has_expired_already_is_refused(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    with pytest.raises(PermanentError, match="expired"):
        await world.accounts.credentials.add(
            OPERATOR, main.id, "ERP", expires_ms=world.clock.now_ms()
        )


@pytest.mark.parametrize("text", ["nobody", "99", "9" * 30, "\ud800", ""])
async def test_an_unknown_credential_is_told(world, text):
    with pytest.raises(PermanentError, match="no credential"):
        await world.accounts.credentials.get(OPERATOR, text)


async def test_rotation_keeps_limits_and_ends_the_old_secret_after_the_overlap(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    limits = Limits(rate_per_minute=5)
    old = (await world.accounts.credentials.add(OPERATOR, main.id, "ERP", limits)).credential
    new = await world.accounts.credentials.rotate(OPERATOR, old, 3600)
    assert new.credential.limits == limits
    assert new.credential.name == "ERP"
    assert new.credential.username != old.username
    old = await world.accounts.credentials.get(OPERATOR, old.username)
    assert old.replaced_by == new.credential.id
    assert old.expires_ms == world.clock.now_ms() + 3_600_000
    assert world.accounts.credentials.status_of(old) == "replaced"
    world.clock.advance(3600)
    assert world.accounts.credentials.status_of(old) == "expired"


async def test_a_credential_is_rotated_once(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    old = (await world.accounts.credentials.add(OPERATOR, main.id, "ERP")).credential
    await world.accounts.credentials.rotate(OPERATOR, old)
    with pytest.raises(PermanentError, match="successor"):
        await world.accounts.credentials.rotate(OPERATOR, old)
    assert len(await world.accounts.credentials.list(OPERATOR)) == 2, (
        "nothing of the refused job is kept"
    )


async def test_what_does_not_work_any_more_is_not_rotated(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    old = (await world.accounts.credentials.add(OPERATOR, main.id, "ERP")).credential
    await world.accounts.credentials.revoke(OPERATOR, old)
    revoked = await world.accounts.credentials.get(OPERATOR, old.username)
    assert world.accounts.credentials.status_of(revoked) == "revoked"
    with pytest.raises(PermanentError, match="does not work"):
        await world.accounts.credentials.rotate(OPERATOR, revoked)
    await world.accounts.credentials.revoke(OPERATOR, revoked)


async def test_rotation_does_not_prolong_a_credential_that_ends(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    ends = world.clock.now_ms() + 1_000
    old = (
        await world.accounts.credentials.add(OPERATOR, main.id, "ERP", expires_ms=ends)
    ).credential
    new = await world.accounts.credentials.rotate(OPERATOR, old, 3600)
    assert new.credential.expires_ms == ends
    assert (await world.accounts.credentials.get(OPERATOR, old.username)).expires_ms == ends


async def test_a_domain_belongs_to_one_account_in_one_spelling(world):
    main = await world.accounts.add(OPERATOR, "Agencia")
    other = await world.accounts.add(OPERATOR, "Municipio")
    added = await world.accounts.domains.add(OPERATOR, "Ñandú.Example", main.id)
    assert added.domain == "xn--and-6ma2c.example"
    with pytest.raises(PermanentError, match="belongs to an account already"):
        await world.accounts.domains.add(OPERATOR, "XN--AND-6MA2C.example", other.id)
    assert await world.accounts.domains.list(OPERATOR, other.id) == []


@pytest.mark.parametrize("domain", ["[192.0.2.1]", "a b", "", "-x.example"])
async def test_what_is_no_domain_is_refused(world, domain):
    main = await world.accounts.add(OPERATOR, "Agencia")
    with pytest.raises(PermanentError):
        await world.accounts.domains.add(OPERATOR, domain, main.id)
