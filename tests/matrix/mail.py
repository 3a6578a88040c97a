"""The message log."""

from console.accounts.permissions import Permission
from console.content.rendering import Renderer
from console.maillog.search import Search
from console.maillog.service import MailLogService
from mta.model.errors import TransientError
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.work import ContentRef
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR: dict[str, str] = {}

INSIDE: dict[str, str] = {
    f"SimulatedMail.{verb}": "refuses nobody, shows what he may see: test_simulated_mail.py"
    for verb in ("list", "get", "kept", "clear")
}


async def _no_engine(_: object) -> object:
    raise TransientError("no engine in this test")


def _log(stand: Stand) -> MailLogService:
    base = stand.services.foundation
    return MailLogService(
        base.store, base.clock, stand.services.trail,
        cancel=_no_engine, submit=_no_engine, renderer=Renderer(),
    )  # fmt: skip


async def _mail(stand: Stand, account: int) -> int:
    """A delivery of the account."""

    async def make() -> int:
        base = stand.services.foundation
        now_ms = base.clock.now_ms()
        flow, ids = base.ids.new(), base.ids.block(2)
        ref = ContentRef(1, 0, 0, 0)
        message = QueuedMessage(ids[0], account, "a@example.org", ref, MessageFlag(0), "", "", "")
        delivery = QueuedDelivery(
            ids[1], message, 0, flow, 1, ExpiryKind.RELAY, 0, "example.com", "x@example.com"
        )
        job = JobBuilder()
        job.add("flow_insert", (flow, account, f"f{flow}", "application", 1, now_ms))
        job.insert_message(message, flow, 3, "x", "", "", "")
        job.insert_delivery(delivery, now_ms, now_ms)
        await base.store.submit(job.work(now_ms))
        return ids[1]

    return await stand.once(f"mail {account}", make)


def _one(verb: str):
    return lambda s, a, _n, mail: getattr(_log(s), verb)(a, mail)


ROWS = (
    Row(
        "MailLogService.search",
        Permission.MAIL_VIEW,
        lambda s, a, n, _: _log(s).search(a, n, Search()),
    ),
    Row("MailLogService.show", Permission.MAIL_VIEW, _one("show"), make=_mail),
    Row("MailLogService.cancel", Permission.MAIL_CANCEL, _one("cancel"), make=_mail),
    Row("MailLogService.resend", Permission.MAIL_CANCEL, _one("resend"), make=_mail),
)
