"""Endpoints get their events once, in order, signed; whoever does not answer delays only itself."""

import asyncio
import json

import pytest
from aiohttp import web
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.permissions import Permission
from console.webhooks.service import NoSuchWebhook
from console.webhooks.values import WebhookState
from mta.model.errors import PermanentError
from mta.model.traffic import EventType
from tests.webhook_world import OPERATOR, open_webhooks, receiver

DAY_S = 86_400


@pytest.fixture
async def world(tmp_path):
    async with open_webhooks(tmp_path) as made:
        yield made


@pytest.fixture
async def sink():
    async with receiver() as made:
        yield made


def events_of(got) -> list[dict]:
    return [event for _, body in got for event in json.loads(body)["data"]]


async def test_events_of_the_account_and_of_the_types_arrive_signed(world, sink):
    new = await world.service.add(
        OPERATOR, world.account, sink.url, types=["message.bounced"], description="ERP"
    )
    await world.tell(event=EventType.DELIVERED)
    await world.tell(event=EventType.BOUNCED, account=world.other)
    await world.tell(event=EventType.BOUNCED)
    await sink.until(1)
    headers, body = sink.got[0]
    message = Verifier(new.secret).verify(body, headers)
    assert message["type"] == "events"
    (event,) = message["data"]
    assert event["type"] == "message.bounced"
    assert event["account"] == str(world.account)
    assert event["data"] == {"reply": "250 ok"}
    with pytest.raises(WebhookVerificationError):
        Verifier(new.secret).verify(body.replace(b"bounced", b"deliver"), headers)


async def test_batches_hold_at_most_500_events_and_keep_the_order(world, sink):
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    await world.tell(1_250)

    async def is_through():
        return (await world.stored(hook.id)).position >= 1_250

    await world.until(is_through)
    assert [len(json.loads(body)["data"]) for _, body in sink.got] == [500, 500, 250]
    ids = [int(event["id"]) for event in events_of(sink.got)]
    assert ids == list(range(1, 1_251))


async def test_a_failed_batch_is_tried_again_unchanged_before_anything_newer(world, sink):
    sink.answers = [web.Response(status=500, text="later"), web.Response(status=503)]
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    for attempt in (1, 2):
        await world.tell()

        async def has_failed(attempt=attempt):
            return (await world.stored(hook.id)).attempts == attempt

        await world.until(has_failed)
        world.clock.advance(40)
        await world.hub.refresh()
    await sink.until(4)
    heads = [headers["webhook-id"] for headers, _ in sink.got]
    assert heads[0] == heads[1] == heads[2] != heads[3]
    assert [event["id"] for event in events_of(sink.got[2:])] == ["1", "2"]
    lines = await world.service.deliveries(OPERATOR, hook.id)
    assert [(line.attempt, line.status) for line in reversed(lines)][:3] == [
        (1, 500),
        (2, 503),
        (3, 204),
    ]


async def test_a_dead_receiver_delays_only_itself(world, sink):
    async with receiver() as dead:
        dead.gate = asyncio.Event()
        await world.service.add(OPERATOR, world.account, dead.url)
        await world.service.add(OPERATOR, world.account, sink.url)
        await world.tell(3)
        await dead.until(1)
        await sink.until(1)
        await world.tell(2)
        await sink.until(2)
        assert len(events_of(sink.got)) == 5
        assert len(dead.got) == 1


async def test_after_three_days_it_is_disabled_told_and_what_waited_comes_once_enabled(world, sink):
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    sink.answers = [web.Response(status=500) for _ in range(40)]
    await world.tell(2)
    attempts = 0
    while not world.disabled:
        attempts += 1

        async def has_failed(attempts=attempts):
            found = await world.stored(hook.id)
            return found.attempts == attempts or found.state is WebhookState.DISABLED

        await world.until(has_failed)
        world.clock.advance(max(1, (await world.stored(hook.id)).next_ms / 1000
                                - world.clock.now_ms() / 1000 + 1))  # fmt: skip
        await world.hub.refresh()
    found = await world.stored(hook.id)
    assert (found.state, found.reason) == (WebhookState.DISABLED, "failing")
    assert 10 <= attempts <= 13
    assert world.disabled[0].id == hook.id
    sink.answers = []
    before = len(sink.got)
    await world.tell()
    await world.service.enable(OPERATOR, hook.id)
    await sink.until(before + 1)
    assert [event["id"] for event in events_of(sink.got[before:])] == ["1", "2", "3"]


async def test_410_disables_at_once(world, sink):
    sink.answers = [web.Response(status=410)]
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    await world.tell()

    async def is_disabled():
        return (await world.stored(hook.id)).state is WebhookState.DISABLED

    await world.until(is_disabled)
    assert (await world.stored(hook.id)).reason == "gone"
    assert len(sink.got) == 1


