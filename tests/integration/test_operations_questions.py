"""What operators ask of the queue: list, show, why, top, trace, on a real store."""

import orjson
import pytest

from mta.engine.control import NoServer
from mta.engine.port import SiteView
from mta.model.errors import PermanentError
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, Gate
from tests.integration.queue_stand import RunningPort, Stand

READY, SCHEDULED, BOUNCED, DELIVERED = (
    DeliveryState.READY,
    DeliveryState.SCHEDULED,
    DeliveryState.BOUNCED,
    DeliveryState.DELIVERED,
)


@pytest.fixture
async def stand(tmp_path):
    stand = await Stand.open(tmp_path)
    yield stand
    await stand.store.close()


def _ids(rows):
    return [row["id"] for row in rows]


def _names(deliveries):
    return [str(d.id) for d in deliveries]


# -- list -------------------------------------------------------------------------------------


async def test_a_row_says_what_people_want_to_know(stand):
    site = await stand.site()
    flow = await stand.flow("shop")
    (mail,) = await stand.put(flow, site=site)
    await stand.defer(mail, "451 4.7.1 greylisted", after_s=360)
    (row,) = await stand.ask("queue.list")
    assert row == {
        "id": str(mail.id),
        "message": str(mail.message.id),
        "recipient": "user0@example.org",
        "state": "scheduled",
        "held": False,
        "held_reason": "",
        "class": "transactional",
        "site": "google",
        "flow": "shop",
        "account": "7",
        "attempts": 1,
        "due": stand.clock.now_ms() + 360_000,
        "last_reply": "451 4.7.1 greylisted",
        "last_host": "mx1.example.org[192.0.2.1]",
        "created": id_time_ms(mail.message.id),
    }
    assert orjson.dumps(row)


async def test_a_row_says_that_it_is_held_and_by_what(stand):
    site = await stand.site()
    campaign, stream = await stand.flow("spring", kind="campaign"), await stand.flow("erp")
    other = await stand.flow("shop", account=8)
    (gated,), (of_account,) = await stand.put(campaign), await stand.put(stream)
    (of_site,), single = await stand.put(other, site=site), await stand.put(other, 2)
    await stand.ask("queue.hold", campaign="spring", reason="typo")
    await stand.ask("queue.hold", account="7", reason="unpaid")
    await stand.ask("queue.hold", site="google", reason="blocked")
    await stand.ask("queue.hold", id=single[0].id)
    stand.flows.discard(stream)  # not in memory, as without a server
    held = {
        str(gated.id): "campaign spring: typo",
        str(of_account.id): "application erp: unpaid",
        str(of_site.id): "site google: blocked",
        str(single[0].id): "queue hold",
        str(single[1].id): "",
    }
    rows = await stand.ask("queue.list")
    assert {r["id"]: r["held_reason"] for r in rows} == held
    assert [r["held"] for r in rows] == [bool(held[r["id"]]) for r in rows]
    shown = await stand.ask("queue.show", id=gated.id)
    assert shown["deliveries"][0]["held"] is True
    await stand.ask("queue.release", all=True)
    assert not any(r["held"] for r in await stand.ask("queue.list"))


async def test_open_mail_is_listed_oldest_first_and_in_pages(stand):
    a, b = await stand.flow("a"), await stand.flow("b")
    mail = []
    for flow in (a, b, a, b):
        mail += await stand.put(flow, 2)
    await stand.finish(mail[0], DELIVERED, "250 ok")
    names = _names(mail[1:])
    assert _ids(await stand.ask("queue.list")) == names
    first = await stand.ask("queue.list", limit=3)
    assert _ids(first) == names[:3]
    rest = await stand.ask("queue.list", cursor=first[-1]["id"])
    assert _ids(rest) == names[3:]


async def test_a_list_is_narrowed_by_each_selector(stand):
    google, other = await stand.site(), await stand.site("example.org", "")
    a, b = await stand.flow("a"), await stand.flow("b", account=8)
    one = await stand.put(a, 1, site=google)
    two = await stand.put(a, 1, site=other, source="198.51.100.9")
    three = await stand.put(b, 1, site=google, address="x@example.net", state=SCHEDULED)
    for selectors, expected in (
        ({"site": "google"}, [*one, *three]),
        ({"site": str(other)}, two),
        ({"site": "example.net"}, three),
        ({"account": "8"}, three),
        ({"campaign": "a"}, [*one, *two]),
        ({"source": "198.51.100.9"}, two),
        ({"state": "scheduled"}, three),
        ({"id": str(two[0].message.id)}, two),
        ({"site": "google", "account": "7"}, one),
        ({"campaign": "nothing"}, []),
        ({"state": "delivered"}, []),
    ):
        assert _ids(await stand.ask("queue.list", **selectors)) == _names(expected), selectors


