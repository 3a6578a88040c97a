"""What routes are about: made in an account when a row of the matrix names it, `{hook}`."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import date
from types import MappingProxyType

from console.accounts.approvals import ApprovalKind
from console.accounts.incidents.values import Category
from console.app.services import Services
from console.reports.usage.book import Order, ReportState
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.matrix import automations, templates

Make = Callable[[Services, int, int], Awaitable[object]]


async def _hook(services: Services, account: int, _number: int) -> object:
    service = services.areas.webhooks.service
    for old in await service.all(OPERATOR, account):
        await service.remove(OPERATOR, old.id)
    return (await service.add(OPERATOR, account, "https://h.example.org/")).webhook.id


async def _incident(services: Services, account: int, _number: int) -> object:
    return (
        await services.areas.incidents.open(OPERATOR, account, Category.OTHER, "x", "x", "x")
    ).number


async def _lone_domain(services: Services, account: int, number: int) -> object:
    name = f"lone{number}.example.org"
    await services.areas.domains.service.add(OPERATOR, name, account)
    return name


async def _refund(services: Services, account: int, _number: int) -> object:
    books = services.quota.books
    made = books.ids.new()
    await books.store.submit(
        [Rows("quota_refund_insert", [(made, account, "{}", "all", 0, "why", 1, "ana")])]
    )
    return made


async def _automation(services: Services, account: int, number: int) -> object:
    made = await services.automations.service.create(
        OPERATOR, account, f"a{number}", automations.DEFINITION, sender="a@own.example.org"
    )
    return made.id


async def _contact(services: Services, account: int, number: int) -> object:
    contacts = services.contacts.contacts
    return (await contacts.put(OPERATOR, account, f"c{number}@example.org", {})).id


async def _list(services: Services, account: int, number: int) -> object:
    return (await services.contacts.contacts.add_list(OPERATOR, account, f"l{number}")).id


async def _segment(services: Services, account: int, number: int) -> object:
    document = {"field": "email", "op": "filled"}
    return (await services.contacts.segments.add(OPERATOR, account, f"seg{number}", document)).id


async def _upload(services: Services, account: int, _number: int) -> object:
    return (await services.contacts.uploads.receive(OPERATOR, account, "x.csv", _rows())).id


async def _rows() -> AsyncIterator[bytes]:
    yield b"correo\na@example.com\n"


async def _template(services: Services, account: int, _number: int) -> object:
    return await templates.made(services, account)


async def _media(services: Services, account: int, _number: int) -> object:
    return await templates.uploaded(services, account)


async def _campaign(services: Services, account: int, number: int) -> object:
    return (await services.campaigns.service.create(OPERATOR, account, f"c{number}")).id


async def _credential(services: Services, account: int, _number: int) -> object:
    return (await services.accounts.credentials.add(OPERATOR, account, "ERP")).credential.id


async def _account_export(services: Services, account: int, _number: int) -> object:
    open_ones = await services.closing.exports.all(OPERATOR)
    if own := [one for one in open_ones if one.account == account]:
        return own[0].id
    return (await services.closing.exports.ask(OPERATOR, account)).id


async def _erasure(services: Services, account: int, _number: int) -> object:
    """Done, so that there is a certificate; nothing of the account went, for nobody ran it."""
    erasures = services.closing.erasures
    for old in await erasures.all(OPERATOR):
        if old.account == account:
            return old.number
    asked = await erasures.ask(OPERATOR, account, "x", "why")
    store = services.foundation.store
    await store.submit([Rows("closing_erasure_confirm", [(asked.id, "ana", 1, 1)])])
    await store.submit([Rows("closing_erasure_begin", [(asked.id, "[]", "{}", "")])])
    await store.submit([Rows("closing_erasure_end", [(asked.id, 1, "00")])])
    return asked.number


async def _erasure_approval(services: Services, account: int, number: int) -> object:
    for old in await services.approvals.list(OPERATOR):
        if old.account == account and old.kind is ApprovalKind.ACCOUNT_ERASURE:
            return old.id
    await _erasure(services, account, number)
    return await _erasure_approval(services, account, number)


async def _report(services: Services, account: int, _number: int) -> object:
    """One that is made, with its files."""
    book, day = services.reports.book, date(2026, 11, 1)
    number = await book.put(OPERATOR, Order(account, account, day, day))
    files = {"pdf": b"%PDF-", "xlsx": b"PK", "json": b"{}"}
    await book.keep(OPERATOR, await book.get(OPERATOR, number), "x", files)
    return number


async def _failed_report(services: Services, account: int, _number: int) -> object:
    book, day = services.reports.book, date(2026, 11, 1)
    number = await book.put(OPERATOR, Order(account, account, day, day))
    await book.state(await book.get(OPERATOR, number), ReportState.FAILED, error="x")
    return number


MAKERS: Mapping[str, Make] = MappingProxyType(
    {
        "hook": _hook, "incident": _incident, "lone_domain": _lone_domain, "refund": _refund,
        "automation": _automation, "contact": _contact, "list": _list, "segment": _segment,
        "upload": _upload,
        "account_export": _account_export, "erasure": _erasure,
        "erasure_approval": _erasure_approval,
        "template": _template, "media": _media, "campaign": _campaign, "credential": _credential,
        "report": _report, "failed_report": _failed_report,
    }
)  # fmt: skip


async def made_for(named: str, services: Services, account: int, number: int) -> dict[str, str]:
    """What a text names in braces, new; `number` is nobody else's."""
    names = set(re.findall(r"\{([a-z_]+)\}", named)) & MAKERS.keys()
    return {name: str(await MAKERS[name](services, account, number)) for name in sorted(names)}
