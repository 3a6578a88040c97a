"""Relevo itself, killed in the same way as the others."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mta.events.record import EVENT_CODES
from mta.model.traffic import EventType
from tests.crash.peers.server import Peer
from tests.e2e.ground import Ground
from tests.e2e.server import RELEVO, RelevoServer

UNCERTAIN = (
    "SELECT m.subject, d.address FROM event AS e JOIN delivery AS d ON d.id = e.delivery "
    "JOIN message AS m ON m.id = d.message WHERE e.type = ? AND e.data LIKE '%\"uncertain\":true%'"
)


class RelevoRelay(Peer):
    """Relevo with its shipped limits, but for the waiting times before another attempt."""

    name = "relevo"
    calls = ("fdatasync", "pwrite64", "pwritev2", "write", "read")

    def __init__(self, directory: Path, ground: Ground, routes: Mapping[str, str]) -> None:
        super().__init__(directory)
        for number, (domain, receiver) in enumerate(routes.items()):
            host = f"mx-{number}.test"
            ground.dns.set(host, A=receiver.rpartition(":")[0])
            ground.domain(domain, host)
        self._server = RelevoServer(
            ground,
            SUBMISSION__LISTEN=f"127.0.0.1:{self.port}",
            SUBMISSION__ALLOW_PLAINTEXT_AUTH="true",
            SUBMISSION__TLS_CERTIFICATE="",
            SUBMISSION__TLS_KEY="",
            SUBMISSION__IMPLICIT_TLS_LISTEN="",
            QUEUE__RETRY="1s",
            QUEUE__UNCERTAIN_RETRY="1s",
            LOG__LEVEL="warning",
        )
        self._server.install()
        self.username, self.password = self._server.username, self._server.password
        self.environment = self._server.environment()

    def command(self) -> list[str]:
        return [str(RELEVO), "serve", "--config", str(self._server.config)]

    def queued(self) -> int:
        return len(self._server.sql("SELECT id FROM delivery WHERE state < 10"))

    def told(self) -> Counter[tuple[str, str]]:
        uncertain = self._server.sql(UNCERTAIN, EVENT_CODES[EventType.DEFERRED])
        return Counter((load_id, address) for load_id, address in uncertain)
