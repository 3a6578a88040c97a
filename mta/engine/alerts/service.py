"""Asks every few seconds what is wrong and sees that the alerts arrive.

An alert goes to the webhook and by mail. The mail goes through Relevo; if Relevo does not take it,
if the condition may keep mail from leaving, or if it has not arrived after some minutes, it goes
through the other relay as well. What could go no way is tried again, and is in the log at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from mta.engine.alerts import channels, wording
from mta.engine.alerts.book import Alert, AlertBook, Condition
from mta.engine.alerts.channels import AlertNotSent
from mta.engine.alerts.conditions import Question
from mta.intake.intake import Intake
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.settings.schema import Settings
from mta.store.base import Store

LOOK_S = 10.0
ARRIVED_S = 300.0  # mail through Relevo that has not arrived by then goes the other way too
RETRY_S = 60.0
GIVE_UP_S = 86_400.0
MOST_PENDING = 200  # alerts that could not be sent yet; beyond, the oldest go


@dataclass(slots=True)
class _Pending:
    alert: Alert
    way: str  # `webhook`, `smarthost`, or `arrival`: was the mail through Relevo delivered
    due_s: float
    until_s: float
    message_id: int = 0


class AlertService:
    """`watch` conditions, then `run`."""

    def __init__(self, settings: Settings, store: Store, intake: Intake, clock: Clock) -> None:
        """Without `[alerts]` everything is only logged."""
        self._alerts = settings.alerts
        self._server = settings.server
        self._sender = f"relevo@{settings.server.hostname}"
        self._store = store
        self._intake = intake
        self._clock = clock
        self._book = AlertBook()
        self._conditions: dict[str, Condition] = {}
        self._questions: dict[str, Question] = {}
        self._pending: list[_Pending] = []
        self._log = structlog.get_logger("mta.engine.alerts")

    def watch(self, condition: Condition, question: Question) -> None:
        """From now on this is asked; a name is given once."""
        self._conditions[condition.name] = condition
        self._questions[condition.name] = question

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask once, and send what is due."""
        problems = {name: text for name, ask in self._questions.items() if (text := ask())}
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        for alert in self._book.look(self._conditions, problems, now_s, now_ms):
            await self.send(alert)
        await self._send_pending()

    async def send(self, alert: Alert) -> None:
        """One alert, every way there is."""
        self._log.error(
            "alert", name=alert.name, state=alert.state, severity=alert.severity, text=alert.text
        )
        now_s = self._clock.monotonic_s()
        if self._alerts.webhook:
            await self._attempt(_Pending(alert, "webhook", now_s, now_s + GIVE_UP_S))
        if not self._alerts.mail:
            return
        message_id = await self._queue(alert)
        if message_id and not alert.breaks_mail:
            due_s = now_s + ARRIVED_S
            self._keep(_Pending(alert, "arrival", due_s, now_s + GIVE_UP_S, message_id))
        elif self._alerts.smarthost is not None:
            await self._attempt(_Pending(alert, "smarthost", now_s, now_s + GIVE_UP_S))

    async def _queue(self, alert: Alert) -> int:
        try:
            return await channels.through_relevo(
                self._intake, self._sender, self._alerts.mail, self._mail(alert)
            )
        except AlertNotSent as error:
            self._log.warning("an alert could not be queued", name=alert.name, error=str(error))
            return 0

    def _mail(self, alert: Alert) -> bytes:
        return wording.mail(
            alert,
            sender=self._sender,
            to=self._alerts.mail,
            server=self._server.hostname,
            language=self._server.language,
            timezone=self._server.timezone,
        )

    async def _send_pending(self) -> None:
        now_s = self._clock.monotonic_s()
        due = [one for one in self._pending if one.due_s <= now_s]
        self._pending = [one for one in self._pending if one.due_s > now_s]
        for one in due:
            if one.way == "arrival":
                await self._check_arrival(one)
            else:
                await self._attempt(one)

    async def _check_arrival(self, one: _Pending) -> None:
        if self._alerts.smarthost is None:
            return
        try:
            rows = await self._store.read("alert_arrived", message=one.message_id)
        except StoreError:
            rows = []
        if rows and rows[0][0]:
            return
        one.way = "smarthost"
        await self._attempt(one)

    async def _attempt(self, one: _Pending) -> None:
        try:
            if one.way == "webhook":
                assert self._alerts.webhook is not None
                body = wording.webhook(one.alert, self._server.hostname)
                await channels.to_webhook(self._alerts.webhook, body)
            else:
                assert self._alerts.smarthost is not None
                await channels.through_smarthost(
                    self._alerts.smarthost, self._sender, self._alerts.mail, self._mail(one.alert),
                    hostname=self._server.hostname,
                )  # fmt: skip
        except AlertNotSent as error:
            self._log.warning(
                "an alert could not be sent", name=one.alert.name, way=one.way, error=str(error)
            )
            one.due_s = self._clock.monotonic_s() + RETRY_S
            if one.due_s < one.until_s:
                self._keep(one)

    def _keep(self, one: _Pending) -> None:
        self._pending.append(one)
        del self._pending[:-MOST_PENDING]

    @property
    def pending(self) -> Sequence[str]:
        """The ways that wait for another attempt, for monitoring."""
        return [one.way for one in self._pending]
