"""A domain may be sent from once the DNS shows whose it is, and its people hear when records go."""

import json

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.sending.checking import DomainChecker, Installation
from console.accounts.sending.recheck import DomainRecheck
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.spf import spf_problem
from console.accounts.sending.values import RecordKind
from console.accounts.values import State
from mta.dkim.keys import KeyRing
from mta.dns.lookup import Lookup
from mta.feedback.addresses import FeedbackAddresses
from mta.intake.return_path import ReturnPathHosts, ReturnPaths
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR, open_world
from tests.dnsserver import DnsServer, Fault

SOURCE = "192.0.2.10"
NAME = "boletin.example.org"


class Ground:
    """Two accounts, a name server, and somebody who manages the domains of the first."""

    def __init__(self, world, dns: DnsServer, folder, *, is_sandbox=False) -> None:
        self.world = world
        self.dns = dns
        lookup = Lookup([dns.host_port], try_s=0.3, tries=1)
        self.checker = DomainChecker(
            lookup, Installation("mail.relevo.example", (SOURCE,), bytes(32))
        )
        self.domains = SendingDomains(
            world.store, world.clock, world.trail, world.authenticator, self.checker,
            folder / "dkim_keys", is_sandbox=is_sandbox,
        )  # fmt: skip
        self.told: list[tuple[str, bool]] = []

        async def tell(status, is_back):
            self.told.append((status.name, is_back))

        self.domains.tell = tell

    async def begin(self) -> "Ground":
        self.account = (await self.world.accounts.add(OPERATOR, "Ministerio")).id
        self.other = (await self.world.accounts.add(OPERATOR, "Otra")).id
        self.person = self.user(self.account)
        return self

    def user(self, account: int, *permissions: Permission) -> Actor:
        granted = permissions or (Permission.DOMAIN_VIEW, Permission.DOMAIN_MANAGE)
        return Actor(ActorKind.USER, account, "eva", {account: frozenset(granted)})

    def publish(self, status, *kinds: RecordKind) -> None:
        """What the page shows, as an administrator of the zone would enter it."""
        for record in status.records:
            if record.kind in kinds and record.value:
                text = record.value
                parts = [text[i : i + 255] for i in range(0, len(text), 255)]
                self.dns.set(record.name, **{record.type: [" ".join(f'"{p}"' for p in parts)]})

    def may_send(self, account: int) -> bool:
        found = self.world.authenticator.trusted_identity(str(account))
        return found is not None and NAME in found.sender_domains

    async def events(self) -> list[dict]:
        rows = await self.world.store.read(
            "events_after", after=0, span=1000, types="[44]", count=100
        )
        return [json.loads(row[9]) for row in rows if row[2] is not None]


@pytest.fixture
async def ground(tmp_path):
    records = {
        "example.org": {"A": ["192.0.2.1"]},
        "mail.relevo.example": {"A": [SOURCE]},
    }
    async with open_world(tmp_path) as world, DnsServer(records) as dns:
        yield await Ground(world, dns, tmp_path).begin()


def states(status) -> dict[str, str]:
    return {record.kind.value: record.state.value for record in status.records}


async def test_nobody_sends_from_a_domain_that_is_not_shown_to_be_theirs(ground):
    status = await ground.domains.add(ground.person, NAME, ground.account)
    assert status.domain.state is State.PENDING
    assert not ground.may_send(ground.account)
    status = await ground.domains.check(ground.person, NAME)
    assert set(states(status).values()) == {"pending"}
    assert not ground.may_send(ground.account)


async def proved(ground, actor, name: str, account: int):
    status = await ground.domains.add(actor, name, account)
    ground.publish(status, RecordKind.OWNERSHIP)
    return await ground.domains.check(actor, name)


@pytest.mark.parametrize("other", [f"deep.{NAME}", "example.org"])
async def test_above_and_below_a_domain_of_others_nobody_claims_one(ground, other):
    await proved(ground, ground.person, NAME, ground.account)
    stranger = ground.user(ground.other)
    with pytest.raises(PermanentError, match="belongs to another account"):
        await ground.domains.add(stranger, other, ground.other)
    await ground.domains.add(stranger, f"x{NAME}", ground.other)
    await ground.domains.add(OPERATOR, other, ground.other)


