"""What commands can ask of sending domains: a name, arguments as JSON, a result as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from console.accounts.arguments import OPERATOR, text_of, time_of
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import DomainRecord, DomainStatus

Arguments = Mapping[str, Any]
AccountFinder = Callable[[str | None], Awaitable[int]]  # by name or id; None: the only one
Operation = Callable[[Arguments], Awaitable[object]]


class DomainOperations:
    """Carried out for an operator."""

    def __init__(self, domains: SendingDomains, find_account: AccountFinder) -> None:
        self._domains = domains
        self._find_account = find_account

    def operations(self) -> dict[str, Operation]:
        """All by the names that the control socket knows."""
        return {
            "domain.add": self.add,
            "domain.list": self.list,
            "domain.show": self.show,
            "domain.check": self.check,
            "domain.remove": self.remove,
        }

    async def add(self, arguments: Arguments) -> object:
        """`domain`, `account`, `private`: not for its sub-accounts."""
        account = await self._find_account(arguments.get("account"))
        shared = not arguments.get("private")
        domain = text_of(arguments, "domain")
        return domain_json(await self._domains.add(OPERATOR, domain, account, shared=shared))

    async def list(self, arguments: Arguments) -> object:
        """Domains without their records; of one `account` if given."""
        wanted = arguments.get("account")
        account = None if wanted is None else await self._find_account(wanted)
        found = [domain_json(status) for status in await self._domains.all(OPERATOR, account)]
        return [{k: v for k, v in row.items() if k != "records"} for row in found]

    async def show(self, arguments: Arguments) -> object:
        """`domain`, with the records to publish and what was found when it was last checked."""
        return domain_json(await self._domains.get(OPERATOR, text_of(arguments, "domain")))

    async def check(self, arguments: Arguments) -> object:
        """`domain`: the same after asking the DNS now."""
        return domain_json(await self._domains.check(OPERATOR, text_of(arguments, "domain")))

    async def remove(self, arguments: Arguments) -> object:
        """`domain`."""
        domain = text_of(arguments, "domain")
        await self._domains.remove(OPERATOR, domain)
        return {"domain": domain}


def domain_json(status: DomainStatus) -> dict[str, object]:
    """A domain as programs see it."""
    return {
        "id": status.name,
        "domain": status.name,
        "account": str(status.domain.account),
        "shared": status.domain.shared,
        "state": status.domain.state,
        "created": time_of(status.domain.created_ms),
        "checked": time_of(status.checked_ms),
        "verified": time_of(status.verified_ms),
        "failing_since": time_of(status.failing_since_ms),
        "records": [record_json(record) for record in status.records],
    }


def record_json(record: DomainRecord) -> dict[str, object]:
    """What to publish and what was found."""
    return {
        "kind": record.kind,
        "needed": record.is_needed,
        "state": record.state,
        "type": record.type,
        "name": record.name,
        "value": record.value,
        "found": list(record.found),
        "problem": record.problem,
    }
