"""The books of a relay that is quiet: what is on disk, what is counted and what is in memory agree."""

from collections import Counter
from typing import Any

from mta.delivery.sites import UNRESOLVED
from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType, Gate

FINAL = (
    EventType.DELIVERED,
    EventType.BOUNCED,
    EventType.EXPIRED,
    EventType.SUPPRESSED,
    EventType.CANCELLED,
)


def audit(relay: Any) -> None:
    """Fail unless every book balances."""
    _rows_agree_with_counters(relay)
    _windows_agree_with_rows(relay)
    _nothing_is_under_way(relay)
    _contents_are_counted(relay)


def _rows_agree_with_counters(relay: Any) -> None:
    (notices,) = relay.sql("SELECT count(*) FROM message WHERE flags & 4")[0]
    (rows,) = relay.sql("SELECT count(*) FROM delivery")[0]
    assert rows == relay.accepted + notices, "a delivery for each accepted recipient and notice"
    counted = dict(relay.sql("SELECT flow || '/' || state, n FROM flow_count WHERE n <> 0"))
    there = dict(relay.sql("SELECT flow || '/' || state, count(*) FROM delivery GROUP BY 1"))
    assert counted == there, f"flow_count {counted}, rows {there}"
    live = dict(relay.sql("SELECT id, live FROM segment WHERE live <> 0"))
    open_rows = dict(
        relay.sql(
            "SELECT segment, count(*) FROM (SELECT message FROM delivery WHERE state < 10 "
            "UNION ALL SELECT message FROM expansion) JOIN message AS m ON m.id = message GROUP BY 1"
        )
    )
    assert live == open_rows, f"segment.live {live}, open deliveries {open_rows}"
    # Who is suppressed at the door stands in one event of the message.
    ends = relay.sql(
        "SELECT d.address, d.state, count(e.id) FROM delivery AS d "
        "LEFT JOIN event AS e ON (e.delivery = d.id OR e.delivery = 0 AND e.type = 6 "
        "AND instr(e.data, '\"' || d.id || '\"') > 0) AND e.message = d.message AND e.type IN "
        f"({','.join(str(EVENT_CODES[t]) for t in FINAL)}) GROUP BY d.id"
    )
    for address, state, count in ends:
        is_final = DeliveryState(state).is_final
        assert count == is_final, f"{count} final events for {address} in state {state}"


def _windows_agree_with_rows(relay: Any) -> None:
    """Every ready row is in a window or will be read; what is in memory is a ready row."""
    board, domains = relay.board, relay.dispatcher.domains
    held: Counter[int] = Counter()
    for site in board.sites.values():
        in_windows = [d for s in site.streams.values() for d in s.window]
        assert site.waiting == len(in_windows), f"{site.site.name}: waiting {site.waiting}"
        held.update(d.id for d in in_windows)
    held.update(d.id for lane in relay.lanes() for d in _parked(lane))
    held.update(d.id for waiting in domains._waiting.values() for d in waiting.deliveries)
    assert not held or max(held.values()) == 1, "a delivery in two places"
    assert set(held) == set(board.loaded), (
        f"loaded without a place: {set(board.loaded) - set(held)}, "
        f"placed and not loaded: {set(held) - set(board.loaded)}"
    )
    ready = relay.sql(
        "SELECT id, site, class, flow, domain FROM delivery WHERE state = ?",
        int(DeliveryState.READY),
    )
    stale = set(held) - {row[0] for row in ready}
    assert not stale, f"in memory, and not ready on disk: {_rows(relay, stale)}"
    for row in ready:
        _can_be_found(relay, held, *row)


def _rows(relay: Any, deliveries: set[int]) -> list[Any]:
    statement = "SELECT address, state, flags, attempts, last_reply FROM delivery WHERE id = ?"
    return [relay.sql(statement, delivery) for delivery in list(deliveries)[:5]]


def _can_be_found(
    relay: Any, held: Counter[int], delivery: int, site: int, klass: int, flow: int, domain: str
) -> None:
    if held[delivery]:
        return
    if site == UNRESOLVED:
        waiting = relay.dispatcher.domains._waiting.get(domain)
        assert getattr(waiting, "more", False), f"nobody will resolve {domain}"
        return
    assert relay.board.flows.get(flow).gate != Gate.CANCELLED, "cancelled and not ended"
    board = relay.board.sites.get(site)
    stream = board.streams.get((klass, flow)) if board is not None else None
    assert stream is not None, f"{delivery} is ready and has no stream"
    will_be_read = stream.more and stream.cursor < delivery
    assert will_be_read, f"{delivery} is ready and will not be read"


def _parked(lane: Any) -> list[Any]:
    return [delivery for _, delivery in lane.picker._parked]


def _nothing_is_under_way(relay: Any) -> None:
    assert not relay.dispatcher.sending._lane_of, "attempts are left"
    links = 0
    for lane in relay.lanes():
        links += len(lane.links)
        assert all(k.attempts == 0 and k.bulk == 0 for k in lane.links), describe(relay)
    assert relay.dispatcher.lanes.connections_open == links
    assert not relay.states()["claimed"], "claimed rows without an attempt"
    preparation = relay.dispatcher.sending.preparation
    assert not preparation._failures
    for site_id, total in relay.dispatcher.lanes._totals.items():
        mine = sum(len(lane.links) for lane in relay.dispatcher.lanes.by_site[site_id])
        assert total.open_connections == mine, "connections of the site's total"


def _contents_are_counted(relay: Any) -> None:
    board = relay.board
    messages = {id(d.message): d.message for d in board.loaded.values()}
    waiting = Counter(id(d.message) for d in board.loaded.values())
    for key, message in messages.items():
        assert message.waiting == waiting[key], "deliveries of a message in memory"
    held = sum(len(m.content) for m in messages.values() if m.content is not None)
    assert board.content_bytes == held, f"content_bytes {board.content_bytes}, held {held}"


def describe(relay: Any) -> str:
    """For the message of a test that waited in vain."""
    lines = [f"states {dict(relay.states())}", f"board {len(relay.board.loaded)} loaded"]
    for site in relay.board.sites.values():
        lines.append(f"site {site.site.name}: waiting {site.waiting}")
        lines += [
            f"  stream {stream.klass}/{stream.flow.name}: window {len(stream.window)} "
            f"more {stream.more} cursor {stream.cursor} refilling {stream.is_refilling} "
            f"active {stream.active}"
            for stream in site.streams.values()
        ]
    for lane in relay.lanes():
        links = [(k.host, k.attempts, k.given, k.is_retiring) for k in lane.links]
        lines.append(
            f"lane {lane.site.site.name}: parked {lane.picker.parked} opening {lane.opening} "
            f"links {links} wait {lane.wait_reason!r} rest {lane.rest_outcome}"
        )
    for data, at_ms in relay.sql("SELECT data, at_ms FROM event ORDER BY id DESC LIMIT 8"):
        lines.append(f"event {at_ms} {data[:160]}")
    lines += [str(e) for e in relay.log() if e["level"] != "info"][-10:]
    return "\n".join(lines)