async def test_a_claim_made_before_the_others_was_proved_needs_the_operator_too(ground):
    stranger, below = ground.user(ground.other), f"deep.{NAME}"
    status = await ground.domains.add(stranger, below, ground.other)
    await proved(ground, ground.person, NAME, ground.account)
    ground.publish(status, RecordKind.OWNERSHIP)
    with pytest.raises(PermanentError, match="belongs to another account"):
        await ground.domains.check(stranger, below)
    ground.world.clock.advance(3600)
    await DomainRecheck(ground.domains, ground.world.clock).look()
    assert (await ground.domains.get(stranger, below)).domain.state is State.PENDING


async def test_parts_of_one_house_share_a_zone(ground):
    part = (await ground.world.accounts.add(OPERATOR, "Área", parent=ground.account)).id
    both = Actor(
        ActorKind.USER, 1, "eva",
        dict.fromkeys((ground.account, part), frozenset((Permission.DOMAIN_MANAGE, Permission.DOMAIN_VIEW))),
    )  # fmt: skip
    await proved(ground, both, NAME, ground.account)
    status = await proved(ground, both, f"area.{NAME}", part)
    assert status.domain.state is State.ACTIVE
    with pytest.raises(PermanentError, match="belongs to another account"):
        await ground.domains.add(ground.user(part), f"deep.{NAME}", part)


@pytest.mark.parametrize("proof", [RecordKind.OWNERSHIP, RecordKind.DKIM])
async def test_the_text_or_the_key_made_for_it_shows_who_owns_it(ground, proof):
    status = await ground.domains.add(ground.person, NAME, ground.account)
    ground.publish(status, proof)
    status = await ground.domains.check(ground.person, NAME)
    assert status.domain.state is State.ACTIVE
    assert states(status)["ownership"] == "verified"
    assert ground.may_send(ground.account)
    assert not ground.may_send(ground.other)


async def test_a_key_that_was_there_before_proves_nothing(ground):
    status = await ground.domains.add(OPERATOR, NAME, ground.other)
    ground.publish(status, RecordKind.DKIM)
    await ground.domains.remove(OPERATOR, NAME)
    await ground.domains.add(ground.person, NAME, ground.account)
    status = await ground.domains.check(ground.person, NAME)
    assert states(status)["dkim"] == "verified"
    assert states(status)["ownership"] == "pending"
    assert not ground.may_send(ground.account)


async def test_the_text_of_one_account_is_worth_nothing_for_another(ground):
    first = await ground.domains.add(ground.person, NAME, ground.account)
    ground.publish(first, RecordKind.OWNERSHIP)
    stranger = ground.user(ground.other)
    await ground.domains.add(stranger, NAME, ground.other)  # an unproved claim gives way
    status = await ground.domains.check(stranger, NAME)
    assert status.domain.state is State.PENDING
    again = await ground.domains.add(ground.person, NAME, ground.account)
    assert again.domain.account == ground.account
    assert (await ground.domains.check(ground.person, NAME)).domain.state is State.ACTIVE
    with pytest.raises(PermanentError, match="belongs to an account already"):
        await ground.domains.add(stranger, NAME, ground.other)


async def test_an_operator_vouches_and_the_sandbox_works_out_of_the_box(ground, tmp_path):
    await ground.domains.add(OPERATOR, NAME, ground.account)
    assert ground.may_send(ground.account)
    sandbox = Ground(ground.world, ground.dns, tmp_path, is_sandbox=True)
    status = await sandbox.domains.add(ground.person, "b.example.org", ground.account)
    assert status.domain.state is State.ACTIVE


async def test_everything_published_as_shown_is_verified(ground):
    status = await ground.domains.add(ground.person, NAME, ground.account)
    ground.publish(status, *RecordKind)
    ground.dns.set(NAME, MX=["10 mx.example.org."])
    status = await ground.domains.check(ground.person, NAME)
    assert set(states(status).values()) == {"verified"}
    assert len(status.records) == 5


