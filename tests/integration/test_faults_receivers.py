"""Receivers that are silent, slow, talkative or gone: each outcome right, no other site disturbed."""

import pytest

from tests.evil.behaviour import Behaviour, Fault
from tests.integration.relay import CALM, Relay
from tests.integration.relay_network import Network

CONNECTIONS_MAX = 10  # of CALM
STORM = 10_000  # deliveries queued for a site that refuses them all
SOON_S = 1_200.0  # past the first retry, and the quarter of an hour of uncertain mail
SHORT = {f"DELIVERY__TIMEOUTS__{step}": "0.3s" for step in ("GREETING", "EHLO", "MAIL", "RCPT")}
SHORT |= {f"DELIVERY__TIMEOUTS__{step}": "0.3s" for step in ("DATA", "BLOCK", "DOT")}
STUCK = {
    "silent when connected": Behaviour(faults={"GREETING": Fault.NEVER_REPLY}),
    "silent after MAIL": Behaviour(faults={"MAIL": Fault.NEVER_REPLY}),
    "silent after the dot": Behaviour(faults={"DOT": Fault.NEVER_REPLY}),
    "drips its greeting": Behaviour(faults={"GREETING": Fault.DRIP}, drip_s=1.0),
    "drips its replies": Behaviour(faults={"RCPT": Fault.DRIP}, drip_s=1.0),
    "reads no body": Behaviour(stops_reading=True),
}
DEFERRED = {
    **{f"421 at {step}": Behaviour(faults={step: Fault.CLOSING}) for step in
       ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT")},
    **{f"reset at {step}": Behaviour(faults={step: Fault.RESET}) for step in
       ("GREETING", "EHLO", "MAIL", "RCPT", "DATA")},
    "endless greeting": Behaviour(faults={"GREETING": Fault.ENDLESS}),
    "endless reply to MAIL": Behaviour(faults={"MAIL": Fault.ENDLESS}),
    "endless line at RCPT": Behaviour(faults={"RCPT": Fault.ENDLESS_LINE}),
    "octets that are no reply": Behaviour(faults={"RCPT": Fault.BINARY}),
}  # fmt: skip
IN_DOUBT = {
    "closes after the dot": Fault.DROP,
    "resets after the dot": Fault.RESET,
    "endless reply to the dot": Fault.ENDLESS,
    "octets that are no reply to the dot": Fault.BINARY,
}
WORDS = "Ñandú está lleno: 満杯 \N{CROSS MARK}".encode()


assert f"connections_max = {CONNECTIONS_MAX}" in CALM


@pytest.fixture(autouse=True)
def short_rest(monkeypatch) -> None:
    """A site that could not be reached is tried again after a fifth of a second, not after five."""
    monkeypatch.setattr("mta.delivery.lane.REST_AFTER_FAILURE_S", 0.2)


async def test_sites_that_are_stuck_hold_up_no_other(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        good = await network.receiver(2)
        network.domain("good.test", good)
        stuck = []
        for number, behaviour in enumerate(STUCK.values(), 3):
            mx = await network.receiver(number, behaviour)
            network.domain(f"stuck{number}.test", mx)
            stuck.append(mx)
            for n in range(20):
                await relay.submit(f"u{n}@stuck{number}.test", body="x" * 76 + "\r\n")
        await relay.until(lambda: all(mx.dialogues for mx in stuck))
        for n in range(300):
            await relay.submit(f"u{n}@good.test")
        await relay.until(lambda: len(good.received) == 300)
        await relay.until(lambda: relay.states()["delivered"] == 300)
        for mx in stuck:
            assert len(mx._tasks) <= CONNECTIONS_MAX
            mx.behaviour = Behaviour(faults={"GREETING": Fault.DROP})
            mx.drop()
        await relay.until(lambda: relay.states()["scheduled"] == 20 * len(stuck))


@pytest.mark.parametrize("behaviour", STUCK.values(), ids=STUCK.keys())
async def test_a_site_that_is_stuck_is_given_up_and_served_when_it_works(tmp_path, behaviour):
    async with Network() as network, Relay(tmp_path, network, **SHORT) as relay:
        mx = await network.receiver(2, behaviour)
        network.domain("one.test", mx)
        body = ("x" * 76 + "\r\n") * (100_000 if behaviour.stops_reading else 1)
        await relay.submit("ana@one.test", body=body)
        await relay.until_states(scheduled=1)
        row = relay.row("ana@one.test")
        assert row["attempts"] == 1
        assert row["last_reply"].startswith("451 4.4.")
        mx.behaviour = Behaviour()
        mx.received.clear()
        relay.advance(SOON_S)
        await relay.until_states(delivered=1)
        assert mx.recipients == ["ana@one.test"]


@pytest.mark.parametrize("behaviour", DEFERRED.values(), ids=DEFERRED.keys())
async def test_a_dialogue_that_breaks_off_before_the_end_of_the_mail_is_a_deferral(
    tmp_path, behaviour
):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, behaviour)
        good = await network.receiver(3)
        network.domain("one.test", mx)
        network.domain("good.test", good)
        for n in range(5):
            await relay.submit(f"u{n}@one.test", f"u{n}@good.test")
        await relay.until_states(scheduled=5, delivered=5)
        rows = [relay.row(f"u{n}@one.test") for n in range(5)]
        assert {row["attempts"] for row in rows} == {1}
        assert not any(row["flags"] & 1 for row in rows), "nothing is in doubt"
        mx.behaviour = Behaviour()
        mx.received.clear()
        relay.advance(SOON_S)
        await relay.until_states(delivered=10)
        assert sorted(mx.recipients) == [f"u{n}@one.test" for n in range(5)]


@pytest.mark.parametrize("fault", IN_DOUBT.values(), ids=IN_DOUBT.keys())
async def test_mail_whose_last_answer_is_lost_is_in_doubt_and_sent_again_as_the_same(
    tmp_path, fault
):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(faults={"DOT": fault}))
        network.domain("one.test", mx)
        for n in range(8):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(scheduled=8)
        dropped = len(mx.received)
        first = {message_id(m.content) for m in mx.received}
        for m in mx.received:
            (recipient,) = m.recipients
            address = recipient.partition("<")[2].partition(">")[0]
            assert relay.events(address)[-1]["uncertain"] is True
        mx.behaviour = Behaviour()
        relay.advance(SOON_S)
        await relay.until_states(delivered=8)
        assert len(mx.received) == 8 + dropped, "as many duplicates as answers were lost"
        assert first <= {message_id(m.content) for m in mx.received[dropped:]}


