"""What the engine tells monitors while it starts and stops."""

import asyncio
import logging
import os
import sys

import pytest
import structlog

from mta.engine.engine import Engine, Ports
from mta.events.log_config import configure_logging
from mta.settings.loading import load_settings
from tests.integration.relay import MemoryAuthenticator


@pytest.fixture
def log_settings():
    """An engine sets up the whole process: afterwards it is as it was."""
    interval_s = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval_s)
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    logging.getLogger().setLevel(logging.WARNING)


async def test_the_server_is_ready_only_when_it_takes_mail(tmp_path, log_settings):
    environ = {
        "RELEVO_SERVER__DATA_DIR": str(tmp_path / "queue"),
        "RELEVO_SERVER__DKIM_DIR": str(tmp_path / "keys"),
        "RELEVO_SUBMISSION__LISTEN": "127.0.0.1:0",
        "RELEVO_SUBMISSION__ALLOW_PLAINTEXT_AUTH": "true",
        "RELEVO_STORE__MIN_FREE_PERCENT": "0",
        "RELEVO_STORE__MIN_FREE_INODES_PERCENT": "0",
    }
    loaded = load_settings(None, environ)
    seen = []

    async def authenticator(_):
        return MemoryAuthenticator()

    async def look(engine):  # a service: the console's /readyz answers from here on
        seen.append(engine.health.why_not_ready())

    def started():
        seen.append(engine.health.why_not_ready())
        engine.stop()

    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    output = configure_logging(loaded.settings.log, fd=log)
    try:
        engine = Engine(loaded, Ports((), authenticator, services=[look]), output)
        async with asyncio.timeout(20):
            await engine.run(started)
    finally:
        output.close()
        os.close(log)
    assert seen == [{"start": "starting"}, {}]
    assert engine.health.why_not_ready() == {"stopping": "stopping"}
