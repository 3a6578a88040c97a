"""Puts the message log together over the running engine."""

from console.accounts.audit import AuditTrail
from console.content.rendering import Renderer
from console.maillog.service import Canceller, MailLogService
from mta.engine.engine import Engine


def make_mail_log(engine: Engine, trail: AuditTrail, cancel: Canceller) -> MailLogService:
    """The service; it sends again through the engine's own door."""
    base = engine.foundation
    return MailLogService(
        base.store,
        base.clock,
        trail,
        cancel=cancel,
        submit=engine.intake.submit,
        renderer=Renderer(),
    )
