"""What routes are about: made in an account when a row of the matrix names it, `{hook}`."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType

from console.accounts.incidents.values import Category
from console.app.services import Services
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


MAKERS: Mapping[str, Make] = MappingProxyType(
    {
        "hook": _hook, "incident": _incident, "lone_domain": _lone_domain, "refund": _refund,
        "automation": _automation, "contact": _contact, "list": _list, "segment": _segment,
        "upload": _upload,
        "template": _template, "media": _media, "campaign": _campaign, "credential": _credential,
    }
)  # fmt: skip


async def made_for(named: str, services: Services, account: int, number: int) -> dict[str, str]:
    """What a text names in braces, new; `number` is nobody else's."""
    names = set(re.findall(r"\{([a-z_]+)\}", named)) & MAKERS.keys()
    return {name: str(await MAKERS[name](services, account, number)) for name in sorted(names)}
