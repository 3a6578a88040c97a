"""The bag: contracts, shares, ledger, reservations, training."""

from dataclasses import replace
from datetime import datetime

from console.accounts.permissions import Permission
from console.accounts.quota.refund_values import RefundScope, Subject
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "ShareService.on_accounts_changed": "called by AccountService, gives nothing away",
    "RefundService.open_own": "a proposal of Relevo itself; a person decides on it",
    "RefundService.carry_on": "the system goes on with what was confirmed",
    "Books.commit": "below the services, which ask",
    "Ledger.balance_at": "for checks and reports within",
    "Ledger.checkpoint": "housekeeping, gives nothing away",
    "TrainingService.refresh": "reads the lists into memory, gives nothing away",
}

INSIDE = {
    "RefundService.rejected": "as approved",
    "RefundService.approved": "called by ApprovalService, which has asked",
    "ContractService.get": "what `list` gives, if it has that name",
    "Books.audit": "rows for a job of a service that has asked",
    "Books.entry": "as audit",
    "ShareService.on_disabled": "called by AccountService, which has asked",
}


async def _contract(stand: Stand, account: int) -> int:
    """The contract of the main account above; one account has one at a time."""
    services = stand.services
    known = {a.id: a for a in await services.accounts.list(OPERATOR)}
    main = known[account]
    while main.parent is not None:
        main = known[main.parent]

    async def make() -> int:
        today = datetime.now(services.quota.zone).date().isoformat()
        contracts = services.quota.contracts
        view = await contracts.add(OPERATOR, main.id, stand.name(), 1_000_000, starts_on=today)
        return view.contract.id

    return await stand.once(f"contract {main.id}", make)


async def _share(stand: Stand, account: int) -> None:
    """`own` has a share: what is below it gets quota from there, not from `top`."""
    await _contract(stand, account)
    shares, own = stand.services.quota.shares, stand.accounts["own"]
    await stand.once("share", lambda: shares.allocate(OPERATOR, own, 1000))


async def _reserved(stand: Stand, account: int) -> str:
    await _contract(stand, account)
    reference = stand.name()
    await stand.services.quota.reservations.reserve(OPERATOR, account, 1, reference)
    return reference


async def _refund(stand: Stand, account: int) -> int:
    """One whose list is empty: a real one takes mail that was sent."""
    refunds = stand.services.quota.refunds
    books = stand.services.quota.books
    number = books.ids.new()
    row = (number, account, "{}", "all", 0, "why", books.clock.now_ms(), "ana")
    await stand.services.foundation.store.submit([Rows("quota_refund_insert", [row])])
    return (await refunds.get(OPERATOR, number)).id


async def _refund_shown(stand, actor, _account, number):
    return any(r.id == number for r in await stand.services.quota.refunds.list(actor))


async def _flow_refund(stand: Stand, account: int):
    """A refund of a stream, and its account's own stream."""
    found = await stand.services.quota.refunds.get(OPERATOR, await _refund(stand, account))
    number = stand.services.quota.books.ids.new()
    row = (number, account, stand.name(), "application", 1, 1)
    await stand.services.foundation.store.submit([Rows("flow_insert", [row])])
    return replace(found, subject=Subject(flow=number))


async def _refund_named(stand, actor, _account, refund):
    return await stand.services.quota.refund_log.names(actor, [refund])


async def _refund_exported(stand, actor, _account, number):
    export = stand.services.quota.refund_log.export(actor, number, stand.services.trail)
    return [piece async for piece in export]


async def _shown(stand, actor, _account, contract):
    views = await stand.services.quota.contracts.list(actor)
    return any(view.contract.id == contract for view in views)


def _quota(part: str, verb: str, *arguments):
    return lambda s, a, n, _: getattr(getattr(s.services.quota, part), verb)(a, n, *arguments)


