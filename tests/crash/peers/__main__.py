"""Kill a mail server of others under load, drain its queue, and print what came of the mail."""

import argparse
import json
import random
import subprocess
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.crash.load import DOMAINS, Load
from tests.crash.moments import Moments, Step
from tests.crash.peers.haraka import HarakaRelay
from tests.crash.peers.postfix import PostfixRelay
from tests.crash.peers.relevo import RelevoRelay
from tests.crash.peers.server import Peer
from tests.crash.sink import Sink
from tests.e2e.ground import DEADLINE_S, Ground
from tests.e2e.server import SENDER_DOMAIN

MOST = 60  # the n of a step or call is at most this
CALL_S = 20.0  # a call that does not come until then: killed all the same
DRAIN_S = 120.0
MORE = 100


class Comparison:
    """The server, its load and its receivers."""

    def __init__(self, ground: Ground, peer: Peer, sinks: list[Sink], moments: Moments) -> None:
        self.peer = peer
        self.sinks = sinks
        self.moments = moments
        self.load = Load(peer, moments, random.randrange(1 << 30), parked_share=0)
        self.met: Counter[str] = Counter()

    def run(self, kills: int) -> dict[str, object]:
        """Kill it so many times under load; gives the figures."""
        points: list[Step | str] = [*Step, *self.peer.calls, "a random time"]
        self.peer.start()
        self.load.start()
        try:
            for number in range(kills):
                self._kill(points[number % len(points)], random.randint(1, MOST))
                self.peer.start()
            assert self.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S), "it stands still"
        finally:
            self.load.stop()
        left = self.peer.wait_until_empty(DRAIN_S)
        self.peer.kill()
        return {"server": self.peer.name, "kills": self.met.total(), **self._figures(left)}

    def _kill(self, point: Step | str, count: int) -> None:
        if isinstance(point, Step):
            reached = threading.Event()
            self.moments.arm(point, count, lambda: (self.peer.kill(), reached.set()))
            assert reached.wait(DEADLINE_S), f"never: {point}"
        elif point in self.peer.calls:
            self._kill_at_call(point, count)
        else:
            threading.Event().wait(random.uniform(0.1, 1.5))
            self.peer.kill()
        self.met[point] += 1

    def _kill_at_call(self, call: str, count: int) -> None:
        """strace kills the one process that makes the call; the others follow at once."""
        inject = [
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:signal=SIGKILL:when={count // 6 + 1}",
        ]
        targets = [f"-p{pid}" for pid in self.peer.pids]
        command = ["strace", "-f", "-qq", "-o", "/dev/null", *inject, *targets]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
            self.peer.wait_for_a_death(CALL_S)
            self.peer.kill()
            tracer.terminate()

    def _figures(self, left: int) -> dict[str, object]:
        received: Counter[tuple[str, str]] = Counter()
        notices: Counter[str] = Counter()
        for sink in self.sinks:
            received.update(sink.received)
            notices.update(sink.notices)
        told = self.peer.told()
        known = {
            (load_id, recipient)
            for load_id, message in self.load.acknowledged.items()
            for recipient in message.recipients
        }
        taken = {key for key in known if key[1].startswith("take")}
        refused = {key[0] for key in known - taken}
        return {
            "acknowledged messages": len(self.load.acknowledged),
            "acknowledged recipients": len(known),
            "lost": len(taken - received.keys()),
            "refused, sender not told": len(refused - notices.keys()),
            "copies too many": sum(n - 1 for n in received.values()),
            "of these not told": sum(max(0, n - 1 - told[key]) for key, n in received.items()),
            "left in the queue": left,
            "refusals of good mail": len(self.load.refusals),
            "problems": [problem for sink in self.sinks for problem in sink.problems][:3],
            "examples": [*sorted(taken - received.keys())[:3], *self.load.refusals[:2]],
        }


def main() -> None:
    """Compare one server."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.peers", description=__doc__)
    parser.add_argument("server", choices=("postfix", "haraka", "relevo"))
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--haraka", type=Path, help="the folder where `npm install Haraka` ran")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        moments = Moments()
        sinks = [Sink(ground, number, moments) for number in (2, 3, 4)]
        for sink in sinks:
            sink.start()
            stack.callback(sink.stop)
        domains = enumerate((*DOMAINS, SENDER_DOMAIN))
        routes = {d: f"127.0.0.{2 + n % len(sinks)}:{ground.mx_port}" for n, d in domains}
        directory = ground.directory / f"{arguments.server}-peer"
        directory.mkdir()
        peer: Peer
        if arguments.server == "postfix":
            peer = PostfixRelay(directory, routes)
        elif arguments.server == "relevo":
            peer = RelevoRelay(directory, ground, routes)
        else:
            peer = HarakaRelay(directory, routes, arguments.haraka)
        try:
            found = Comparison(ground, peer, sinks, moments).run(arguments.kills)
        except BaseException:
            print((directory / "log").read_text()[-3000:])
            peer.kill()
            raise
    print(json.dumps(found, indent=2, default=str))


main()
