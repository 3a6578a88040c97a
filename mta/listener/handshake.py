"""The server's TLS handshake over an open connection (RFC 3207)."""

import asyncio
import ssl

from mta.listener.shared import Shared


async def shake_hands(
    shared: Shared, transport: asyncio.Transport, protocol: asyncio.BaseProtocol, peer: str
) -> asyncio.Transport | None:
    """The encrypted transport; None when it failed, which is counted and logged."""
    assert shared.tls is not None
    try:
        return await shared.loop.start_tls(
            transport,
            protocol,
            shared.tls.context,
            server_side=True,
            ssl_handshake_timeout=shared.limits.handshake_s,
            ssl_shutdown_timeout=shared.limits.farewell_s,
        )
    except (OSError, ssl.SSLError) as error:
        shared.metrics.tls_failed("in")
        shared.log.info("tls_failed", peer=peer, error=str(error))
        return None
