"""Exports and erasures of whole accounts."""

from console.accounts.permissions import Permission
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "AccountErasures.approved_by": "puts services together at the start",
    "AccountErasures.settled": "the effect of a decision that was permitted",
    "AccountErasures.run": "a chore of the running server",
    "AccountExports.start": "at the start, gives nothing away",
    "AccountExports.close": "at the end, gives nothing away",
    "AccountExports.last_digest": "a sum for the certificate, asked by the server itself",
    "AccountExports.tidy": "a chore of the running server",
    "AccountExports.drop": "of an erasure, whose actor was asked",
}
INSIDE = {
    "AccountErasures.rejected": "the effect of a decision that was permitted",
    "AccountErasures.approved": "the effect of a decision that was permitted",
    "AccountExports.progress": "two numbers of one that its page was allowed to show",
}


async def _export(stand: Stand, account: int) -> int:
    async def make() -> int:
        return (await stand.services.closing.exports.ask(OPERATOR, account)).id

    return await stand.once(f"export {account}", make)


async def _asked(stand: Stand, actor, account: int, _made):
    return await stand.services.closing.exports.ask(actor, account)


async def _erasure(stand: Stand, account: int) -> int:
    async def make() -> int:
        erasures = stand.services.closing.erasures
        for old in await erasures.all(OPERATOR):
            if old.account == account:
                return old.number
        return (await erasures.ask(OPERATOR, account, "x", "why")).number

    return await stand.once(f"erasure {account}", make)


async def _exports_shown(stand, actor, _account, number):
    return any(one.id == number for one in await stand.services.closing.exports.all(actor))


async def _erasures_shown(stand, actor, _account, number):
    return any(one.number == number for one in await stand.services.closing.erasures.all(actor))


P = Permission.PRIVACY_MANAGE
ROWS = (
    Row(
        "DutyReader.retention", Permission.AUDIT_VIEW,
        lambda s, a, n, _: s.services.areas.privacy.duties.retention(a, [n]),
    ),
    Row(
        "DutyReader.account", Permission.AUDIT_VIEW,
        lambda s, a, n, _: s.services.areas.privacy.duties.account(a, [n], 0, 2**40),
    ),
    Row("AccountExports.ask", P, _asked),
    Row("AccountExports.all", P, _exports_shown, make=_export, lists=True),
    Row(
        "AccountExports.get", P, lambda s, a, _n, made: s.services.closing.exports.get(a, made),
        make=_export,
    ),
    Row(
        "AccountExports.file", P, lambda s, a, _n, made: s.services.closing.exports.file(a, made),
        make=_export,
    ),
    Row("AccountErasures.look", P, lambda s, a, n, _: s.services.closing.erasures.look(a, n)),
    Row(
        "AccountErasures.ask", P,
        lambda s, a, n, _: s.services.closing.erasures.ask(a, n, "x", "why"),
    ),
    Row("AccountErasures.all", P, _erasures_shown, make=_erasure, lists=True),
    Row(
        "AccountErasures.get", P, lambda s, a, _n, made: s.services.closing.erasures.get(a, made),
        make=_erasure,
    ),
    Row(
        "AccountErasures.undo", P,
        lambda s, a, _n, made: s.services.closing.erasures.undo(a, made), make=_erasure,
    ),
)  # fmt: skip