async def test_both_secrets_sign_until_the_overlap_of_a_rotation_is_over(world, sink):
    old = await world.service.add(OPERATOR, world.account, sink.url)
    new = await world.service.rotate(OPERATOR, old.webhook.id, overlap_s=60)
    assert new.secret != old.secret
    await world.tell()
    await sink.until(1)
    headers, body = sink.got[0]
    Verifier(old.secret).verify(body, headers)
    Verifier(new.secret).verify(body, headers)
    world.clock.advance(61)
    await world.tell()
    await sink.until(2)
    headers, body = sink.got[1]
    Verifier(new.secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(old.secret).verify(body, headers)


async def test_redirects_are_not_followed(world, sink):
    async with receiver() as other:
        sink.answers = [web.Response(status=307, headers={"Location": other.url})]
        hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
        answer = await world.service.test(OPERATOR, hook.id)
        assert answer.status == 307
        assert not answer.is_taken
        assert "not followed" in answer.text
        assert other.got == []


async def test_a_long_answer_is_cut_off(world, sink):
    sink.answers = [web.Response(body=b"x" * 5_000_000)]
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    answer = await world.service.test(OPERATOR, hook.id)
    assert answer.is_taken
    assert len(answer.text) == 1_000


async def test_a_test_event_and_a_replay_are_sent_at_once_and_logged(world, sink):
    new = await world.service.add(OPERATOR, world.account, sink.url)
    assert (await world.service.test(OPERATOR, new.webhook.id)).is_taken
    message = Verifier(new.secret).verify(sink.got[0][1], sink.got[0][0])
    assert message["type"] == "webhook.test"
    await world.tell(2)
    await sink.until(2)

    async def is_logged():
        return len(await world.service.deliveries(OPERATOR, new.webhook.id)) == 2

    await world.until(is_logged)
    line = (await world.service.deliveries(OPERATOR, new.webhook.id))[0]
    assert (await world.service.replay(OPERATOR, new.webhook.id, line.id)).is_taken
    assert sink.got[2][0]["webhook-id"] == sink.got[1][0]["webhook-id"]
    assert events_of(sink.got[2:]) == events_of(sink.got[1:2])
    kinds = [d.kind for d in await world.service.deliveries(OPERATOR, new.webhook.id)]
    assert kinds == ["replay", "events", "test"]


async def test_a_restart_goes_on_where_it_was(world, sink):
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    await world.tell(2)
    await sink.until(1)

    async def is_taken():
        return (await world.stored(hook.id)).position == 2

    await world.until(is_taken)
    await world.hub.stop()
    await world.tell(3)
    world.hub = world.make_hub()
    await world.hub.start()
    await sink.until(2)
    assert [event["id"] for event in events_of(sink.got)] == ["1", "2", "3", "4", "5"]


async def test_paused_ones_wait_and_lose_nothing(world, sink):
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    await world.service.pause(OPERATOR, hook.id)
    await world.tell(4)
    assert sink.got == []
    await world.service.enable(OPERATOR, hook.id)
    await sink.until(1)
    assert len(events_of(sink.got)) == 4


async def test_only_who_may_sees_and_changes_them(world, sink):
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    view = {world.account: frozenset({Permission.WEBHOOK_VIEW})}
    viewer = Actor(ActorKind.USER, 1, "eva", view)
    stranger = Actor(ActorKind.USER, 2, "iván", {world.other: frozenset(Permission)})
    assert await world.service.all(stranger) == []
    assert [found.id for found in await world.service.all(viewer)] == [hook.id]
    for call in (
        world.service.get, world.service.deliveries, world.service.pause, world.service.enable,
        world.service.remove, world.service.rotate, world.service.test, world.service.change,
    ):  # fmt: skip
        with pytest.raises(NoSuchWebhook):
            await call(stranger, hook.id)
    for call in (
        world.service.pause, world.service.enable, world.service.remove, world.service.rotate,
        world.service.test, world.service.change,
    ):  # fmt: skip
        with pytest.raises(NotPermitted):
            await call(viewer, hook.id)
    with pytest.raises(PermanentError):
        await world.service.add(viewer, world.account, sink.url)


async def test_who_may_only_make_them_gets_the_secret_without_seeing_others(world, sink):
    maker = Actor(
        ActorKind.CREDENTIAL, 1, "erp", {world.account: frozenset({Permission.WEBHOOK_MANAGE})}
    )
    new = await world.service.add(maker, world.account, sink.url)
    assert new.secret.startswith("whsec_")
    assert await world.service.all(maker) == []


async def test_one_that_is_removed_leaves_nothing_that_events_wait_for(world, sink):
    hook = (await world.service.add(OPERATOR, world.account, sink.url)).webhook
    await world.service.remove(OPERATOR, hook.id)
    assert await world.service.all(OPERATOR) == []
    assert await world.store.read("event_cursors") == []
    await world.tell()
    assert sink.got == []