async def test_the_newest_of_a_final_state_are_listed_newest_last(stand):
    flow, other = await stand.flow("a"), await stand.flow("b")
    mail = await stand.put(flow, 5)
    elsewhere = await stand.put(other, 1)
    for delivery in [*mail, *elsewhere]:
        await stand.finish(delivery, BOUNCED, "550 5.1.1 no")
    names = _names(mail)
    rows = await stand.ask("queue.list", state="bounced", campaign="a", limit=2)
    assert _ids(rows) == names[3:]
    rows = await stand.ask("queue.list", state="bounced", limit=2, cursor=rows[0]["id"])
    assert _ids(rows) == names[1:3]
    assert await stand.ask("queue.list") == []


async def test_an_unknown_state_is_told(stand):
    with pytest.raises(PermanentError, match="expected one of scheduled, ready"):
        await stand.ask("queue.list", state="lost")


# -- show and trace ---------------------------------------------------------------------------


async def test_show_tells_a_message_by_its_own_id_or_a_deliverys(stand):
    flow = await stand.flow("shop")
    mail = await stand.put(flow, 2)
    await stand.defer(mail[1], "451 4.3.0 later")
    shown = await stand.ask("queue.show", id=str(mail[0].message.id))
    assert shown == await stand.ask("queue.show", id=str(mail[1].id))
    message = shown["message"]
    assert message["sender"] == "ana@sender.example"
    assert message["tags"] == ["a", "b"]
    assert message["flags"] == ["relay"]
    assert message["source"] == "192.0.2.7"
    assert message["envelope_id"] == "ENV"
    assert _ids(shown["deliveries"]) == _names(mail)
    assert [e["type"] for e in shown["history"]] == ["message.accepted", "message.deferred"]
    assert shown["history"][1]["data"] == {"reply": "451 4.3.0 later"}
    with pytest.raises(PermanentError, match="no message or delivery has the id 17"):
        await stand.ask("queue.show", id="17")
    with pytest.raises(PermanentError, match="id is missing"):
        await stand.ask("queue.show")


async def test_trace_tells_everything_of_one_person_newest_first(stand):
    flow = await stand.flow()
    (old,) = await stand.put(flow, address="Ana@example.org")
    stand.clock.advance(60)
    both = await stand.put(flow, 2, address="ana@example.org")
    await stand.defer(both[1], "451 4.3.0 later")
    await stand.put(flow, address="other@example.org")
    answer = await stand.ask("trace", address="<Ana@EXAMPLE.org>")
    assert answer["address"] == "Ana@example.org"
    assert _ids(answer["deliveries"]) == _names([both[1], both[0], old])
    assert answer["deliveries"][0]["subject"] == "Factura"
    assert [(e["type"], e.get("delivery")) for e in answer["history"]] == [
        ("message.accepted", None),
        ("message.accepted", None),
        ("message.deferred", str(both[1].id)),
    ]
    newest = await stand.ask("trace", address="ana@example.org", limit=1)
    assert _ids(newest["deliveries"]) == _names([both[1]])


async def test_trace_of_an_unknown_person_is_empty_and_of_no_address_an_error(stand):
    answer = await stand.ask("trace", address="nobody@example.org")
    assert answer == {"address": "nobody@example.org", "deliveries": [], "history": []}
    with pytest.raises(PermanentError, match="has no domain"):
        await stand.ask("trace", address="nobody")


# -- why --------------------------------------------------------------------------------------


async def test_why_tells_the_gate_the_hold_and_that_no_server_runs(stand):
    flow = await stand.flow("spring", kind="campaign")
    (mail,) = await stand.put(flow)
    await stand.ask("queue.hold", id=mail.id)
    await stand.ask("queue.hold", campaign="spring", reason="typo")
    stand.flows.discard(flow)  # not in memory, as without a server
    answer = await stand.ask("queue.why", id=str(mail.id))
    assert [h["what"] for h in answer["held_by"]] == ["flow", "operator", "server"]
    assert "typo" in answer["held_by"][0]["detail"]
    assert answer["state"] == "scheduled"
    assert answer["due"] == 0
    assert "relevo queue release" in answer["explanation"]


async def test_why_tells_the_reply_that_put_a_delivery_off(stand):
    flow = await stand.flow()
    (mail,) = await stand.put(flow)
    await stand.defer(mail, "452 4.2.2 mailbox full", after_s=600)
    stand.with_port(RunningPort(stand))
    answer = await stand.ask("queue.why", id=mail.id)
    due_ms = stand.clock.now_ms() + 600_000
    assert answer["due"] == due_ms
    assert answer["last_reply"] == "452 4.2.2 mailbox full"
    assert answer["held_by"] == [
        {"what": "retry", "detail": "452 4.2.2 mailbox full", "until": due_ms}
    ]
    assert "mx1.example.org" in answer["explanation"]


async def test_why_tells_the_limit_of_the_site_and_the_turn(stand):
    site = await stand.site()
    flow = await stand.flow()
    mail = await stand.put(flow, 6, site=site)
    port = RunningPort(stand)
    now_ms = stand.clock.now_ms()
    port.views[site] = SiteView(
        site, "google", connections=5, limit=5,
        wait_reason="messages_per_minute = 60", wait_until_ms=now_ms + 900,
    )  # fmt: skip
    stand.with_port(port)
    answer = await stand.ask("queue.why", id=mail[5].id)
    assert answer["held_by"] == [
        {"what": "limit", "detail": "messages_per_minute = 60", "until": now_ms + 900},
        {"what": "turn", "detail": "5 older ready deliveries of the site", "until": 0},
    ]
    port.under_way.add(mail[0].id)
    assert "being sent now" in (await stand.ask("queue.why", id=mail[0].id))["explanation"]


