"""Campaigns from a draft to the last delivery, over real SMTP: T-a, T-d, T-m."""

from collections import Counter
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from console.campaigns.checks import CampaignConflict
from console.campaigns.life import NotConfirmed
from console.campaigns.states import CampaignStatus as S
from console.campaigns.states import Origin, Reason
from mta.model.errors import PermanentError
from tests.campaign_world import ANY, CONTENT, OPERATOR, CampaignRelay
from tests.evil.behaviour import Behaviour


@pytest.fixture
async def relay(tmp_path, network, receiver):
    async with CampaignRelay(tmp_path / "relay", network) as relay:
        yield relay


def recipients(receiver) -> Counter:
    return Counter(address for mail in receiver.received for address in mail.recipients)


async def test_T_a_a_campaign_goes_to_everybody_once_and_is_finished(relay, receiver):
    draft = await relay.draft(300)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    done = await relay.until_status(draft, S.FINISHED)
    got = recipients(receiver)
    assert len(got) == 300
    assert set(got.values()) == {1}
    assert done.frozen.total == 300
    history = await relay.campaigns.history(OPERATOR, draft.id)
    assert [change.became for change in history] == ["draft", "preparing", "running", "finished"]


async def test_T_d_a_pause_holds_everything_and_resuming_repeats_nobody(relay, receiver):
    draft = await relay.draft(400, rate_per_hour=360_000)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until(lambda: len(receiver.received) > 20)
    paused = await relay.campaigns.pause(OPERATOR, draft.id, "a typing error")
    assert (paused.status, paused.reason, paused.note) == (S.PAUSED, Reason.USER, "a typing error")
    await relay.quiet()
    sent = len(receiver.received)
    assert sent < 400
    progress = await relay.campaigns.progress(OPERATOR, draft.id)
    assert progress.delivered == sent
    assert progress.left == 400 - sent
    await relay.campaigns.resume(OPERATOR, draft.id)
    done = await relay.until_status(draft, S.FINISHED)
    assert sorted(recipients(receiver).values()) == [1] * 400
    figures = done.figures
    assert 0 < figures.t50_ms <= figures.t90_ms <= figures.t99_ms
    progress = await relay.campaigns.progress(OPERATOR, draft.id)
    assert (progress.delivered, progress.left, progress.percent) == (400, 0, 100.0)
    assert [one.delivered for one in progress.providers] == [400]


async def test_a_cancelled_campaign_sends_no_more_and_gives_its_quota_back(relay, receiver):
    await relay.bag(1_000)
    draft = await relay.draft(400, rate_per_hour=72_000)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until(lambda: len(receiver.received) > 10)
    await relay.campaigns.cancel(OPERATOR, draft.id, "not needed")
    done = await relay.settled(draft)
    sent = len(receiver.received)
    assert done.status is S.CANCELLED
    assert done.figures.counts["delivered"] == sent < 400
    await relay.until_left(1_000 - sent)


async def test_what_the_bag_cannot_pay_waits_for_more(relay, receiver):
    await relay.bag(100)
    draft = await relay.draft(50)
    hour_ms = relay.clock.now_ms() + 3_600_000
    await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, ANY)
    relay.lists.rows[1].total = 150  # the list grew
    relay.advance_campaigns(3_600)
    paused = await relay.until_status(draft, S.PAUSED)
    assert paused.reason is Reason.QUOTA
    assert receiver.received == []
    assert await relay.left() == 100


async def test_T_m_a_campaign_goes_at_its_hour_prepared_before(relay, receiver):
    draft = await relay.draft(50)
    hour_ms = relay.clock.now_ms() + 300_000
    await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, ANY)
    await relay.until_prepared(draft)
    assert relay.states()["ready"] == 50
    assert receiver.received == []
    relay.advance_campaigns(300)
    await relay.until_status(draft, S.FINISHED)
    assert sorted(recipients(receiver).values()) == [1] * 50


async def test_T_m_an_hour_missed_by_more_than_its_grace_waits_for_a_person(relay, receiver):
    told = []
    relay.services.campaigns.runner.on_news = lambda campaign: _tell(told, campaign)
    draft = await relay.draft(50, grace_min=30)
    await relay.campaigns.schedule(OPERATOR, draft.id, relay.clock.now_ms() + 3_600_000, ANY)
    relay.advance_campaigns(2 * 3600)
    late = await relay.until_status(draft, S.PAUSED)
    assert late.reason is Reason.LATE
    await relay.until(lambda: told)
    assert [campaign.id for campaign in told] == [draft.id]
    assert receiver.received == []
    await relay.campaigns.resume(OPERATOR, draft.id)
    await relay.until_status(draft, S.FINISHED)
    assert len(recipients(receiver)) == 50


async def _tell(told: list, campaign) -> None:
    told.append(campaign)


