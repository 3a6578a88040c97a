"""The mail log: one line for each thing that happens to a message, at a cost of a few microseconds.

Lines are rendered at once and handed to the sink together, once per turn of the event loop. Remote
text passes through `log_format`, so a reply cannot forge a line.
"""

import logging
from collections.abc import Callable

from mta.events.log_config import LogOutput
from mta.events.record import rfc3339
from mta.model.traffic import EventType, TrafficClass


class MailLog:
    """Writes the lines of accepted, delivered, deferred, bounced and expired mail.

    `docs/reference/events.md` lists the fields.
    """

    def __init__(
        self, output: LogOutput, call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        """`call_soon` is the running loop's; it is asked once per turn that has lines."""
        self.is_enabled = output.level <= logging.INFO
        self._write_many = output.sink.write_many
        self._render = output.render
        self._call_soon = call_soon
        self._lines: list[str] = []

    def accepted(
        self,
        at_ms: int,
        message: int,
        *,
        account: int,
        sender: str,
        recipients: int,
        size_bytes: int,
        traffic_class: TrafficClass,
        door: str,
        peer: str = "",
    ) -> None:
        """A message was taken and is durable."""
        if self.is_enabled:
            self._add(
                at_ms,
                EventType.ACCEPTED,
                {
                    "message": str(message),
                    "account": str(account),
                    "from": sender or "<>",
                    "recipients": recipients,
                    "size": size_bytes,
                    "class": traffic_class.label,
                    "door": door,
                    "peer": peer,
                },
            )

    def delivered(
        self,
        at_ms: int,
        message: int,
        delivery: int,
        *,
        recipient: str,
        host: str,
        reply: str,
        tls: str,
        delay_s: float,
        attempt: int,
    ) -> None:
        """The recipient's server took the message, `delay_s` after its acceptance or release."""
        if self.is_enabled:
            self._add(
                at_ms,
                EventType.DELIVERED,
                {
                    "message": str(message),
                    "delivery": str(delivery),
                    "to": recipient,
                    "host": host,
                    "tls": tls or "none",
                    "delay_s": round(delay_s, 3),
                    "attempt": attempt,
                    "reply": reply,
                },
            )

    def not_delivered(
        self,
        at_ms: int,
        event: EventType,
        message: int,
        delivery: int,
        *,
        recipient: str,
        host: str,
        reply: str,
        bounce_class: str,
        phase: str,
        attempt: int,
    ) -> None:
        """An attempt failed (`DEFERRED`), or the delivery for good (`BOUNCED`, `EXPIRED`)."""
        if self.is_enabled:
            self._add(
                at_ms,
                event,
                {
                    "message": str(message),
                    "delivery": str(delivery),
                    "to": recipient,
                    "host": host,
                    "bounce_class": bounce_class,
                    "phase": phase,
                    "attempt": attempt,
                    "reply": reply,
                },
            )

    def flush(self) -> None:
        """Hand over what is waiting; the loop calls it, and the engine once at its end."""
        lines, self._lines = self._lines, []
        if lines:
            self._write_many(lines)

    def _add(self, at_ms: int, event: EventType, fields: dict[str, object]) -> None:
        entry: dict[str, object] = {
            "time": rfc3339(at_ms),
            "level": "info",
            "event": event.value,
            **fields,
        }
        if not self._lines:
            self._call_soon(self.flush)
        self._lines.append(self._render(entry))
