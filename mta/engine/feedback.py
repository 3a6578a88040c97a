"""What comes back by mail and over HTTP: built out of the settings, started after the listener."""

import socket
import ssl
from collections.abc import Callable, Sequence

import structlog

from mta.bounces.classifier import Classifier
from mta.engine.foundation import Foundation
from mta.events.metrics import Metrics
from mta.feedback.addresses import FeedbackAddresses
from mta.feedback.effects import Accepted, FeedbackEffects, NoticeWriter
from mta.feedback.letters import Letters
from mta.feedback.server import FeedbackServer
from mta.intake.return_path import ReturnPaths
from mta.listener.listener import Listener
from mta.settings.schema import Settings


class Feedback:
    """The effects, always; the listener, where `[inbound] listen` and its domain are set."""

    def __init__(
        self,
        base: Foundation,
        settings: Settings,
        key: bytes,
        return_paths: ReturnPaths | None,
        metrics: Metrics,
        classifier: Classifier,
        notices: NoticeWriter,
        accepted: Accepted,
    ) -> None:
        """`key`: the installation's secret; `return_paths`: None when there are none. `accepted`: has notices to applications sent."""
        self.effects = FeedbackEffects(base.store, base.clock, classifier, notices, accepted)
        self.server: FeedbackServer | None = None
        self._tls: Callable[[], ssl.SSLContext | None] = lambda: None
        inbound = settings.inbound
        if not inbound.listen or return_paths is None:
            return
        self.server = FeedbackServer(
            inbound.listen,
            hostname=settings.server.hostname,
            addresses=FeedbackAddresses(key, return_paths.hosts),
            effects=self.effects,
            letters=Letters(settings.server.data_dir, base.clock),
            metrics=metrics,
            tls=lambda: self._tls(),
        )

    async def start(
        self,
        listener: Listener,
        sockets: Sequence[socket.socket] | None = None,
    ) -> None:
        """Listen, with the submission listener's certificate; `sockets` replace the addresses.

        Raises `ConfigurationError`.
        """
        self._tls = lambda: listener.tls_context
        log = structlog.get_logger("mta.engine")
        if self.server is not None:
            await self.server.start(sockets)
            addresses = ", ".join(f"{host}:{port}" for host, port in self.server.addresses)
            log.info("taking feedback", listen=addresses)
            return
        for sock in sockets or ():
            sock.close()
            log.warning("a socket for feedback is not used", remedy="set [inbound] listen, too")

    def stop_accepting(self) -> None:
        """Take no new connections."""
        if self.server is not None:
            self.server.stop_accepting()

    async def close(self) -> None:
        """Finish what is being written and let go of the rest."""
        if self.server is not None:
            await self.server.close()
