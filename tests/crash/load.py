"""Clients that hand mail in without a pause and remember every message that was acknowledged.

A client whose connection ends connects again and goes on with another message: what was not
acknowledged is not handed in twice, so that every copy too many is the relay's.
"""

import random
import smtplib
import threading
from dataclasses import dataclass

from tests.e2e.clients import queued_id
from tests.e2e.server import SENDER, RelevoServer

CLIENTS = 4
CONNECT_AGAIN_S = 0.02
TIMEOUT_S = 20.0
DOMAINS = tuple(f"d{number}.test" for number in range(12))
REFUSED_SHARE = 0.05
PADDING = "0123456789abcdef" * 4 + "\r\n"


@dataclass(frozen=True)
class Acknowledged:
    """What `250 2.0.0 <id> queued` was said for."""

    message_id: str
    recipients: tuple[str, ...]


class Load:
    """Runs between `start` and `stop`; `progress` is notified of each acknowledgement."""

    def __init__(self, server: RelevoServer, progress: threading.Condition, seed: int) -> None:
        self.acknowledged: dict[str, Acknowledged] = {}
        self.lost = 0  # handed in, and the connection ended before the answer
        self.refusals: list[str] = []  # replies that a healthy relay does not give
        self._server = server
        self._progress = progress
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(n, random.Random(seed + n)), name=f"load-{n}")
            for n in range(CLIENTS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client finish its message, and end."""
        self._end.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_S)
            assert not thread.is_alive(), f"{thread.name} hangs"

    def _run(self, number: int, rng: random.Random) -> None:
        count = 0
        while not self._end.is_set():
            try:
                client = smtplib.SMTP(self._server.host, self._server.port, timeout=TIMEOUT_S)
            except (OSError, smtplib.SMTPException):
                self._end.wait(CONNECT_AGAIN_S)
                continue
            try:
                client.login(self._server.username, self._server.password)
                while not self._end.is_set():
                    count += 1
                    self._hand_in(client, f"{number}-{count}", rng)
                client.quit()
            except (OSError, smtplib.SMTPException):
                pass  # killed: connect again
            finally:
                client.close()

    def _hand_in(self, client: smtplib.SMTP, load_id: str, rng: random.Random) -> None:
        recipients = tuple(_recipient(load_id, rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))
        head = f"From: {SENDER}\r\nTo: {recipients[0]}\r\nSubject: {load_id}\r\n"
        content = f"{head}X-Load-Id: {load_id}\r\n\r\n{PADDING * rng.randrange(40)}end\r\n.\r\n"
        try:
            replies = [client.mail(SENDER), *(client.rcpt(r) for r in recipients)]
            replies.append(client.docmd("DATA"))
            client.send(content.encode())
            replies.append(client.getreply())
        except (OSError, smtplib.SMTPException):
            self.lost += 1
            raise
        if [code for code, _ in replies] != [250] * (len(recipients) + 1) + [354, 250]:
            self.refusals.append(f"{load_id}: {replies}")
            raise smtplib.SMTPServerDisconnected
        with self._progress:
            identifier = queued_id(replies[-1][1])
            self.acknowledged[load_id] = Acknowledged(identifier, tuple(sorted(set(recipients))))
            self._progress.notify_all()


def _recipient(load_id: str, rng: random.Random) -> str:
    name = "refuse" if rng.random() < REFUSED_SHARE else "take"
    return f"{name}-{rng.randrange(1000)}-{load_id}@{rng.choice(DOMAINS)}"
