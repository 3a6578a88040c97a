"""What keeps the disk small takes nothing that is needed, and little at a time."""

from mta.engine import history
from mta.store.base import SegmentUse
from mta.store.work import Rows
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

DAY_S = 86_400
YEAR_S = 366 * DAY_S


async def test_history_goes_in_small_jobs_and_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "ROWS", 4)
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        await relay.submit(*(f"u{n}@one.test" for n in range(10)))
        await relay.submit("gone@nowhere.test")
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=11, bounced=1)
        relay.advance(YEAR_S)
        rows = []
        submit = relay.store._store.submit
        monkeypatch.setattr(
            relay.store._store,
            "submit",
            lambda work, *rest, **named: (
                rows.extend(len(r.rows) for r in work if r.statement.startswith("history")),
                submit(work, *rest, **named),
            )[1],
        )
        await relay.engine.housekeeping.sweep_now()
        assert not relay.states()
        assert relay.sql("SELECT count(*) FROM message") == [(0,)]
        assert relay.sql("SELECT count(*) FROM event WHERE message > 0") == [(0,)]
        assert max(rows) == 4
        relay.audits = False  # what was accepted is not there any more


async def test_content_that_is_being_sent_is_not_moved(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        network.dns.pause()
        message = await relay.submit("ana@one.test")
        await relay.until(lambda: message in relay.board.messages)
        ((segment, kind),) = relay.sql("SELECT id, kind FROM segment")
        sparse = SegmentUse(segment, kind, 1, 100, 1)
        await relay.engine.housekeeping._move_survivors(sparse)
        assert relay.sql("SELECT segment FROM message") == [(segment,)]
        network.dns.resume()
        await relay.until_states(delivered=1)


async def test_content_that_waits_is_moved_and_delivered_from_its_new_place(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(replies={"RCPT": b"451 4.7.1 later\r\n"}))
        network.domain("one.test", mx)
        message = await relay.submit("ana@one.test", body="as it was\r\n")
        await relay.until_states(scheduled=1)
        await relay.until(lambda: message not in relay.board.messages)
        ((segment, kind),) = relay.sql("SELECT id, kind FROM segment")
        sparse = SegmentUse(segment, kind, 1, 100, 1)
        relay.store._store._segments._current.clear()  # the next content opens another segment
        await relay.engine.housekeeping._move_survivors(sparse)
        assert relay.sql("SELECT segment FROM message") != [(segment,)]
        assert relay.sql("SELECT sum(live) FROM segment") == [(1,)]
        mx.behaviour = Behaviour()
        mx.drop()
        relay.advance(600)
        await relay.until_states(delivered=1)
        assert b"as it was" in mx.received[-1].content


async def test_history_waits_for_whoever_follows_it_but_not_for_ever(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)
        moved_ms = relay.clock.now_ms()
        await relay.store.submit([Rows("event_cursor_insert", [("slow", 0, moved_ms)])])
        relay.audits = False  # what was accepted will not be there any more
        relay.advance(91 * DAY_S)
        await relay.engine.housekeeping.sweep_now()
        assert relay.sql("SELECT count(*) FROM message") == [(1,)]
        assert relay.sql("SELECT count(*) FROM event WHERE message > 0") == [(2,)]
        relay.advance(30 * DAY_S)
        await relay.engine.housekeeping.sweep_now()
        assert relay.sql("SELECT count(*) FROM message") == [(0,)]
        assert relay.sql("SELECT count(*) FROM event WHERE message > 0") == [(0,)]


async def test_a_message_of_many_is_looked_at_in_parts_and_goes_when_the_last_is_old(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(history, "MANY", 4)
    monkeypatch.setattr(history, "PART", 3)
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        later = Behaviour(replies={"RCPT": b"451 4.7.1 later\r\n"})
        network.domain("slow.test", await network.receiver(3, later))
        await relay.submit(*(f"u{n}@one.test" for n in range(7)))
        kept = await relay.submit(*(f"u{n}@one.test" for n in range(6)), "last@slow.test")
        for _ in range(3):
            await relay.submit("ana@one.test", "eva@one.test")
        await relay.until_states(delivered=19, scheduled=1)
        relay.audits = False  # what was accepted will not be there any more
        relay.advance(YEAR_S)
        await relay.until_states(delivered=19, expired=1)
        await relay.engine.housekeeping.sweep_now()
        assert relay.sql("SELECT message, count(*) FROM delivery GROUP BY message") == [(kept, 7)]
        relay.advance(YEAR_S)
        await relay.engine.housekeeping.sweep_now()
        left = "SELECT count(*) FROM message UNION ALL SELECT count(*) FROM delivery"
        assert relay.sql(left) == [(0,), (0,)]
