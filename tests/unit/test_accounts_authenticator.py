"""Who is let in, who is not, and how fast a change takes effect."""

import asyncio
import hmac
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from console.accounts.actor import Actor, ActorKind
from console.accounts.last_use import LastUse
from console.accounts.permissions import Permission
from console.accounts.values import AccountKind, Limits, Scope
from mta.model.address import parse_address
from mta.model.errors import StoreError
from mta.model.traffic import TrafficClass
from mta.settings.values import read_network
from mta.smtp.scram import derive_keys
from tests.accounts_world import OPERATOR, open_world

PEER = "192.0.2.7"


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def main(world):
    return await world.accounts.add(OPERATOR, "Agencia")


def _sign_in(world, new, peer=PEER):
    return world.authenticator.check_password(new.credential.username, new.secret, peer)


async def test_user_name_or_key_id_with_the_secret_is_let_in(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    identity = _sign_in(world, new)
    assert identity.account_id == main.id
    assert identity.credential_id == new.credential.id
    assert identity.name == "ERP"
    key_id = new.credential.key_id
    assert world.authenticator.check_password(key_id, new.secret, PEER) == identity


async def test_every_api_key_costs_one_comparison_of_digests_known_or_not(world, main, monkeypatch):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    compared: list[tuple[int, int]] = []

    def watched(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return hmac.compare_digest(left, right)

    monkeypatch.setattr(
        "console.accounts.authenticator.hmac", SimpleNamespace(compare_digest=watched)
    )
    good, key_id = new.secret, new.credential.key_id
    keys = (
        good,
        good + "x",
        good[:-1],
        f"rk_{key_id}_",
        f"test{good[2:]}",
        "rk_aaaaaaaa_x",
        "",
        "x" * 256,
    )
    accepted = [world.authenticator.check_key(key, PEER) is not None for key in keys]
    assert accepted == [True] + [False] * (len(keys) - 1)
    assert compared == [(32, 32)] * len(keys)


async def test_a_test_key_says_so_in_its_prefix_and_its_identity(world, main):
    limits = Limits(frozenset({Scope.SEND, Scope.TEST}))
    new = await world.accounts.credentials.add(OPERATOR, main.id, "prueba", limits)
    assert new.secret.startswith(f"test_{new.credential.key_id}_")
    found = world.authenticator.check_key(new.secret, PEER)
    assert found is not None
    assert found[0].is_test
    assert _sign_in(world, new).is_test


async def test_a_key_without_sending_is_good_for_the_api_and_not_for_mail(world, main):
    limits = Limits(frozenset({Scope.MAIL_VIEW}))
    new = await world.accounts.credentials.add(OPERATOR, main.id, "informes", limits)
    found = world.authenticator.check_key(new.secret, PEER)
    assert found is not None
    assert found[1] == {Scope.MAIL_VIEW}
    assert _sign_in(world, new) is None
    assert not world.authenticator.is_still_valid(found[0])


async def test_wrong_names_and_secrets_are_refused_and_only_the_log_knows_why(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    username = new.credential.username
    with capture_logs() as logs:
        assert world.authenticator.check_password("nobody", new.secret, PEER) is None
        assert world.authenticator.check_password(username, new.secret + "x", PEER) is None
        assert world.authenticator.check_password(username, "\ud800", PEER) is None
        assert world.authenticator.check_password("", "", PEER) is None
    assert [entry["reason"] for entry in logs] == [
        "unknown user",
        "wrong password",
        "wrong password",
        "unknown user",
    ]
    assert not any(new.secret in str(entry) for entry in logs)


async def test_a_secret_does_not_open_another_credential(world, main):
    first = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    second = await world.accounts.credentials.add(OPERATOR, main.id, "CRM")
    username = first.credential.username
    assert world.authenticator.check_password(username, second.secret, PEER) is None


async def test_scram_keys_fit_the_secret(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    keys = world.authenticator.scram_keys(new.credential.username)
    assert keys == derive_keys(new.secret, keys.salt, keys.iterations)
    assert keys.iterations == 4096
    assert world.authenticator.identity(new.credential.username, PEER) == _sign_in(world, new)
    assert world.authenticator.scram_keys("nobody") is None
    assert world.authenticator.identity("nobody", PEER) is None


async def test_revoking_takes_effect_at_once(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    identity = _sign_in(world, new)
    assert world.authenticator.is_still_valid(identity)
    await world.accounts.credentials.revoke(OPERATOR, new.credential)
    assert _sign_in(world, new) is None
    assert world.authenticator.identity(new.credential.username, PEER) is None
    assert not world.authenticator.is_still_valid(identity)


async def test_a_credential_ends_at_its_moment(world, main):
    ends = world.clock.now_ms() + 10_000
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP", expires_ms=ends)
    world.clock.advance(9.999)
    identity = _sign_in(world, new)
    assert identity is not None
    world.clock.advance(0.001)
    assert _sign_in(world, new) is None
    assert not world.authenticator.is_still_valid(identity)


async def test_after_a_rotation_both_secrets_work_until_the_overlap_is_over(world, main):
    old = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    new = await world.accounts.credentials.rotate(OPERATOR, old.credential, 60)
    assert _sign_in(world, old) is not None
    assert _sign_in(world, new) is not None
    world.clock.advance(60)
    assert _sign_in(world, old) is None
    assert _sign_in(world, new) is not None


async def test_an_allow_list_lets_only_its_networks_in(world, main):
    networks = (read_network("192.0.2.0/28"), read_network("2001:db8::/32"))
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP", Limits(networks=networks))
    for peer in ("192.0.2.15", "2001:db8::1", "::ffff:192.0.2.1"):
        assert _sign_in(world, new, peer) is not None
    for peer in ("192.0.2.16", "2001:db9::1", "::ffff:192.0.2.99", "", "unix"):
        assert _sign_in(world, new, peer) is None


async def test_a_disabled_account_closes_its_sub_accounts_too(world, main):
    sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
    new = await world.accounts.credentials.add(OPERATOR, sub.id, "ERP")
    identity = _sign_in(world, new)
    await world.accounts.disable(OPERATOR, main.id)
    assert _sign_in(world, new) is None
    assert not world.authenticator.is_still_valid(identity)
    assert world.authenticator.trusted_identity("Prensa") is None
    await world.accounts.enable(OPERATOR, main.id)
    assert _sign_in(world, new) is not None


async def test_scopes_become_permissions(world, main):
    plain = _sign_in(world, await world.accounts.credentials.add(OPERATOR, main.id, "plain"))
    assert not plain.any_sender
    assert not plain.may_send_urgent
    assert not plain.may_use_null_sender
    limits = Limits(scopes=frozenset(Scope), default_class=TrafficClass.URGENT, rate_per_minute=120)
    full = _sign_in(world, await world.accounts.credentials.add(OPERATOR, main.id, "full", limits))
    assert full.any_sender
    assert full.may_send_urgent
    assert full.may_use_null_sender
    assert full.default_class is TrafficClass.URGENT
    assert full.rate_per_minute == 120


async def test_without_the_scope_to_send_nobody_is_let_in(world, main):
    limits = Limits(scopes=frozenset({Scope.NULL_SENDER}))
    assert (
        _sign_in(world, await world.accounts.credentials.add(OPERATOR, main.id, "x", limits))
        is None
    )


async def test_senders_are_those_of_the_account_and_of_shared_domains_above(world, main):
    sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
    other = await world.accounts.add(OPERATOR, "Municipio")
    new = await world.accounts.credentials.add(OPERATOR, sub.id, "ERP")
    await world.accounts.domains.add(OPERATOR, "shared.example", main.id)
    await world.accounts.domains.add(OPERATOR, "private.example", main.id, shared=False)
    await world.accounts.domains.add(OPERATOR, "own.example", sub.id, shared=False)
    await world.accounts.domains.add(OPERATOR, "other.example", other.id)
    identity = _sign_in(world, new)
    assert identity.sender_domains == {"shared.example", "own.example"}
    assert identity.may_send_as(parse_address("a@OWN.example"))
    assert not identity.may_send_as(parse_address("a@other.example"))


async def test_replies_go_to_no_domain_of_another_account_that_it_has_shown_to_own(world, main):
    sub = await world.accounts.add(OPERATOR, "Prensa", parent=main.id)
    sister = await world.accounts.add(OPERATOR, "Obras", parent=main.id)
    other = await world.accounts.add(OPERATOR, "Municipio")
    owner = Actor(ActorKind.USER, 3, "eva", {other.id: frozenset(Permission)})
    new = await world.accounts.credentials.add(OPERATOR, sub.id, "ERP")
    for name, account in (("up", main), ("own", sub), ("side", sister), ("other", other)):
        await world.accounts.domains.add(OPERATOR, f"{name}.example", account.id, shared=False)
    await world.accounts.domains.add(owner, "gmail.example", other.id)  # claimed, never shown
    identity = _sign_in(world, new)
    await world.accounts.domains.add(OPERATOR, "press.side.example", sub.id, shared=False)
    names = ("up", "own", "a.own", "side", "a.b.side", "press.side", "other", "gmail", "nobody")
    foreign = [n for n in names if world.authenticator.is_foreign(identity, f"{n}.example")]
    assert foreign == ["side", "a.b.side", "other"]
    above = world.authenticator.trusted_identity(str(main.id))
    assert not world.authenticator.is_foreign(above, "own.example")


async def test_a_credential_can_be_limited_to_some_domains_but_never_widened(world, main):
    await world.accounts.domains.add(OPERATOR, "a.example", main.id)
    await world.accounts.domains.add(OPERATOR, "b.example", main.id)
    limits = Limits(sender_domains=frozenset({"b.example", "foreign.example"}))
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP", limits)
    assert _sign_in(world, new).sender_domains == {"b.example"}
    await world.accounts.domains.add(OPERATOR, "c.example", main.id)
    assert _sign_in(world, new).sender_domains == {"b.example"}


async def test_training_accounts_are_marked(world, main):
    training = await world.accounts.add(
        OPERATOR, "Curso", parent=main.id, kind=AccountKind.TRAINING
    )
    new = await world.accounts.credentials.add(OPERATOR, training.id, "x")
    assert _sign_in(world, new).is_training


async def test_trusted_networks_send_for_the_account_named_by_id_or_unique_name(world, main):
    await world.accounts.domains.add(OPERATOR, "example.org", main.id)
    identity = world.authenticator.trusted_identity("Agencia")
    assert identity == world.authenticator.trusted_identity(str(main.id))
    assert identity.sender_domains == {"example.org"}
    assert identity.credential_id == 0
    assert not identity.any_sender
    assert world.authenticator.is_still_valid(identity)
    assert world.authenticator.trusted_identity("nobody") is None


async def test_everything_is_known_again_after_a_restart(tmp_path):
    async with open_world(tmp_path) as world:
        main = await world.accounts.add(OPERATOR, "Agencia")
        new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    async with open_world(tmp_path) as world:
        assert _sign_in(world, new).account_id == main.id


async def test_the_last_use_is_written_in_one_job(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    for _ in range(3):
        world.clock.advance(1)
        assert _sign_in(world, new) is not None
    jobs = world.store.stats().jobs
    await world.last_use.flush()
    assert world.store.stats().jobs == jobs + 1
    found = await world.accounts.credentials.get(OPERATOR, new.credential.username)
    assert found.last_used_ms == world.clock.now_ms()
    await world.last_use.flush()
    assert world.store.stats().jobs == jobs + 1, "nothing new, nothing written"


async def test_refused_sign_ins_are_no_use(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    await world.accounts.credentials.revoke(OPERATOR, new.credential)
    assert _sign_in(world, new) is None
    jobs = world.store.stats().jobs
    await world.last_use.flush()
    assert world.store.stats().jobs == jobs


async def test_the_task_writes_by_itself_and_survives_a_store_error(world, main):
    new = await world.accounts.credentials.add(OPERATOR, main.id, "ERP")
    failed, written = asyncio.Event(), asyncio.Event()

    class FailsOnce:
        def submit(self, work, contents=(), *, bulk=False):
            if not failed.is_set():
                failed.set()
                future = asyncio.get_running_loop().create_future()
                future.set_exception(StoreError("disk full"))
                return future
            future = world.store.submit(work, contents, bulk=bulk)
            future.add_done_callback(lambda _: written.set())
            return future

    last_use = LastUse(FailsOnce(), interval_s=0)
    task = asyncio.create_task(last_use.run())
    last_use.note(new.credential.id, 1234)
    await written.wait()
    task.cancel()
    assert failed.is_set()
    assert (
        await world.accounts.credentials.get(OPERATOR, new.credential.username)
    ).last_used_ms == 1234