async def test_a_canary_is_sent_alone_and_the_rest_when_somebody_looked(relay, receiver):
    draft = await relay.draft(300, canary=20)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    paused = await relay.until_status(draft, S.PAUSED)
    assert paused.reason is Reason.CANARY
    assert set(recipients(receiver)) == {f"RCPT TO:<u{n}@one.test>" for n in range(20)}
    await relay.campaigns.resume(OPERATOR, draft.id)
    await relay.until_status(draft, S.FINISHED)
    assert sorted(recipients(receiver).values()) == [1] * 300


async def test_everything_stops_at_one_word(relay, receiver):
    first, second = [await relay.draft(400, rate_per_hour=36_000) for _ in range(2)]
    third = await relay.draft(5)
    await relay.campaigns.schedule(OPERATOR, third.id, relay.clock.now_ms() + 86_400_000, ANY)
    for draft in (first, second):
        await relay.campaigns.start(OPERATOR, draft.id, ANY)
        await relay.until_status(draft, S.RUNNING)
    stopped = await relay.campaigns.stop_all(OPERATOR, note="incident")
    assert {campaign.id for campaign in stopped} == {first.id, second.id, third.id}
    assert {(c.status, c.reason) for c in stopped} == {(S.PAUSED, Reason.STOPPED)}
    await relay.quiet()
    sent = len(receiver.received)
    await relay.campaigns.cancel(OPERATOR, first.id)
    await relay.campaigns.cancel(OPERATOR, second.id)
    await relay.settled(second)
    assert len(receiver.received) == sent


async def test_an_operator_who_holds_the_flow_pauses_the_campaign(relay, receiver):
    draft = await relay.draft(400, rate_per_hour=36_000)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    running = await relay.until_status(draft, S.RUNNING)
    await relay.until(lambda: receiver.received)
    await relay.queue["queue.hold"]({"campaign": str(running.frozen.flow), "reason": "look"})
    paused = await relay.until_status(draft, S.PAUSED)
    assert (paused.reason, paused.note) == (Reason.OPERATOR, "look")
    await relay.queue["queue.cancel"]({"campaign": str(running.frozen.flow)})
    done = await relay.settled(draft)
    assert done.status is S.CANCELLED


async def test_a_test_mail_costs_nothing_and_says_what_it_is(relay, receiver):
    await relay.bag(10)
    draft = await relay.draft(3)
    (message,) = await relay.campaigns.test_send(OPERATOR, draft.id, ["me@one.test"], row=2)
    assert message
    await relay.until(lambda: receiver.received)
    (mail,) = receiver.received
    assert b"Subject: [Prueba] Hola persona 2" in mail.content
    assert b"X-Campaign-Test: 1" in mail.content
    assert await relay.left() == 10


async def test_a_campaign_in_mjml_has_html_with_its_slots_and_a_text_part(relay, receiver):
    source = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>[[ aviso ]] {{ nombre }}</mj-text>"
        "</mj-column></mj-section></mj-body></mjml>"
    )
    content = replace(
        CONTENT, kind="mjml", source=source, text="", slots={"aviso": "Corte"}, preheader="Ya"
    )
    draft = await relay.draft(1, content=content)
    assert (await relay.campaigns.preflight(OPERATOR, draft.id)).errors == 0
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until_status(draft, S.FINISHED)
    mail = message_from_bytes(receiver.received[0].content, policy=policy.default)
    html, text = [mail.get_body((kind,)).get_content() for kind in ("html", "plain")]
    assert "<mj-text" not in html
    assert "Corte persona 0" in " ".join(html.split())
    assert ">Ya</div>" in html
    assert "Corte persona 0" in " ".join(text.split())


async def test_a_second_wave_goes_to_those_who_were_not_reached(relay, receiver):
    receiver.behaviour = Behaviour(replies={"RCPT": b"550 5.7.1 not today\r\n"})
    draft = await relay.draft(5)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    done = await relay.settled(draft)
    assert done.figures.counts == {"bounced": 5}
    receiver.behaviour = Behaviour()
    receiver.drop()  # connections keep to what they were
    child = await relay.campaigns.resend(OPERATOR, draft.id, Origin.FAILED)
    await relay.campaigns.start(OPERATOR, child.id, ANY)
    done = await relay.settled(child)
    assert (done.frozen.total, done.parent) == (5, draft.id)
    assert sorted(recipients(receiver).values()) == [1] * 5
    again = await relay.campaigns.correct(OPERATOR, child.id)
    assert [one.name for one in (draft, child, again)] == [
        f"{draft.name}{n}" for n in ("", " (2)", " (3)")
    ]
    await relay.campaigns.start(OPERATOR, again.id, ANY)
    assert (await relay.until_status(again, S.FINISHED)).frozen.total == 5


