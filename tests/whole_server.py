"""A whole server in this process, in sandbox mode, whose services tests may ask and fill."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import argon2
import structlog

from console.accounts.values import Role, State
from console.app.server import Server
from console.app.services import Services
from mta.settings.loading import load_settings
from mta.store.work import Rows
from tests.accounts_world import OPERATOR

EMAIL, PASSWORD = "ana@example.org", "correcto caballo"
LIMA = ZoneInfo("America/Lima")
DOMAIN = "muni.example"  # verified


@dataclass
class Whole:
    """A server that runs, and one administrator of one account."""

    server: Server
    url: str
    account: int

    @property
    def services(self) -> Services:
        """What stands behind the pages."""
        return self.server.services


@asynccontextmanager
async def run_server(
    folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """A server without accounts on loopback; `settings` are environment variables."""
    for name in ("queue", "dkim"):
        (folder / name).mkdir(mode=0o700, parents=True)
    environ = {
        "RELEVO_SERVER__DATA_DIR": str(folder / "queue"),
        "RELEVO_SERVER__DKIM_DIR": str(folder / "dkim"),
        "RELEVO_SUBMISSION__LISTEN": '["127.0.0.1:0"]',
        "RELEVO_CONSOLE__LISTEN": "127.0.0.1:0",
        "RELEVO_DELIVERY__MODE": "sandbox",
        "RELEVO_SANDBOX__LISTEN": "127.0.0.1:0",
        "RELEVO_LOG__LEVEL": "error",
        **(settings or {}),
    }
    started = asyncio.Event()
    server = Server(load_settings(None, environ), lambda _: started.set())
    running = asyncio.create_task(server.engine.run(server._begin))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert started.is_set(), running.exception()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    server.services.hasher._hasher = cheap
    try:
        yield server
    finally:
        server.engine.stop()
        assert await running == 0
        server.engine.log_output.close()
        structlog.reset_defaults()


def url_of(server: Server) -> str:
    """Where its console is."""
    host, port = server.console.addresses[0]
    return f"http://{host}:{port}/"


@asynccontextmanager
async def open_whole(
    folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Whole]:
    """The same with an administrator, an account, its contract and its domain."""
    async with run_server(folder, settings) as server:
        yield Whole(server, url_of(server), await _fill(server))


async def _fill(server: Server) -> int:
    """Make what `Whole` has; gives the account."""
    services = server.services
    account = (await services.accounts.add(OPERATOR, "Municipalidad")).id
    today = datetime.fromtimestamp(services.foundation.clock.now_ms() / 1000, LIMA).date()
    await services.quota.contracts.add(
        OPERATOR, account, "Contrato 2026", 4_000_000, starts_on=today.isoformat()
    )
    await services.accounts.users.add(OPERATOR, EMAIL, Role.OWNER, account, PASSWORD)
    row = (DOMAIN, account, 1, State.ACTIVE, services.foundation.clock.now_ms())
    await services.foundation.store.submit([Rows("domain_insert", [row], expect=1)])
    await services.authenticator.refresh()
    await services.quota.refresh()
    return account
