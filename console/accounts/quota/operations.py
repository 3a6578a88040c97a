"""What commands can ask of the bag: a name, arguments as JSON, a result as JSON.

As in `console.accounts.operations`: identifiers are strings, times RFC 3339 in UTC or null.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from console.accounts.arguments import OPERATOR, Arguments, account_of, text_of
from console.accounts.quota.contracts import DAYS, ContractView
from console.accounts.quota.forecast import Forecast
from console.accounts.quota.ledger import ALWAYS_MS, PAGE
from console.accounts.quota.service import QuotaService
from console.accounts.quota.term import day_of, last_day
from console.accounts.quota.values import Entry, EntryKind, Share
from console.accounts.service import AccountService
from console.accounts.values import Account
from mta.events.record import rfc3339
from mta.model.errors import PermanentError


class HasQuota(Protocol):
    """The part of the composition that these operations use."""

    @property
    def accounts(self) -> AccountService:
        """Accounts by name."""
        ...

    @property
    def quota(self) -> QuotaService:
        """The bag."""
        ...


Operation = Callable[[HasQuota, Arguments], Awaitable[object]]


async def contract_add(services: HasQuota, arguments: Arguments) -> object:
    """`name`, `size`, `days`, `starts`, `account` (a main one; made if there is none at all)."""
    name = text_of(arguments, "name")
    account = await _main_account(services, arguments, name)
    made = await services.quota.contracts.add(
        OPERATOR,
        account.id,
        name,
        _number(arguments, "size"),
        days=_number(arguments, "days", DAYS),
        starts_on=str(arguments.get("starts") or ""),
    )
    return await _contract(services, made)


async def contract_start(services: HasQuota, arguments: Arguments) -> object:
    """`date`, `contract`: which one, if there is more than one that has not begun."""
    contracts = services.quota.contracts
    if arguments.get("contract"):
        found = await contracts.get(OPERATOR, text_of(arguments, "contract"))
    else:
        pending = [v for v in await contracts.list(OPERATOR) if v.state == "pending"]
        if len(pending) != 1:
            raise PermanentError(f"{len(pending)} contracts are pending: say which with --contract")
        found = pending[0]
    started = await contracts.start(OPERATOR, found.contract.id, text_of(arguments, "date"))
    return await _contract(services, started)


async def contract_list(services: HasQuota, _: Arguments) -> object:
    """All contracts with where they stand."""
    views = await services.quota.contracts.list(OPERATOR)
    return [await _contract(services, view) for view in views]


async def contract_show(services: HasQuota, arguments: Arguments) -> object:
    """`contract`: with the forecast, what happens at its end, and the shares of its accounts."""
    view = await services.quota.contracts.get(OPERATOR, text_of(arguments, "contract"))
    shares = await services.quota.shares.list(OPERATOR, view.contract.account)
    return {
        **await _contract(services, view),
        "at_the_end": "mail accepted before goes out; new mail is refused (552 5.2.2)",
        "shares": [share_shown(share) for share in shares],
    }


async def contract_resize(services: HasQuota, arguments: Arguments) -> object:
    """`contract`, `change` (more or, negative, fewer mails), `reason`."""
    found = await services.quota.contracts.get(OPERATOR, text_of(arguments, "contract"))
    change = arguments.get("change")
    if not isinstance(change, int):
        raise PermanentError("the argument 'change' is not a number")
    reason = text_of(arguments, "reason")
    view = await services.quota.contracts.resize(OPERATOR, found.contract.id, change, reason)
    return await _contract(services, view)


async def quota_show(services: HasQuota, arguments: Arguments) -> object:
    """`account`: granted, allocated and consumed, by whom, for it and the accounts below it."""
    account = await account_of(services, arguments)
    shares = await services.quota.shares.list(OPERATOR, account.id)
    return [share_shown(share) for share in shares]


async def quota_allocate(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `amount`, `reason`: moved into the account's own balance from the one above."""
    account = await account_of(services, arguments)
    amount, reason = _number(arguments, "amount"), str(arguments.get("reason") or "")
    await services.quota.shares.allocate(OPERATOR, account.id, amount, reason)
    return share_shown(services.quota.shares.share(account.id))