async def test_T_e_a_campaign_to_dead_addresses_stops_itself_until_somebody_looked(relay, receiver):
    receiver.behaviour = Behaviour(replies={"RCPT": b"550 5.1.1 no such user\r\n"})
    draft = await relay.draft(900, rate_per_hour=1_800_000)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    paused = await relay.until_status(draft, S.PAUSED)
    assert paused.reason is Reason.BOUNCES
    await relay.quiet()
    progress = await relay.campaigns.progress(OPERATOR, draft.id)
    assert 500 <= progress.bounced < 900
    with pytest.raises(NotConfirmed, match="confirm"):
        await relay.campaigns.resume(OPERATOR, draft.id)
    await relay.campaigns.resume(OPERATOR, draft.id, is_confirmed=True)
    await relay.until_status(draft, S.FINISHED)


async def test_a_second_person_approves_what_an_editor_asks_for(relay):
    ana, ben = person(relay, 1, Role.EDITOR), person(relay, 2, Role.SENDER)
    await relay.services.accounts.change_settings(OPERATOR, relay.account, needs_approval=True)
    draft = await relay.draft(3)
    with pytest.raises(PermanentError, match="second person"):
        await relay.campaigns.start(ben, draft.id, ANY)
    asked = await relay.campaigns.submit_for_review(ana, draft.id)
    assert asked.status is S.IN_REVIEW
    with pytest.raises(NotPermitted):
        await relay.campaigns.approve(ana, draft.id)
    refused = await relay.campaigns.reject(ben, draft.id, "wrong hour")
    assert (refused.status, refused.reason, refused.note) == (
        S.DRAFT,
        Reason.REJECTED,
        "wrong hour",
    )
    await relay.campaigns.submit_for_review(ana, draft.id)
    edited = await relay.campaigns.edit(ana, draft.id, name="Otro")
    assert (edited.status, edited.approval) == (S.DRAFT, 0)
    await relay.campaigns.submit_for_review(ana, draft.id)
    assert (await relay.campaigns.approve(ben, draft.id)).status is S.APPROVED
    changed = await relay.campaigns.edit(ana, draft.id, name="Aviso")
    assert (changed.status, changed.reason) == (S.DRAFT, Reason.EDITED)
    await relay.campaigns.submit_for_review(ana, draft.id)
    await relay.campaigns.approve(ben, draft.id)
    await relay.campaigns.start(ben, draft.id, ANY)
    await relay.until_status(draft, S.FINISHED)


async def test_a_review_that_a_change_overtakes_leaves_neither_request_nor_move(relay, monkeypatch):
    ana, draft = person(relay, 1, Role.EDITOR), await relay.draft(3)
    approvals, names = relay.services.approvals, iter(range(1000))
    ask = approvals.request

    async def overtaken(*args, **named):
        await relay.campaigns.edit(OPERATOR, draft.id, name=f"Otro {next(names)}")
        return await ask(*args, **named)

    monkeypatch.setattr(approvals, "request", overtaken)
    with pytest.raises(CampaignConflict):
        await relay.campaigns.submit_for_review(ana, draft.id)
    assert (await relay.campaigns.get(OPERATOR, draft.id)).status is S.DRAFT
    assert await approvals.list(OPERATOR) == []
    monkeypatch.undo()
    asked = await relay.campaigns.submit_for_review(ana, draft.id)
    (open_one,) = await approvals.list(OPERATOR)
    assert (asked.status, asked.approval) == (S.IN_REVIEW, open_one.id)


async def test_who_saw_an_older_campaign_does_not_overwrite_a_newer_one(relay):
    draft = await relay.draft(3)
    changed = await relay.campaigns.edit(OPERATOR, draft.id, draft.etag, name="first")
    assert changed.etag == draft.etag + 1
    with pytest.raises(CampaignConflict):
        await relay.campaigns.edit(OPERATOR, draft.id, draft.etag, name="second")


def person(relay, number: int, role: Role) -> Actor:
    grants = {relay.account: PERMISSIONS[role]}
    return Actor(ActorKind.USER, number, f"{role}@example.org", grants)


async def test_T_d_killed_in_the_middle_nobody_is_lost_or_written_to_twice(
    tmp_path, network, receiver
):
    relay = CampaignRelay(tmp_path / "relay", network)
    lists = relay.lists
    async with relay:
        draft = await relay.draft(900)
        await relay.campaigns.start(OPERATOR, draft.id, ANY)
        await relay.until(lambda: lists.rows[1].served >= 500)
        await relay.kill()
    async with relay:
        await relay.until_status(draft, S.RUNNING)
        await relay.until(lambda: len(receiver.received) > 100)
        await relay.kill()
    relay.audits = False  # what was on the wire may come twice, after a quarter of an hour
    async with relay:
        await relay.until(lambda: relay.states()["delivered"] + relay.states()["scheduled"] == 900)
        rows = relay.sql("SELECT count(*), count(DISTINCT address) FROM delivery")
        assert rows == [(900, 900)]
        assert len(recipients(receiver)) >= 900 - relay.states()["scheduled"]
        assert lists.frozen == 1
