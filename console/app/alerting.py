"""Sends an alert without the server: what systemd runs when the server has failed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mta.engine.alerts import channels, wording
from mta.engine.alerts.book import Alert, AlertState, Severity
from mta.engine.alerts.channels import AlertNotSent
from mta.model.errors import ConfigurationError
from mta.settings.loading import Loaded


def send_alert(loaded: Loaded, name: str, text: str) -> Mapping[str, Any]:
    """Send `text` by the webhook and the other relay: `{"sent": [ways], "failed": {way: why}}`.

    Raises `ConfigurationError` when `[alerts]` names neither.
    """
    settings = loaded.settings.alerts
    if settings.webhook is None and (settings.smarthost is None or not settings.mail):
        raise ConfigurationError(
            "[alerts]: neither webhook, nor smarthost with mail: no way that works without Relevo; "
            "see docs/howto/alerts.md"
        )
    now_ms = time.time_ns() // 1_000_000
    alert = Alert(name, AlertState.RAISED, Severity.CRITICAL, text, now_ms, now_ms, True)
    return asyncio.run(_send(loaded, alert))


async def _send(loaded: Loaded, alert: Alert) -> Mapping[str, Any]:
    alerts, server = loaded.settings.alerts, loaded.settings.server
    sent: list[str] = []
    failed: dict[str, str] = {}
    if alerts.webhook is not None:
        try:
            await channels.to_webhook(alerts.webhook, wording.webhook(alert, server.hostname))
            sent.append("webhook")
        except AlertNotSent as error:
            failed["webhook"] = str(error)
    if alerts.smarthost is not None and alerts.mail:
        sender = f"relevo@{server.hostname}"
        content = _mail(loaded, alert, sender, alerts.mail)
        try:
            await channels.through_smarthost(
                alerts.smarthost, sender, alerts.mail, content, hostname=server.hostname
            )
            sent.append("smarthost")
        except AlertNotSent as error:
            failed["smarthost"] = str(error)
    return {"sent": sent, "failed": failed}


def _mail(loaded: Loaded, alert: Alert, sender: str, to: Sequence[str]) -> bytes:
    server = loaded.settings.server
    return wording.mail(
        alert,
        sender=sender,
        to=tuple(to),
        server=server.hostname,
        language=server.language,
        timezone=server.timezone,
    )