ROWS = (
    Row("ContractService.add", None, _quota("contracts", "add", "another", 10)),
    Row(
        "ContractService.start",
        None,
        lambda s, a, _n, made: s.services.quota.contracts.start(a, made, "2030-01-01"),
        make=_contract,
    ),
    Row(
        "ContractService.resize",
        None,
        lambda s, a, _n, made: s.services.quota.contracts.resize(a, made, 1, "why"),
        make=_contract,
    ),
    # The role holds below the main account, whose contract is.
    Row("ContractService.list", None, _shown, make=_contract, lists=True),
    Row(
        "Ledger.forecast",
        None,
        lambda s, a, _n, made: s.services.quota.ledger.forecast(a, made),
        make=_contract,
    ),
    Row("Ledger.page", Permission.QUOTA_VIEW, _quota("ledger", "page")),
    Row("ShareService.list", Permission.QUOTA_VIEW, _quota("shares", "list")),
    *(
        Row(
            f"ReservationService.{verb}",
            Permission.CAMPAIGN_SEND,
            lambda s, a, _n, made, call=call: call(s.services.quota.reservations, a, made),
            make=_reserved,
        )
        for verb, call in (
            ("get", lambda reservations, a, made: reservations.get(a, made)),
            ("attach", lambda reservations, a, made: reservations.attach(a, made, 7)),
            ("release", lambda reservations, a, made: reservations.release(a, made)),
        )
    ),
    Row(
        "ShareService.allocate",
        Permission.QUOTA_MOVE,
        _quota("shares", "allocate", 5),
        make=_share,
        above=True,
    ),
    Row(
        "ShareService.give_back",
        Permission.QUOTA_MOVE,
        _quota("shares", "give_back"),
        make=_share,
        above=True,
    ),
    Row(
        "ShareService.cap",
        Permission.QUOTA_MOVE,
        _quota("shares", "cap", 5),
        make=_share,
        above=True,
    ),
    Row(
        "ReservationService.reserve",
        Permission.CAMPAIGN_SEND,
        lambda s, a, n, _: s.services.quota.reservations.reserve(a, n, 1, s.name()),
    ),
    Row(
        "RefundService.propose",
        Permission.REFUND_PROPOSE,
        _quota("refunds", "propose", Subject(from_ms=1), "why"),
    ),
    Row("RefundService.list", Permission.QUOTA_VIEW, _refund_shown, make=_refund, lists=True),
    *(
        Row(
            f"RefundService.{verb}",
            Permission.QUOTA_VIEW,
            lambda s, a, _n, made, call=call: call(s.services.quota.refunds, a, made),
            make=_refund,
        )
        for verb, call in (
            ("get", lambda refunds, a, made: refunds.get(a, made)),
            ("items", lambda refunds, a, made: refunds.items(a, made)),
        )
    ),
    Row(
        "RefundService.decide",
        Permission.REFUND_CONFIRM,
        lambda s, a, _n, made: s.services.quota.refunds.decide(a, made, confirm=True),
        make=_refund,
    ),
    Row(
        "RefundService.propose_again",
        Permission.REFUND_PROPOSE,
        lambda s, a, _n, made: s.services.quota.refunds.propose_again(a, made),
        make=_refund,
    ),
    Row(
        "RefundLog.preview",
        Permission.REFUND_PROPOSE,
        _quota("refund_log", "preview", Subject(from_ms=1, until_ms=2), RefundScope.ALL),
    ),
    Row("RefundLog.flows", Permission.REFUND_PROPOSE, _quota("refund_log", "flows")),
    Row("RefundLog.names", Permission.QUOTA_VIEW, _refund_named, make=_flow_refund, lists=True),
    Row(
        "RefundLog.states",
        Permission.QUOTA_VIEW,
        lambda s, a, _n, made: s.services.quota.refund_log.states(a, made),
        make=_refund,
    ),
    Row("RefundLog.export", Permission.EXPORT, _refund_exported, make=_refund),
    Row("TrainingService.list", Permission.ACCOUNT_VIEW, _quota("training", "list")),
    Row(
        "TrainingService.allow",
        Permission.ACCOUNT_MANAGE,
        _quota("training", "allow", "ana@example.org"),
    ),
    Row(
        "TrainingService.disallow",
        Permission.ACCOUNT_MANAGE,
        _quota("training", "disallow", "ana@example.org"),
    ),
)
