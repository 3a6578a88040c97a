"""A campaign of one template, sent by the real server, which is killed in the middle of it."""

import json
import subprocess
import sys

from bench.campaign import CAMPAIGN
from tests.e2e.ground import free_port, until
from tests.e2e.server import RelevoServer

RECIPIENTS = 1_000


def test_a_template_reaches_everybody_although_the_server_is_killed(ground) -> None:
    environ = {
        "DELIVERY__MODE": "sandbox",
        "SANDBOX__LISTEN": f"127.0.0.1:{free_port()}",
        "QUEUE__UNCERTAIN_RETRY": "1s",
    }
    with RelevoServer(ground, name="template", **environ) as server:
        server.cli("dkim", "new", "sender.test")
        command = [sys.executable, "-m", "bench.campaign", "--config", str(server.config)]
        command += ["--account", server.account, "--run", "e2e", "--domains", "3"]
        command += ["--recipients", str(RECIPIENTS)]
        done = subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert json.loads(done.stdout)["deliveries"] == RECIPIENTS
        server.start()
        assert server.cli("queue", "release", "--campaign", CAMPAIGN) == {"changed": RECIPIENTS}
        until(lambda: delivered(server) > RECIPIENTS // 10, "some are delivered")
        server.kill()
        assert delivered(server) < RECIPIENTS
        server.start()
        until(lambda: delivered(server) == RECIPIENTS, "all are delivered")
        server.stop()
        assert server.errors() == []


def delivered(server: RelevoServer) -> int:
    """How many have their mail, by the database."""
    ((count,),) = server.sql("SELECT count(*) FROM delivery WHERE state = 10")
    return count