async def test_a_record_that_is_wrong_is_shown_beside_what_was_expected(ground):
    status = await ground.domains.add(ground.person, NAME, ground.account)
    dkim = next(r for r in status.records if r.kind is RecordKind.DKIM)
    ground.dns.set(dkim.name, TXT=['"v=DKIM1; k=rsa; p=AAAA"'])
    ground.dns.set(NAME, TXT=['"v=spf1 ip4:198.51.100.0/24 -all"'])
    found = {r.kind: r for r in (await ground.domains.check(ground.person, NAME)).records}
    assert found[RecordKind.DKIM].found == ("v=DKIM1; k=rsa; p=AAAA",)
    assert found[RecordKind.DKIM].problem
    assert found[RecordKind.SPF].problem == f"{SOURCE} is not allowed to send"


async def test_lost_records_are_told_after_the_grace_once_and_again_when_they_are_back(ground):
    status = await ground.domains.add(ground.person, NAME, ground.account)
    ground.publish(status, *RecordKind)
    await ground.domains.check(ground.person, NAME)
    ground.dns.remove(NAME)
    status = await ground.domains.check(ground.person, NAME)
    assert states(status)["spf"] == "failing"
    assert await ground.events() == []
    for _ in range(3):
        ground.world.clock.advance(3600)
        await ground.domains.check(ground.person, NAME)
    (event,) = await ground.events()
    assert (event["domain"], event["state"]) == (NAME, "failing")
    assert [r["kind"] for r in event["records"]] == ["spf"]
    assert ground.told == [(NAME, False)]
    assert ground.may_send(ground.account)  # mail goes on: receivers decide
    ground.publish(status, RecordKind.SPF)
    await ground.domains.check(ground.person, NAME)
    assert [e["state"] for e in await ground.events()] == ["failing", "verified"]
    assert ground.told == [(NAME, False), (NAME, True)]


async def test_a_name_server_that_does_not_answer_changes_nothing(ground):
    status = await ground.domains.add(ground.person, NAME, ground.account)
    ground.publish(status, *RecordKind)
    before = await ground.domains.check(ground.person, NAME)
    for record in before.records:
        ground.dns.fail(record.name, Fault.SERVFAIL)
    after = await ground.domains.check(ground.person, NAME)
    assert states(after) == states(before)
    assert "does not answer" in after.records[1].problem


async def test_what_waits_is_checked_often_and_what_is_well_hourly(ground):
    recheck = DomainRecheck(ground.domains, ground.world.clock)
    status = await ground.domains.add(ground.person, NAME, ground.account)
    assert await recheck.look() == 1
    assert await recheck.look() == 0
    ground.world.clock.advance(601)
    ground.publish(status, *RecordKind)
    assert await recheck.look() == 1
    assert ground.may_send(ground.account)
    ground.world.clock.advance(601)
    assert await recheck.look() == 0
    ground.world.clock.advance(3600)
    assert await recheck.look() == 1


async def test_a_removed_domain_sends_no_more(ground):
    await ground.domains.add(OPERATOR, NAME, ground.account)
    await ground.domains.remove(ground.person, NAME)
    assert not ground.may_send(ground.account)
    assert await ground.domains.all(OPERATOR) == []


