"""`relevo queue` and `relevo trace`, on the running server and without one."""

from collections.abc import Iterator

import pytest

from tests.e2e import clients
from tests.e2e.ground import Receiver, until
from tests.e2e.server import RelevoServer, serving

DOMAIN = "queue.test"


@pytest.fixture(scope="module")
def mx(ground) -> Receiver:
    """The domain's server: down, until a test starts it."""
    receiver = ground.simulator(5, is_up=False)
    ground.domain(DOMAIN, receiver.host)
    return receiver


@pytest.fixture(scope="module")
def server(ground, mx) -> Iterator[RelevoServer]:
    """A relay of its own, which the tests stop and start."""
    with serving(ground, "commands", QUEUE__RETRY="1h") as made:
        yield made


def put_off(server: RelevoServer, *names: str) -> list[str]:
    """Ids of mails whose only server was not there at the first attempt."""
    recipients = [f"{name}@{DOMAIN}" for name in names]
    with clients.connect(server) as client:
        made = [clients.hand_in(client, clients.message(r, r), r) for r in recipients]
    for message in made:
        until(lambda m=message: server.states(m) == ["scheduled"], "the first attempt has failed")
    return made


def test_the_queue_tells_what_waits_and_why(server) -> None:
    recipient = f"ana@{DOMAIN}"
    (message,) = put_off(server, "ana")
    (row,) = [r for r in server.cli("queue", "list") if r["recipient"] == recipient]
    assert (row["message"], row["state"], row["attempts"]) == (message, "scheduled", 1)
    shown = server.cli("queue", "show", message)
    assert shown["message"]["id"] == message
    assert shown["message"]["subject"] == recipient
    assert types(shown) == ["message.accepted", "message.deferred"]
    why = server.cli("queue", "why", message)
    assert [held["what"] for held in why["held_by"]] == ["retry"]
    assert "refused" in why["last_reply"].lower(), "the connection was refused"
    traced = server.cli("trace", recipient)
    assert [r["message"] for r in traced["deliveries"]] == [message]
    assert types(traced) == types(shown)


def test_a_held_mail_waits_and_a_released_one_goes(server, mx) -> None:
    held, other = put_off(server, "held", "other")
    assert server.cli("queue", "hold", held) == {"changed": 1}
    why = server.cli("queue", "why", held)
    assert why["held_by"][0]["what"] == "operator"
    mx.start()
    try:
        assert server.cli("queue", "retry", "--site", DOMAIN)["changed"] >= 1
        mx.wait(f"other@{DOMAIN}")
        assert server.states(held) == ["scheduled"], "what is held stays held"
        assert server.cli("queue", "release", held) == {"changed": 1}
        assert server.states(held) == ["scheduled"], "its due time is the old one"
        assert server.cli("queue", "retry", held) == {"changed": 1}
        mx.wait(f"held@{DOMAIN}")
        traced = server.wait_states(held, "delivered")
    finally:
        mx.stop()
    assert traced[0]["attempts"] == 2
    assert server.states(other) == ["delivered"]


def test_a_site_on_hold_gets_nothing_until_its_release(server, mx) -> None:
    assert put_off(server, "site")  # the site is known, and its server answers again
    mx.start()
    try:
        server.cli("queue", "hold", "--site", mx.host, "--reason", "they asked us to")
        server.cli("queue", "retry", "--site", mx.host)
        why = server.cli("queue", "why", "--site", mx.host)
        assert "they asked us to" in why["explanation"]
        assert not mx.messages(f"site@{DOMAIN}")
        server.cli("queue", "release", "--site", mx.host)
        mx.wait(f"site@{DOMAIN}")
    finally:
        mx.stop()


def test_the_commands_work_without_a_server(server, mx) -> None:
    first, second, third = put_off(server, "first", "second", "third")
    server.stop()
    try:
        listed = {row["message"] for row in server.cli("queue", "list", "--site", DOMAIN)}
        assert {first, second, third} <= listed
        why = server.cli("queue", "why", first)
        assert {"retry", "server"} <= {held["what"] for held in why["held_by"]}
        assert types(server.cli("trace", f"first@{DOMAIN}"))[0] == "message.accepted"
        assert server.cli("queue", "hold", first) == {"changed": 1}
        assert server.cli("queue", "cancel", third) == {"changed": 1}
        assert server.states(third) == ["cancelled"]
        assert server.cli("queue", "retry", second) == {"changed": 1}
        top = server.command("queue", "top")
        assert (top.returncode, top.stdout) == (1, "")
        assert "no server is running" in top.stderr
    finally:
        mx.start()
        server.start()
    try:
        mx.wait(f"second@{DOMAIN}")
        assert server.states(first) == ["scheduled"], "still held"
        assert server.cli("queue", "cancel", first) == {"changed": 1}
        assert server.states(first) == ["cancelled"]
        assert server.cli("queue", "top")[0]["site"]
        assert {m.rcpt_to[0] for m in mx.messages()} == {f"second@{DOMAIN}"}
    finally:
        mx.stop()


def test_what_is_unknown_is_told_in_a_line(server) -> None:
    shown = server.command("queue", "show", "123")
    assert shown.returncode == 1
    assert shown.stderr == "relevo: no message or delivery has the id 123\n"
    traced = server.command("trace", "nobody@nowhere.test")
    assert traced.returncode == 0
    assert traced.stdout == "nothing is known of mail for nobody@nowhere.test\n"


def types(answer) -> list[str]:
    """The events of a history, in order."""
    return [event["type"] for event in answer["history"]]
