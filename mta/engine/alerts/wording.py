"""What an alert looks like: the mail in Spanish or English, and the JSON of the webhook."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from zoneinfo import ZoneInfo

import orjson

from mta.engine.alerts.book import Alert, AlertState
from mta.events.record import rfc3339

_STATES = {
    "es": {
        AlertState.RAISED: "Alerta",
        AlertState.STILL: "Alerta (continúa)",
        AlertState.OVER: "Resuelto",
    },
    "en": {
        AlertState.RAISED: "Alert",
        AlertState.STILL: "Alert (goes on)",
        AlertState.OVER: "Resolved",
    },
}
_LINES = {
    "es": ("Servidor", "Qué", "Gravedad", "Desde", "Detalle"),
    "en": ("Server", "What", "Severity", "Since", "Detail"),
}
_CLOSING = {
    "es": "Más datos: `relevo queue why`, el registro del servidor y /readyz.",
    "en": "More: `relevo queue why`, the log of the server, and /readyz.",
}


def mail(
    alert: Alert, *, sender: str, to: tuple[str, ...], server: str, language: str, timezone: str
) -> bytes:
    """The alert as an RFC 5322 message with CRLF line ends."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Relevo <{sender}>"
    message["To"] = ", ".join(to)
    message["Subject"] = f"[Relevo] {_STATES[language][alert.state]}: {alert.name} ({server})"
    message["Date"] = format_datetime(datetime.fromtimestamp(alert.at_ms / 1000, UTC))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    since = datetime.fromtimestamp(alert.since_ms / 1000, ZoneInfo(timezone))
    values = (server, alert.name, alert.severity, f"{since:%Y-%m-%d %H:%M:%S %z}", alert.text)
    lines = [f"{name}: {value}" for name, value in zip(_LINES[language], values, strict=True)]
    text = "\n".join((*lines, "", _CLOSING[language], ""))
    message.set_content(text)
    message.add_alternative(
        f'<!doctype html>\n<html lang="{language}"><body><pre>{escape(text)}</pre></body></html>\n',
        subtype="html",
    )
    message["Content-Language"] = language
    return message.as_bytes()


def webhook(alert: Alert, server: str) -> bytes:
    """The alert as JSON: `{"server","name","state","severity","text","since","at"}`."""
    return orjson.dumps(
        {
            "server": server,
            "name": alert.name,
            "state": alert.state,
            "severity": alert.severity,
            "text": alert.text,
            "since": rfc3339(alert.since_ms),
            "at": rfc3339(alert.at_ms),
        }
    )