async def quota_return(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `amount` (all that is left if not given), `reason`: given back to the one above."""
    account = await account_of(services, arguments)
    amount = _number(arguments, "amount") if arguments.get("amount") else None
    reason = str(arguments.get("reason") or "")
    moved = await services.quota.shares.give_back(OPERATOR, account.id, amount, reason)
    return {**share_shown(services.quota.shares.share(account.id)), "returned": moved}


async def quota_cap(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `amount` (no limit if not given), `reason`: a limit on what it takes from above."""
    account = await account_of(services, arguments)
    given = arguments.get("amount")
    amount = None if given is None else _number(arguments, "amount")
    reason = str(arguments.get("reason") or "")
    await services.quota.shares.cap(OPERATOR, account.id, amount, reason)
    return share_shown(services.quota.shares.share(account.id))


async def quota_ledger(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `kind`, `from_ms`, `until_ms`, `count`, `before`: entries, the newest first."""
    account = await account_of(services, arguments)
    kind = arguments.get("kind")
    entries = await services.quota.ledger.page(
        OPERATOR,
        account.id,
        before=int(arguments.get("before") or ALWAYS_MS),
        count=_number(arguments, "count", PAGE),
        kind=EntryKind(str(kind)) if kind else None,
        from_ms=_number(arguments, "from_ms", 0),
        until_ms=_number(arguments, "until_ms", ALWAYS_MS),
    )
    names = {a.id: a.name for a in services.quota.meter.accounts.values()}
    return [entry_shown(entry, names) for entry in entries]


async def training_allow(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `address`: the training account may write to it."""
    account = await account_of(services, arguments)
    address = text_of(arguments, "address")
    await services.quota.training.allow(OPERATOR, account.id, address)
    return {"account": str(account.id), "address": address}


async def training_remove(services: HasQuota, arguments: Arguments) -> object:
    """`account`, `address`: it may not any more."""
    account = await account_of(services, arguments)
    address = text_of(arguments, "address")
    await services.quota.training.disallow(OPERATOR, account.id, address)
    return {"account": str(account.id), "address": address}


async def training_list(services: HasQuota, arguments: Arguments) -> object:
    """`account`: the addresses that it may write to."""
    account = await account_of(services, arguments)
    found = await services.quota.training.list(OPERATOR, account.id)
    return [{"address": r.address, "created": rfc3339(r.created_ms)} for r in found]


def quota_operations() -> dict[str, Operation]:
    """All of this module by the names that the control socket knows."""
    return {
        "contract.add": contract_add,
        "contract.start": contract_start,
        "contract.list": contract_list,
        "contract.show": contract_show,
        "contract.resize": contract_resize,
        "quota.show": quota_show,
        "quota.allocate": quota_allocate,
        "quota.return": quota_return,
        "quota.cap": quota_cap,
        "quota.ledger": quota_ledger,
        "training.allow": training_allow,
        "training.remove": training_remove,
        "training.list": training_list,
    }


async def _main_account(services: HasQuota, arguments: Arguments, name: str) -> Account:
    if arguments.get("account"):
        return await services.accounts.get(OPERATOR, text_of(arguments, "account"))
    if not await services.accounts.list(OPERATOR):
        return await services.accounts.add(OPERATOR, name)
    return await services.accounts.only(OPERATOR)


async def _contract(services: HasQuota, view: ContractView) -> dict[str, object]:
    quota, contract = services.quota, view.contract
    ahead: Forecast = await quota.ledger.forecast(OPERATOR, contract.id)
    lasts = str(day_of(ahead.exhausted_ms, quota.zone)) if ahead.exhausted_ms else None
    return {
        "id": str(contract.id),
        "name": contract.name,
        "account": str(contract.account),
        "state": view.state,
        "size": contract.size,
        "available": view.available,
        "reserved": view.reserved,
        "consumed": view.consumed - view.refunded,
        "refunded": view.refunded,
        "expired": view.expired,
        "first_day": contract.starts_on or None,
        "last_day": last_day(contract) or None,
        "days": contract.days,
        "per_day": round(ahead.per_day, 1),
        "lasts_until": lasts,
        "created": rfc3339(contract.created_ms),
    }


def share_shown(share: Share) -> dict[str, object]:
    """A share as JSON."""
    return {
        "account": str(share.account),
        "name": share.name,
        "parent": None if share.parent is None else str(share.parent),
        "share": share.kind,
        "granted": share.granted,
        "available": share.available,
        "reserved": share.reserved,
        "consumed": share.consumed,
        "refunded": share.refunded,
    }


def entry_shown(entry: Entry, names: Mapping[int, str]) -> dict[str, object]:
    """An entry of the ledger as JSON; `names` of accounts."""
    return {
        "id": str(entry.id),
        "at": rfc3339(entry.at_ms),
        "account": str(entry.account),
        "account_name": names.get(entry.account, ""),
        "kind": entry.kind,
        "available": entry.available,
        "reserved": entry.reserved,
        "consumed": entry.consumed,
        "flow": str(entry.flow) if entry.flow else None,
        "reference": entry.reference,
        "reason": entry.reason,
        "actor": entry.actor_name,
        "actor_kind": entry.actor_kind,
        "hash": entry.hash,
    }


def _number(arguments: Arguments, key: str, default: int | None = None) -> int:
    value = arguments.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise PermanentError(f"the argument {key!r} is not a number from 0 on")
    return value