def message_id(content: bytes) -> bytes:
    (line,) = [x for x in content.split(b"\r\n") if x.lower().startswith(b"message-id:")]
    return line.partition(b":")[2].strip()


@pytest.mark.parametrize(
    ("code", "status", "state"),
    [(250, "2.0.0", "delivered"), (451, "4.2.0", "scheduled"), (550, "5.7.1", "bounced")],
)
async def test_a_reply_of_many_lines_beyond_ascii_counts_by_its_code(tmp_path, code, status, state):
    head = f"{code}-{status} ".encode()
    lines = [head + WORDS, head + b"\xff\xfe\x00\x1b[2J\x07", *[head + b"more"] * 50]
    reply = b"\r\n".join([*lines, f"{code} {status} ".encode() + WORDS]) + b"\r\n"
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(replies={"DOT": reply}))
        network.domain("one.test", mx)
        await relay.submit("ana@one.test")
        await relay.until_states(**{state: 1})
        row = relay.row("ana@one.test")
        assert row["last_reply"].startswith(f"{code} {status} Ñandú está lleno: 満杯")
        assert len(row["last_reply"]) <= 500
        assert str(code) in relay.events("ana@one.test")[-1]["reply"]
        shown = await relay.ask("queue.show", id=str(row["id"]))
        assert "\x1b" not in str(relay.log())
        assert shown


async def test_a_storm_of_4xx_from_one_site_holds_up_no_other_and_keeps_to_the_schedule(tmp_path):
    refuses = Behaviour(replies={"MAIL": b"451 4.7.1 Try again later\r\n"})
    async with Network() as network, Relay(tmp_path, network, QUEUE__RETRY="1h") as relay:
        bad, good = await network.receiver(2, refuses), await network.receiver(3)
        network.domain("bad.test", bad)
        network.domain("good.test", good)
        for start in range(0, STORM, 500):
            await relay.submit(*(f"u{n}@bad.test" for n in range(start, start + 500)))
        await relay.until(lambda: bad.dialogues)
        for n in range(500):
            await relay.submit(f"u{n}@good.test")
        await relay.until(lambda: len(good.received) == 500)
        await relay.until(lambda: relay.states()["delivered"] == 500)
        await relay.quiet()
        said = sum(line.startswith("MAIL") for d in bad.dialogues for line in d.commands)
        ((most, attempts),) = relay.sql(
            "SELECT max(attempts), sum(attempts) FROM delivery WHERE address LIKE '%@bad.test'"
        )
        assert most == 1, "nothing is tried again before its time"
        assert said <= attempts, "nothing is said that is not counted"
        assert relay.states()["bounced"] == relay.states()["expired"] == 0
        assert len(relay.board.loaded) < STORM / 5, "what cannot go stays on the disk"
        (lane,) = (one for one in relay.lanes() if one.site.site.name == bad.name)
        assert lane.limits.limiter.connection_limit < 4, "the site is slowed down"
