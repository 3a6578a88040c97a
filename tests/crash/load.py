"""Clients that hand mail in without a pause and remember every message that was acknowledged.

A client whose connection ends connects again and goes on with another message: what was not
acknowledged is not handed in twice, so that every copy too many is the relay's. The recipient's
name says what becomes of the mail: `take…` is taken, `refuse…` is refused for good, and the
receiver of PARKED defers everything: `late…` expires there, `stay…` stays in the queue.
"""

import contextlib
import random
import smtplib
import threading
from dataclasses import dataclass
from typing import Protocol

from tests.crash.moments import Moments, Step
from tests.e2e.server import SENDER, SENDER_DOMAIN

CLIENTS = 8
CONNECT_AGAIN_S = 0.02
TIMEOUT_S = 20.0
DOMAINS = tuple(f"d{number}.test" for number in range(12))
PARKED = "parked.test"
REFUSED_SHARE = 0.05
PARKED_SHARE = 0.02
LARGE_SHARE = 0.05
LINE = "0123456789abcdef" * 4 + "\r\n"
LARGE_LINES = 4_000  # more than a socket buffer of the loopback takes at once
MANY = 60  # recipients of a message to many


class Door(Protocol):
    """Where mail is handed in; without a user name nobody logs in."""

    host: str
    port: int
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What 250 was said for."""

    reply: str
    recipients: tuple[str, ...]


class Load:
    """Runs between `start` and `stop`."""

    def __init__(
        self, door: Door, moments: Moments, seed: int, *, parked_share: float = PARKED_SHARE
    ) -> None:
        self.acknowledged: dict[str, Acknowledged] = {}
        self.unanswered = 0  # the final dot was sent, and the connection ended before the answer
        self.refusals: list[str] = []  # replies that a healthy relay does not give
        self._door = door
        self._parked_share = parked_share
        self._moments = moments
        self._end = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._many = 0
        self._threads = [
            threading.Thread(
                target=self._run, args=(n, random.Random(seed + n)), name=f"load-{n}", daemon=True
            )
            for n in range(1, CLIENTS + 1)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client finish its message, and end."""
        self._end.set()
        self._go.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_S)
            assert not thread.is_alive(), f"{thread.name} hangs"

    def pause(self) -> None:
        """Begin no further message until `resume`."""
        self._go.clear()

    def resume(self) -> None:
        """Go on."""
        self._go.set()

    def hand_in_to_many(self) -> None:
        """One message to many recipients, while the others pause."""
        self._many += 1
        recipients = tuple(
            f"take-{n}-many-{self._many}@{DOMAINS[n % len(DOMAINS)]}" for n in range(MANY)
        )
        with contextlib.suppress(OSError, smtplib.SMTPException):  # killed
            self.hand_in(f"many-{self._many}", recipients)

    def hand_in(self, load_id: str, recipients: tuple[str, ...]) -> None:
        """One message over a connection of its own."""
        with self.connect() as client:
            self._hand_in(client, load_id, recipients, LINE)

    def connect(self) -> smtplib.SMTP:
        """A client that may hand in."""
        client = smtplib.SMTP(self._door.host, self._door.port, "client.test", TIMEOUT_S)
        client.ehlo()
        if self._door.username:
            client.login(self._door.username, self._door.password)
        return client

    def _run(self, number: int, rng: random.Random) -> None:
        count = 0
        while not self._end.is_set():
            try:
                with self.connect() as client:
                    while not self._end.is_set():
                        self._go.wait()
                        count += 1
                        self._hand_in_any(client, f"{number}-{count}", rng)
            except (OSError, smtplib.SMTPException):
                self._end.wait(CONNECT_AGAIN_S)

    def _hand_in_any(self, client: smtplib.SMTP, load_id: str, rng: random.Random) -> None:
        if rng.random() < self._parked_share:
            name = rng.choice(("late", "stay"))
            recipients: tuple[str, ...] = (f"{name}-{load_id}@{PARKED}",)
        else:
            recipients = tuple(_recipient(load_id, rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))
        lines = LARGE_LINES if rng.random() < LARGE_SHARE else rng.randrange(40)
        self._hand_in(client, load_id, recipients, LINE * lines)

    def _hand_in(
        self, client: smtplib.SMTP, load_id: str, recipients: tuple[str, ...], text: str
    ) -> None:
        head = f"From: {SENDER}\r\nTo: {recipients[0]}\r\nSubject: {load_id}\r\n"
        head += f"Message-ID: <{load_id}@{SENDER_DOMAIN}>\r\n"
        if recipients[0].startswith("late"):
            head += "X-Relevo-Class: urgent\r\n"
        content = f"{head}X-Load-Id: {load_id}\r\n\r\n{text}end\r\n.\r\n".encode()
        half = len(content) // 2
        replies = [client.mail(SENDER), *(client.rcpt(r) for r in recipients)]
        replies.append(client.docmd("DATA"))
        if replies[-1][0] != 354:
            self.refusals.append(f"{load_id}: {replies}")
            raise smtplib.SMTPServerDisconnected
        client.send(content[:half])
        self._moments.note(Step.HALF)
        client.send(content[half:])
        self._moments.note(Step.HANDED)
        try:
            replies.append(client.getreply())
        except (OSError, smtplib.SMTPException):
            self.unanswered += 1
            raise
        if [code for code, _ in replies] != [250] * (len(recipients) + 1) + [354, 250]:
            self.refusals.append(f"{load_id}: {replies}")
            raise smtplib.SMTPServerDisconnected
        reply = replies[-1][1].decode()
        self.acknowledged[load_id] = Acknowledged(reply, tuple(sorted(set(recipients))))
        self._moments.note(Step.ACKNOWLEDGED)


def _recipient(load_id: str, rng: random.Random) -> str:
    name = "refuse" if rng.random() < REFUSED_SHARE else "take"
    return f"{name}-{rng.randrange(1000)}-{load_id}@{rng.choice(DOMAINS)}"
