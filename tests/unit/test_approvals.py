"""What takes a second person: one asks, another decides, once, and the effect comes with it."""

import asyncio

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.approvals import (
    Approval,
    ApprovalKind,
    ApprovalService,
    ApprovalState,
    KindRules,
)
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.values import Role
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, open_world

MAIN = 1
DATA = {"count": 3, "campaign": "17"}


def _person(number: int, role: Role = Role.ADMINISTRATOR, account: int = MAIN) -> Actor:
    return Actor(ActorKind.USER, number, f"p{number}@example.org", {account: PERMISSIONS[role]})


ANA, BEA = _person(101), _person(102)


class Effect:
    """Puts an account into the job, as a refund would its entry."""

    def __init__(self, *, fails: bool = False, refusals: int = 0) -> None:
        self.fails = fails
        self.refusals = refusals
        self.settled_ones: list[Approval] = []

    async def approved(self, actor: Actor, approval: Approval) -> list[Rows]:
        if self.fails:
            raise PermanentError("the campaign is gone")
        if self.refusals:
            self.refusals -= 1
            return [Rows("account_name", [(12345, "nobody")], expect=1)]
        row = (approval.id, None, f"effect of {approval.object}", "normal", "active", 0)
        return [Rows("account_insert", [row], expect=1)]

    def settled(self, approval: Approval) -> None:
        self.settled_ones.append(approval)


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as world:
        yield world


def _service(world, effect: Effect | None = None) -> ApprovalService:
    service = ApprovalService(world.store, IdGenerator(), world.clock, world.trail)
    rules = KindRules(Permission.REFUND_PROPOSE, Permission.REFUND_CONFIRM, effect or Effect())
    service.register(ApprovalKind.REFUND, rules)
    return service


async def _names(world) -> list[str]:
    return [account.name for account in await world.accounts.list(OPERATOR)]


async def test_T_q_another_person_approves_and_the_effect_is_there_with_it(world):
    effect = Effect()
    service = _service(world, effect)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert (asked.state, asked.data, asked.asked_by_name) == ("pending", DATA, ANA.name)
    assert await _names(world) == []
    done = await service.approve(BEA, asked.id, "seen")
    assert (done.state, done.decided_by_name, done.reason) == ("approved", BEA.name, "seen")
    assert await _names(world) == ["effect of 17"]
    assert effect.settled_ones == [done]


async def test_who_asked_cannot_decide_nor_can_who_may_not_nor_a_credential(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    for actor in (
        ANA,
        _person(103, Role.SENDER),  # may ask, not confirm
        Actor(ActorKind.CREDENTIAL, 5, "key", {MAIN: PERMISSIONS[Role.OWNER]}),
        Actor.system("clock"),
    ):
        with pytest.raises(NotPermitted):
            await service.approve(actor, asked.id)
    for actor in (_person(103, Role.VIEWER), _person(104, Role.OWNER, account=2)):
        with pytest.raises(NotVisible):
            await service.approve(actor, asked.id)
    assert (await service.get(BEA, asked.id)).state is ApprovalState.PENDING


async def test_two_commands_are_not_two_persons(world):
    service = _service(world)
    asked = await service.request(OPERATOR, ApprovalKind.REFUND, MAIN, "17", DATA)
    with pytest.raises(NotPermitted):
        await service.approve(Actor.command("another name"), asked.id)
    assert (await service.approve(BEA, asked.id)).state is ApprovalState.APPROVED


async def test_deciding_twice_changes_nothing(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    first = await service.approve(BEA, asked.id)
    assert await service.approve(BEA, asked.id) == first
    with pytest.raises(PermanentError):
        await service.reject(BEA, asked.id, "no")
    with pytest.raises(PermanentError):
        await service.approve(_person(103), asked.id)
    assert len(await _names(world)) == 1


async def test_of_many_who_decide_at_once_one_does(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    people = [_person(200 + number) for number in range(8)]
    answers = await asyncio.gather(
        *(service.approve(person, asked.id) for person in people[:4]),
        *(service.reject(person, asked.id, "no") for person in people[4:]),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Approval) for answer in answers) == 1
    assert len(await _names(world)) <= 1


async def test_a_rejected_request_has_no_effect_and_may_be_asked_anew(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert (await service.reject(BEA, asked.id, "too early")).state is ApprovalState.REJECTED
    assert await _names(world) == []
    again = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert again.id != asked.id
    assert (await service.reject(ANA, again.id, "taken back")).state is ApprovalState.REJECTED


async def test_asking_again_is_the_same_request_and_something_else_is_refused(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA) == asked
    with pytest.raises(PermanentError):
        await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", {"count": 4})
    with pytest.raises(PermanentError):
        await service.request(BEA, ApprovalKind.REFUND, MAIN, "17", DATA)


async def test_a_request_that_waited_too_long_is_expired_and_makes_room(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA, open_s=60)
    world.clock.advance(60)
    assert (await service.get(ANA, asked.id)).state is ApprovalState.EXPIRED
    assert await service.list(ANA, pending_only=True) == []
    with pytest.raises(PermanentError):
        await service.approve(BEA, asked.id)
    again = await service.request(BEA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert [a.id for a in await service.list(ANA, pending_only=True)] == [again.id]
    assert len(await service.list(ANA)) == 2


async def test_an_effect_that_is_impossible_leaves_the_request_open(world):
    service = _service(world, Effect(fails=True))
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    with pytest.raises(PermanentError, match="campaign is gone"):
        await service.approve(BEA, asked.id)
    assert (await service.get(BEA, asked.id)).state is ApprovalState.PENDING


async def test_an_effect_whose_ground_moved_is_asked_again(world):
    service = _service(world, Effect(refusals=2))
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert (await service.approve(BEA, asked.id)).state is ApprovalState.APPROVED


async def test_requests_and_decisions_are_in_the_audit_trail(world):
    service = _service(world)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    await service.approve(BEA, asked.id, "seen")
    rows = await world.store.read("audit_unsealed", count=10)
    assert [(row[4], row[7]) for row in rows] == [
        (ANA.name, "approval.requested"),
        (BEA.name, "approval.approved"),
    ]


async def test_others_do_not_see_a_request(world):
    service = _service(world)
    await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    assert await service.list(_person(9, Role.OWNER, account=2)) == []
    assert await service.list(_person(9, Role.VIEWER)) == []
    assert len(await service.list(OPERATOR)) == 1


async def test_T_q_what_waits_is_known_to_who_may_decide_also_after_a_restart(world):
    service = _service(world)
    viewer = _person(103, Role.VIEWER)
    asked = await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    for one in (service, _service(world)):
        await one.observe_ids()
        assert one.waiting(BEA) == [asked]
        assert one.waiting(ANA) == one.waiting(viewer) == []
        assert await one.pending_of(BEA, ApprovalKind.REFUND, MAIN, "17") == asked
        assert await one.pending_of(viewer, ApprovalKind.REFUND, MAIN, "17") is None
    await service.reject(BEA, asked.id, "no")
    assert service.waiting(BEA) == []
    await service.request(ANA, ApprovalKind.REFUND, MAIN, "17", DATA)
    world.clock.advance(8 * 86_400)
    assert service.waiting(BEA) == []