async def test_why_tells_that_the_mail_servers_are_looked_up(stand):
    flow = await stand.flow()
    (mail,) = await stand.put(flow)
    port = RunningPort(stand)
    port.under_way.add(mail.id)  # it waits in memory, in no window
    answer = await stand.with_port(port).ask("queue.why", id=mail.id)
    assert [h["what"] for h in answer["held_by"]] == ["dns"]


async def test_why_tells_what_became_of_finished_mail(stand):
    flow = await stand.flow()
    (mail,) = await stand.put(flow)
    await stand.finish(mail, BOUNCED, "550 5.1.1 no such user")
    answer = await stand.ask("queue.why", id=mail.id)
    assert answer["held_by"] == []
    assert "refused for good" in answer["explanation"]
    assert "550 5.1.1 no such user" in answer["explanation"]


async def test_why_of_a_message_tells_each_delivery_that_is_open(stand):
    flow = await stand.flow()
    mail = await stand.put(flow, 3)
    await stand.finish(mail[0], DELIVERED, "250 ok")
    answers = await stand.ask("queue.why", id=mail[0].message.id)
    assert _ids(answers) == _names(mail[1:])


async def test_why_of_a_site_and_of_a_campaign(stand):
    site = await stand.site()
    flow = await stand.flow("spring", kind="campaign")
    await stand.put(flow, 3, site=site)
    port = RunningPort(stand)
    port.views[site] = SiteView(
        site, "google", stage="resting", stage_reply="421 4.7.28 unusual rate",
        stage_until_ms=stand.clock.now_ms() + 1000,
    )  # fmt: skip
    stand.with_port(port)
    await stand.ask("queue.hold", site="google", reason="blocked")
    answer = await stand.ask("queue.why", site="google")
    assert [h["what"] for h in answer["held_by"]] == ["site", "back-off"]
    assert answer["ready"] == 3
    assert "421 4.7.28 unusual rate" in answer["explanation"]
    answer = await stand.ask("queue.why", campaign="spring")
    assert answer["deliveries"] == {"ready": 3}
    assert answer["explanation"] == "The campaign 'spring' is open."
    flow.not_before_ms = stand.clock.now_ms() + 60_000
    answer = await stand.ask("queue.why", campaign="spring")
    assert answer["held_by"][0]["until"] == flow.not_before_ms
    flow.gate = Gate.CANCELLED
    assert "cancelled" in (await stand.ask("queue.why", campaign="spring"))["explanation"]


async def test_why_of_a_site_tells_what_waits_for_a_retry(stand):
    site, flow = await stand.site(), await stand.flow()
    mail = await stand.put(flow, 3, site=site)
    await stand.defer(mail[0], "451 4.3.0 later", after_s=900)
    await stand.defer(mail[1], "452 4.2.2 full", after_s=600)
    stand.with_port(RunningPort(stand))
    answer = await stand.ask("queue.why", site="google")
    assert (answer["ready"], answer["scheduled"]) == (1, 2)
    (holder,) = answer["held_by"]
    assert holder == {
        "what": "retry",
        "detail": "2 deliveries: 452 4.2.2 full",
        "until": stand.clock.now_ms() + 600_000,
    }
    assert "2 deliveries to the site google were put off" in answer["explanation"]
    assert "Nothing holds" not in answer["explanation"]


async def test_why_of_nothing_is_told(stand):
    with pytest.raises(PermanentError, match="no mail in the queue fits"):
        await stand.ask("queue.why", account="7")


# -- top --------------------------------------------------------------------------------------


async def test_top_shows_the_longest_queue_first(stand):
    small, big = await stand.site("small", ""), await stand.site("big", "")
    flow = await stand.flow()
    await stand.put(flow, 1, site=small)
    await stand.put(flow, 3, site=big)
    port = RunningPort(stand)
    port.views = {
        small: SiteView(small, "small", waiting=2, rate=20.0, limit=4, stage="resting"),
        big: SiteView(big, "big", rest_until_ms=1, rest_reply="421 busy"),
    }
    stand.with_port(port)
    rows = await stand.ask("queue.top")
    assert [(r["site"], r["ready"]) for r in rows] == [("big", 3), ("small", 2)]
    assert rows[0]["wait"] == "connection failed: 421 busy"
    assert (rows[1]["rate"], rows[1]["limit"], rows[1]["backoff"]) == ("20/s", 4, "resting")
    assert [r["site"] for r in await stand.ask("queue.top", site="small")] == ["small"]
    with pytest.raises(PermanentError, match="by site only"):
        await stand.ask("queue.top", account="7")


async def test_top_needs_a_running_server(stand):
    with pytest.raises(NoServer):
        await stand.ask("queue.top")
