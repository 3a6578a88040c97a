"""SIGKILL of the whole relay under load, at any moment, again and again: nothing is lost.

Clients hand in without a pause, receiving servers are there all the time, and the process is killed
while it takes, sends, settles or starts. In the end every acknowledged mail was received or has come
back, and no mail came twice but those that were on the wire when the process was killed and that
the history says so of. RELEVO_KILLS=200 kills more often than `make test` does.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType
from tests.crash.load import DOMAINS, Load
from tests.crash.sink import Sink
from tests.e2e.ground import DEADLINE_S, Ground, until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

KILLS = int(os.environ.get("RELEVO_KILLS", "20"))
SEED = int(os.environ.get("RELEVO_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
START_S = 1.5  # about what a start takes: a kill during it comes at a random moment of this
MOST_EVENTS = 150  # acknowledgements or deliveries between two kills
DRAIN_S = 60.0
FINAL = (EventType.DELIVERED, EventType.BOUNCED, EventType.EXPIRED, EventType.CANCELLED)
NOTICES = "SELECT d.id FROM delivery AS d JOIN message AS m ON m.id = d.message WHERE m.sender = ''"


class Proof:
    """The relay, its load and its receivers."""

    def __init__(self, ground: Ground, server: RelevoServer) -> None:
        self.server = server
        self.progress = threading.Condition()
        self.load = Load(server, self.progress, SEED)
        self.sinks = [Sink(ground, number, self.progress) for number in (2, 3, 4)]
        for number, domain in enumerate((*DOMAINS, SENDER_DOMAIN)):
            ground.domain(domain, self.sinks[number % len(self.sinks)].host)
        self.killed_while: list[str] = []

    @property
    def delivered(self) -> int:
        """Messages that the receivers took."""
        return sum(sink.total for sink in self.sinks)

    def copies(self, load_id: str, recipient: str) -> int:
        """How often a recipient got a message."""
        return sum(sink.received[load_id, recipient] for sink in self.sinks)

    def kill(self, rng: random.Random) -> None:
        """Kill the process at a random moment of a random kind, and start it again."""
        kind = rng.choice(("taking", "taking", "sending", "sending", "starting"))
        if kind == "starting":
            self.server.kill()
            self.server.spawn()
            pause = threading.Event()
            pause.wait(rng.uniform(0, START_S))
        else:
            self.server.wait_ready()
            more = rng.randrange(1, MOST_EVENTS)
            if kind == "taking":
                self.wait_for(lambda: len(self.load.acknowledged), more)
            else:
                self.wait_for(lambda: self.delivered, more)
        self.killed_while.append(kind)
        self.server.kill()
        self.server.spawn()

    def wait_for(self, count: Callable[[], int], more: int) -> None:
        """Return at the moment when so many more have been counted."""
        with self.progress:
            wanted = count() + more
            assert self.progress.wait_for(lambda: count() >= wanted, DEADLINE_S), "it stands still"


@pytest.fixture(scope="module")
def proof() -> Iterator[Proof]:
    """A relay that was killed many times under load, and then drained its queue."""
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        server = RelevoServer(
            ground,
            SUBMISSION__ALLOW_PLAINTEXT_AUTH="true",
            SUBMISSION__TLS_CERTIFICATE="",
            SUBMISSION__TLS_KEY="",
            SUBMISSION__IMPLICIT_TLS_LISTEN="",
            QUEUE__RETRY="1s",
            QUEUE__UNCERTAIN_RETRY="1s",
            LOG__LEVEL="warning",
        )
        stack.enter_context(server)
        made = Proof(ground, server)
        for sink in made.sinks:
            sink.start()
            stack.callback(sink.stop)
        torture(made)
        yield made
        server.stop()


def torture(proof: Proof) -> None:
    """Kill and drain; prints what is needed to understand a failure."""
    rng = random.Random(SEED)
    proof.server.start()
    proof.load.start()
    began_s = time.monotonic()
    try:
        for _ in range(KILLS):
            proof.kill(rng)
        proof.server.wait_ready()
        proof.wait_for(lambda: len(proof.load.acknowledged), MOST_EVENTS)
    finally:
        proof.load.stop()
        took_s = time.monotonic() - began_s
        print(
            f"seed {SEED}: {KILLS} kills in {took_s:.0f} s, {len(proof.load.acknowledged)} "
            f"acknowledged, {proof.load.lost} lost answers, {proof.delivered} received"
        )
    until(lambda: not open_rows(proof.server), "the queue is empty", DRAIN_S)


def open_rows(server: RelevoServer) -> int:
    """Deliveries that are not final."""
    ((count,),) = server.sql("SELECT count(*) FROM delivery WHERE state < 10")
    return int(count)


pytestmark = pytest.mark.timeout(180 + 6 * KILLS)


def test_nothing_acknowledged_is_lost(proof) -> None:
    assert len(proof.load.acknowledged) > 10 * KILLS
    assert not proof.load.refusals, proof.load.refusals[:5]
    notices: Counter[str] = Counter()
    for sink in proof.sinks:
        notices.update(sink.notices)
    rows = stored(proof.server)
    lost = []
    for load_id, known in proof.load.acknowledged.items():
        states = {address: state for _, address, state in rows[load_id]}
        if tuple(sorted(states)) != known.recipients:
            lost.append(f"{load_id}: {states} for {known}")
        for address, state in states.items():
            if address.startswith("refuse"):
                is_told = state == "bounced" and notices[load_id] >= 1
            else:
                is_told = state == "delivered" and proof.copies(load_id, address) >= 1
            if not is_told:
                lost.append(
                    f"{load_id} {address}: {state}, {proof.copies(load_id, address)} copies"
                )
    assert not lost, f"seed {SEED}: {len(lost)} lost: {lost[:5]}"


def test_only_what_was_on_the_wire_at_a_kill_comes_twice(proof) -> None:
    uncertain = uncertainties(proof.server)
    ids = {
        (load_id, address): delivery
        for load_id, deliveries in stored(proof.server).items()
        for delivery, address, _ in deliveries
    }
    unexplained, twice = [], 0
    for sink in proof.sinks:
        assert not sink.problems, sink.problems[:5]
        for (load_id, address), copies in sink.received.items():
            times = uncertain.get(ids[load_id, address], 0)
            twice += copies - 1
            if copies - 1 > times:
                unexplained.append(f"{load_id} {address}: {copies} copies, {times} times uncertain")
    returned = sum(sum(sink.notices.values()) for sink in proof.sinks)
    notices = [n for (n,) in proof.server.sql(NOTICES)]
    if returned - len(notices) > sum(uncertain.get(delivery, 0) for delivery in notices):
        unexplained.append(f"{returned} notices came of {len(notices)}")
    print(f"{twice} copies too many, {len(uncertain)} deliveries were uncertain")
    assert not unexplained, f"seed {SEED}: {unexplained[:5]}"


def test_an_uncertain_delivery_is_told_in_its_history(proof) -> None:
    uncertain = uncertainties(proof.server)
    if not uncertain:
        pytest.skip("no kill met a mail on the wire")
    delivery = next(iter(uncertain))
    shown = proof.server.cli("queue", "show", str(delivery))
    told = [e for e in shown["history"] if e.get("delivery") == str(delivery)]
    deferred = [e for e in told if e["type"] == "message.deferred"]
    assert len(deferred) == uncertain[delivery]
    assert all("may have taken the mail" in str(e) for e in deferred)


def test_the_books_balance(proof) -> None:
    sql = proof.server.sql
    assert sql("PRAGMA integrity_check") == [("ok",)]
    counted = dict(sql("SELECT flow || '/' || state, n FROM flow_count WHERE n <> 0"))
    there = dict(sql("SELECT flow || '/' || state, count(*) FROM delivery GROUP BY 1"))
    assert counted == there
    assert sql("SELECT id, live FROM segment WHERE live <> 0") == []
    assert sql("SELECT id FROM message EXCEPT SELECT message FROM delivery") == []
    assert sql("SELECT message FROM delivery EXCEPT SELECT id FROM message") == []
    codes = ",".join(str(EVENT_CODES[kind]) for kind in FINAL)
    ends = sql(
        "SELECT d.id, count(e.id) FROM delivery AS d LEFT JOIN event AS e ON e.delivery = d.id "
        f"AND e.message = d.message AND e.type IN ({codes}) GROUP BY d.id HAVING count(e.id) <> 1"
    )
    assert ends == [], "each delivery ended once"
    notices = len(sql(NOTICES))
    ((bounced, messages),) = sql(
        "SELECT count(*), count(DISTINCT message) FROM delivery WHERE state = ?",
        DeliveryState.BOUNCED,
    )
    assert messages <= notices <= bounced, "a refusal is told once"
    assert proof.server.cli("queue", "list") == []


def test_the_log_holds_no_surprise(proof) -> None:
    assert proof.server.errors() == []
    assert "Traceback" not in proof.server.log_path.read_text()


def stored(server: RelevoServer) -> dict[str, list[tuple[int, str, str]]]:
    """Deliveries (id, address, state) of the load by load id, as they are on disk."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for subject, delivery, address, state in server.sql(
        "SELECT m.subject, d.id, d.address, d.state FROM delivery AS d "
        "JOIN message AS m ON m.id = d.message WHERE m.sender <> ''"
    ):
        found.setdefault(subject, []).append((delivery, address, DeliveryState(state).label))
    return found


def uncertainties(server: RelevoServer) -> dict[int, int]:
    """How often each delivery was uncertain, by id."""
    found: dict[int, int] = {}
    for delivery, data in server.sql(
        "SELECT delivery, data FROM event WHERE type = ?", EVENT_CODES[EventType.DEFERRED]
    ):
        if json.loads(data).get("uncertain"):
            found[delivery] = found.get(delivery, 0) + 1
    return found