async def test_only_who_may_sees_and_changes_them(ground):
    await ground.domains.add(ground.person, NAME, ground.account)
    stranger = ground.user(ground.other)
    viewer = ground.user(ground.account, Permission.DOMAIN_VIEW)
    for call in (ground.domains.get, ground.domains.check, ground.domains.remove):
        with pytest.raises(NotVisible):
            await call(stranger, NAME)
    with pytest.raises(NotPermitted):
        await ground.domains.remove(viewer, NAME)
    with pytest.raises(NotPermitted):
        await ground.domains.add(viewer, "c.example.org", ground.account)
    assert await ground.domains.all(stranger) == []


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", ""),
        ("v=spf1 a:mail.relevo.example ~all", ""),
        ("v=spf1 include:ok.example -all", ""),
        ("v=spf1 redirect=ok.example", ""),
        ("v=spf1 mx -all", ""),
        ("v=spf1 a/24 -all", ""),
        ("v=spf1 -ip4:192.0.2.10 +all", "192.0.2.10 is not allowed to send"),
        ("v=spf1 ip6:2001:db8::/32 -all", "192.0.2.10 is not allowed to send"),
        ("v=spf1", "192.0.2.10 is not allowed to send"),
        ("v=spf1 include:spf.example -all", "more than 10 DNS look-ups are needed"),
        ("v=spf1 nonsense -all", "'nonsense' is no mechanism of SPF"),
        ("v=spf1 include:none.example -all", "none.example has 0 SPF records, there must be one"),
    ],
)
async def test_spf_is_followed_as_receivers_do(record, problem):
    zone = {
        "spf.example": {"TXT": [f'"{record}"'], "MX": ["10 mail.relevo.example."],
                        "A": ["192.0.2.77"]},
        "ok.example": {"TXT": ['"v=spf1 ip4:192.0.2.10 -all"']},
        "mail.relevo.example": {"A": [SOURCE]},
    }  # fmt: skip
    async with DnsServer(zone) as dns:
        found = await spf_problem(Lookup([dns.host_port]), "spf.example", [SOURCE])
        assert found == problem


async def test_the_key_made_for_a_domain_signs_when_its_record_is_seen(ground, tmp_path):
    read = []
    ground.domains.on_key = lambda: read.append(KeyRing.load(tmp_path / "dkim_keys").domains)
    status = await ground.domains.add(OPERATOR, NAME, ground.account)
    assert KeyRing.load(tmp_path / "dkim_keys").keys(NAME) == ()
    await ground.domains.check(OPERATOR, NAME)
    assert read == []
    ground.publish(status, RecordKind.DKIM)
    await ground.domains.check(OPERATOR, NAME)
    assert read == [(NAME,)]
    (key,) = KeyRing.load(tmp_path / "dkim_keys").keys(NAME)
    assert key.selector == status.selector


async def test_a_domain_with_an_alias_for_bounces_gets_its_return_paths_there(ground, tmp_path):
    hosts = ReturnPathHosts("b.relevo.example")
    paths = ReturnPaths(bytes(32), hosts)
    installation = Installation("mail.relevo.example", (SOURCE,), bytes(32), "b.relevo.example")
    domains = SendingDomains(
        ground.world.store, ground.world.clock, ground.world.trail, ground.world.authenticator,
        DomainChecker(Lookup([ground.dns.host_port]), installation), tmp_path / "dkim_keys",
    )  # fmt: skip
    domains.on_return_paths = hosts.use
    status = await domains.add(OPERATOR, NAME, ground.account)
    needed = {record.kind for record in status.records if record.is_needed}
    assert needed == {RecordKind.OWNERSHIP, RecordKind.DKIM}
    await domains.check(OPERATOR, NAME)
    assert paths.address(1, f"app@{NAME}").endswith("@b.relevo.example")
    ground.dns.set("b.relevo.example", MX=["10 mail.relevo.example."])
    ground.dns.set(f"bounce.{NAME}", CNAME=["b.relevo.example."])
    status = await domains.check(OPERATOR, NAME)
    assert states(status)["return_path"] == "verified"
    address = paths.address(1, f"app@{NAME}")
    assert address.endswith(f"@bounce.{NAME}")
    assert paths.address(1, "app@otro.example").endswith("@b.relevo.example")
    mailbox = FeedbackAddresses(bytes(32), hosts).resolve(address)
    assert mailbox is not None
    assert mailbox.delivery == 1
    ground.dns.remove(f"bounce.{NAME}")
    await domains.check(OPERATOR, NAME)
    assert paths.address(1, f"app@{NAME}").endswith("@b.relevo.example")
    assert FeedbackAddresses(bytes(32), hosts).resolve(address) is not None  # late bounces
    await domains.remove(OPERATOR, NAME)
    assert FeedbackAddresses(bytes(32), hosts).resolve(address) is None
