"""`mode = "sandbox"`: the built-in simulator takes the Internet's place."""

from functools import partial

from tests.e2e import clients
from tests.e2e.ground import free_port, until
from tests.e2e.server import RelevoServer


def test_sandbox_mail_goes_to_the_simulator_inside_tls(ground) -> None:
    simulator = f"127.0.0.1:{free_port()}"
    modes = {"DELIVERY__MODE": "sandbox", "SANDBOX__LISTEN": simulator}
    recipient = "ok@nowhere.invalid"
    with RelevoServer(ground, name="simulated", **modes) as server:
        server.start()
        with clients.connect(server) as client:
            message = clients.hand_in(client, clients.message("hello", recipient), recipient)
        until(lambda: server.states(message) == ["delivered"], "the simulator has it")
        *_, delivered = server.cli("queue", "show", message)["history"]
        server.stop()
        assert server.errors() == []
    assert delivered["type"] == "message.delivered"
    assert delivered["data"]["tls"].startswith("TLSv1."), delivered
    assert "kept by the sandbox" in delivered["data"]["reply"]


def test_T_k_an_invitation_made_by_command_is_delivered(ground) -> None:
    simulator = f"127.0.0.1:{free_port()}"
    modes = {"DELIVERY__MODE": "sandbox", "SANDBOX__LISTEN": simulator}
    add = ("user", "add", "eva@nowhere.invalid", "--role", "viewer", "--invite", "--language", "es")
    with RelevoServer(ground, name="inviting", **modes) as server:
        server.start()
        invited = server.cli(*add)
        until(lambda: server.states(invited["message"]) == ["delivered"], "the simulator has it")
        shown = server.cli("queue", "show", invited["message"])
        reset = server.cli("user", "reset", "eva@nowhere.invalid", "--mail")
        until(lambda: server.states(reset["message"]) == ["delivered"], "the simulator has it")
        server.stop()
        assert server.errors() == []
    assert shown["message"]["tags"] == ["invitation"]
    assert shown["message"]["account"] == "0"  # nobody finds the link in a log
    assert "password" not in invited


def test_the_simulator_complains_and_bounces_late(ground) -> None:
    modes = {
        "DELIVERY__MODE": "sandbox",
        "SANDBOX__LISTEN": f"127.0.0.1:{free_port()}",
        "INBOUND__LISTEN": f"127.0.0.1:{free_port()}",
        "INBOUND__RETURN_PATH_DOMAIN": "b.sandbox.test",
    }
    with RelevoServer(ground, name="returning", **modes) as server:
        server.start()
        expected = {"late-bounce": "message.bounced", "complain": "message.complained"}
        for user, event in expected.items():
            recipient = f"{user}@nowhere.invalid"
            message = clients.submit(server, clients.message(user, recipient), recipient)
            until(partial(has_ended_with, server, message, event), f"{user}@ was heard of")
        server.stop()
        assert server.errors() == []


def has_ended_with(server: RelevoServer, message: str, event: str) -> bool:
    """Whether that is the last thing that happened to the message."""
    return server.cli("queue", "show", message)["history"][-1]["type"] == event
