"""A graceful stop under load loses and doubles nothing, and a second start by mistake does no harm."""

import random
import signal
import smtplib
from collections.abc import Iterator

import pytest

from mta.model.traffic import DeliveryState
from tests.crash.books import audit
from tests.crash.load import Load
from tests.crash.moments import Step
from tests.crash.proof import Proof, proof
from tests.crash.sink import Sink
from tests.e2e.ground import DEADLINE_S, until
from tests.e2e.server import SENDER

STOPS = 3
SILENT = "silent.test"


@pytest.fixture(scope="module")
def relay() -> Iterator[Proof]:
    """A relay under load."""
    with proof(random.SystemRandom().randrange(1, 1 << 30)) as made:
        made.server.start()
        made.load.start()
        try:
            yield made
        finally:
            made.load.stop()
        made.server.stop()


def test_a_second_start_under_load_refuses_and_leaves_the_first_alone(relay: Proof) -> None:
    assert relay.moments.wait(Step.TAKEN, 20, DEADLINE_S), "it stands still"
    second = relay.server.command("serve")
    assert second.returncode == 1
    assert f"in use by process {relay.server.pid}: stop it first" in second.stderr
    assert str(relay.server.data_dir) in second.stderr
    assert "Traceback" not in second.stderr
    assert relay.moments.wait(Step.ACKNOWLEDGED, 20, DEADLINE_S), "the first one goes on"
    assert relay.load.refusals == []


def test_stops_and_restarts_under_load_lose_and_double_nothing(relay: Proof) -> None:
    for _ in range(STOPS):
        assert relay.moments.wait(Step.TAKEN, 50, DEADLINE_S), "it stands still"
        relay.server.stop()
        claimed = "SELECT id FROM delivery WHERE state = ?"
        assert relay.server.sql(claimed, DeliveryState.CLAIMED) == []
        relay.server.start()
    relay.load.stop()
    relay.drain()
    relay.cancel_some()
    assert audit(relay) == []
    assert relay.load.unanswered == 0
    assert relay.uncertainties() == {}
    copies = [n for sink in relay.sinks for n in sink.received.values()]
    assert len(copies) > 50 * STOPS
    assert set(copies) == {1}


def test_a_second_sigterm_waits_for_nobody(relay: Proof) -> None:
    relay.load.stop()
    relay.drain()
    silent = Sink(relay.ground, 6, relay.moments, is_silent=True)
    relay.ground.domain(SILENT, silent.host)
    relay.sinks.append(silent)
    silent.start()
    try:
        recipient = f"take-1@{SILENT}"
        relay.load.hand_in("once", (recipient,))
        until(lambda: silent.received["once", recipient], "it waits for the answer to the dot")
        client = Load(relay.server, relay.moments, 0).connect()
        client.mail(SENDER)
        client.rcpt(recipient)
        client.docmd("DATA")
        client.send(b"half a message")
        relay.server.signal(signal.SIGTERM)
        until(lambda: relay.server.http("/readyz")[0] != 200, "it says that it stops")
        relay.server.signal(signal.SIGTERM)
        with pytest.raises((OSError, smtplib.SMTPException)):
            assert client.getreply()[0] == 421
            client.getreply()
        client.close()
        assert relay.server.wait_ended("it stops") == 0
        events = {entry["event"]: entry for entry in relay.server.log()}
        assert "told to stop again: clients and receivers are not waited for" in events
        assert events["connections dropped at the stop deadline"]["is_hurried"] is True
        silent.is_silent = False
        relay.server.start()
        relay.drain()
        assert audit(relay) == []
        assert relay.copies("once", recipient) == 2
        assert relay.uncertainties().total() == 1
    finally:
        silent.stop()
