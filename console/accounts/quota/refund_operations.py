"""What commands can ask of refunds; see `console.accounts.quota.operations`."""

from collections.abc import Awaitable, Callable

import orjson

from console.accounts.arguments import OPERATOR, Arguments, account_of, text_of, time_of
from console.accounts.quota.operations import HasQuota
from console.accounts.quota.refund_values import ALWAYS_MS, Refund, RefundItem, RefundScope, Subject
from console.accounts.quota.service import QuotaService
from mta.model.errors import PermanentError
from mta.model.traffic import DeliveryState

Operation = Callable[[HasQuota, Arguments], Awaitable[object]]


async def refund_propose(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `reason`, and of `flow` (id or name), `message`, `from_ms`, `until_ms` what failed.

    `failed`: only what was not delivered; `resend`: send it again as well.
    """
    account = await account_of(services, arguments)
    subject = Subject(
        flow=await flow_named(services.quota, account.id, str(arguments.get("flow") or "")),
        message=_id(arguments, "message"),
        from_ms=int(arguments.get("from_ms") or 0),
        until_ms=int(arguments.get("until_ms") or ALWAYS_MS),
    )
    refund = await services.quota.refunds.propose(
        OPERATOR,
        account.id,
        subject,
        text_of(arguments, "reason"),
        scope=RefundScope.FAILED if arguments.get("failed") else RefundScope.ALL,
        resend=bool(arguments.get("resend")),
        evidence=str(arguments.get("evidence") or ""),
    )
    return refund_shown(refund)


async def refund_again(services: HasQuota, arguments: Arguments) -> object:
    """`refund`: ask a second person again for what nobody decided on in time."""
    refund = await services.quota.refunds.propose_again(OPERATOR, _id(arguments, "refund"))
    return refund_shown(refund)


async def refund_list(services: HasQuota, _: Arguments) -> object:
    """Refunds, the newest first."""
    return [refund_shown(refund) for refund in await services.quota.refunds.list(OPERATOR)]


async def refund_show(services: HasQuota, arguments: Arguments) -> object:
    """`refund`."""
    return refund_shown(await services.quota.refunds.get(OPERATOR, _id(arguments, "refund")))


async def refund_items(services: HasQuota, arguments: Arguments) -> object:
    """`refund`, `after`: a page of its list of deliveries."""
    items = await services.quota.refunds.items(
        OPERATOR, _id(arguments, "refund"), int(arguments.get("after") or 0)
    )
    return [item_shown(item) for item in items]


async def refund_decide(services: HasQuota, arguments: Arguments) -> object:
    """`refund`, `confirm` (else it is rejected), `reason`; not by who proposed it."""
    refund = await services.quota.refunds.decide(
        OPERATOR,
        _id(arguments, "refund"),
        confirm=bool(arguments.get("confirm")),
        reason=str(arguments.get("reason") or ""),
    )
    return refund_shown(refund)


def refund_operations() -> dict[str, Operation]:
    """All of this module by the names that the control socket knows."""
    return {
        "refund.propose": refund_propose,
        "refund.again": refund_again,
        "refund.list": refund_list,
        "refund.show": refund_show,
        "refund.items": refund_items,
        "refund.decide": refund_decide,
    }


def refund_shown(refund: Refund) -> dict[str, object]:
    """A refund as JSON."""
    return {
        "id": str(refund.id),
        "account": str(refund.account),
        "state": refund.state,
        "scope": refund.scope,
        "resend": refund.resend,
        "deliveries": refund.n,
        "put_back": refund.given,
        "sent_again": refund.sent_again,
        "flow": str(refund.subject.flow) if refund.subject.flow else None,
        "message": str(refund.subject.message) if refund.subject.message else None,
        "from": time_of(refund.subject.from_ms),
        "until": time_of(refund.subject.until_ms % ALWAYS_MS),
        "reason": refund.reason,
        "evidence": refund.evidence or None,
        "proposed_by": refund.proposed_by,
        "confirmed_by": refund.confirmed_by or None,
        "decided_by": refund.decided_by or None,
        "decision": refund.decision or None,
        "created": time_of(refund.created_ms),
        "decided": time_of(refund.decided_ms),
        "done": time_of(refund.done_ms),
    }


def item_shown(item: RefundItem) -> dict[str, str]:
    """A delivery on a list as JSON."""
    return {
        "delivery": str(item.delivery),
        "message": str(item.message),
        "recipient": item.address,
        "state": DeliveryState(item.state).label,
        "account": str(item.account),
    }


async def flow_named(quota: QuotaService, account: int, text: str) -> int:
    """A campaign or stream of the account, or of one below it, by its id or name; 0 for ''.

    Raises `PermanentError` unless it is one; the caller asks whether that account may be seen.
    """
    if not text:
        return 0
    accounts = orjson.dumps(quota.meter.below(account)).decode()
    rows = await quota.books.store.read("quota_flows_named", accounts=accounts, name=text)
    if len(rows) != 1:
        shown = ", ".join(str(row[0]) for row in rows) or "none"
        raise PermanentError(f"campaign {text!r}: {len(rows)} found ({shown}): give the id")
    return int(rows[0][0])


def _id(arguments: Arguments, key: str) -> int:
    text = str(arguments.get(key) or "0")
    if not text.isdigit() or int(text) >= 2**63:
        raise PermanentError(f"{key} {text!r} is not an id")
    return int(text)
