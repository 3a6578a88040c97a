"""Which records a domain needs, and whether the DNS has them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from console.accounts.sending.spf import SpfUnknown, spf_problem, spf_records
from console.accounts.sending.values import (
    DomainRecord,
    DomainStatus,
    RecordKind,
    RecordState,
    WantedRecord,
)
from console.accounts.values import SendingDomain
from mta.dkim.keys import DkimKey
from mta.dkim.records import check as check_key
from mta.dkim.records import record_text
from mta.dns.lookup import Failed, Lookup, Records
from mta.dns.records import addresses, mx_hosts, texts

PREFIX = "relevo-verification="
_PERSON = b"domains"
MAX_FOUND = 5  # records of a name that are kept, each up to 300 characters


class DnsUnknown(Exception):
    """DNS gave no answer: what was known stays."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What records point to."""

    hostname: str
    sources: tuple[str, ...]  # egress addresses; empty: those of `hostname`
    key: bytes  # the installation's secret
    return_path: str = ""  # `[inbound] return_path_domain`; empty: applications' own senders stay


class DomainChecker:
    """Asks the DNS anew each time: people press the button after a change."""

    def __init__(self, lookup: Lookup, installation: Installation) -> None:
        self._lookup = lookup
        self._installation = installation

    def token(self, domain: SendingDomain) -> str:
        """What proves that this account may use the domain."""
        text = f"{domain.account} {domain.domain}".encode()
        digest = hashlib.blake2s(
            text, key=self._installation.key, person=_PERSON, digest_size=16
        ).hexdigest()
        return PREFIX + digest

    def wanted(self, domain: SendingDomain, keys: Sequence[DkimKey]) -> list[WantedRecord]:
        """What to publish, the needed first."""
        name, host = domain.domain, self._installation.hostname
        sources = " ".join(
            f"ip{6 if ':' in address else 4}:{address}" for address in self._installation.sources
        )
        spf = f"v=spf1 {sources or f'a:{host}'} ~all"
        dmarc = f"v=DMARC1; p=none; rua=mailto:postmaster@{name}"
        return [
            WantedRecord(RecordKind.OWNERSHIP, f"_relevo.{name}", "TXT", self.token(domain), True),
            *(
                WantedRecord(RecordKind.DKIM, key.record_name, "TXT", record_text(key), True)
                for key in keys
            ),
            # Receivers ask for the SPF record of the return path.
            WantedRecord(RecordKind.SPF, name, "TXT", spf, not self._installation.return_path),
            *self._return_path(name),
            WantedRecord(RecordKind.DMARC, f"_dmarc.{name}", "TXT", dmarc, False),
            WantedRecord(RecordKind.MX, name, "MX", "", False),
        ]

    def _return_path(self, name: str) -> list[WantedRecord]:
        target = self._installation.return_path
        if not target:
            return []
        host = return_path_host(name)
        return [WantedRecord(RecordKind.RETURN_PATH, host, "CNAME", target, False)]

    async def look(self, status: DomainStatus, keys: Sequence[DkimKey]) -> list[DomainRecord]:
        """Every record with what the DNS has for it now; what it does not answer stays as it was."""
        before = {(r.kind, r.name): r for r in status.records}
        records = []
        for wanted in self.wanted(status.domain, keys):
            known = before.get((wanted.kind, wanted.name))
            fields = (wanted.kind, wanted.name, wanted.type, wanted.value, wanted.is_needed)
            old = known.state if known is not None else RecordState.PENDING
            try:
                found, problem = await self._find(wanted, status.domain, keys)
            except (DnsUnknown, SpfUnknown) as error:
                kept = known.found if known is not None else ()
                text = f"the DNS does not answer: {error}"
                records.append(DomainRecord(*fields, old, kept, text))
                continue
            if not problem:
                state = RecordState.VERIFIED
            else:
                state = old if old is RecordState.PENDING else RecordState.FAILING
            shown = tuple(text[:300] for text in found[:MAX_FOUND])
            records.append(DomainRecord(*fields, state, shown, problem))
        return _ownership_by_dkim(records, status.selector)

    async def _find(
        self, wanted: WantedRecord, domain: SendingDomain, keys: Sequence[DkimKey]
    ) -> tuple[Sequence[str], str]:
        """What is there, and what is wrong with it."""
        if wanted.kind is RecordKind.OWNERSHIP:
            found = await self._txt(wanted.name)
            return found, "" if wanted.value in found else _missing(found)
        if wanted.kind is RecordKind.DKIM:
            return await self._dkim(next(k for k in keys if k.record_name == wanted.name))
        if wanted.kind is RecordKind.SPF:
            records = await spf_records(self._lookup, domain.domain)
            if not records:
                return (), "there is no SPF record"
            return records, await spf_problem(self._lookup, domain.domain, await self._sources())
        if wanted.kind is RecordKind.DMARC:
            return await self._dmarc(domain.domain)
        if wanted.kind is RecordKind.RETURN_PATH:
            return await self._alias(wanted)
        return await self._mx(domain.domain)

    async def _alias(self, wanted: WantedRecord) -> tuple[Sequence[str], str]:
        found = await self._ask(wanted.name, "CNAME")
        if not isinstance(found, Records):
            return (), "the record is not there"
        names = [str(record).rstrip(".").lower() for record in found.data]
        return names, "" if names == [wanted.value.lower()] else "it points elsewhere"

    async def _dkim(self, key: DkimKey) -> tuple[Sequence[str], str]:
        found = await self._txt(key.record_name)

        async def known(_: str) -> Sequence[str]:
            return found

        problems = await check_key(key, known)
        start = f"{key.record_name}: "
        lines = (problem.removeprefix(start).partition("\n")[0] for problem in problems)
        return found, "; ".join(line.removesuffix("; publish:") for line in lines)

    async def _dmarc(self, domain: str) -> tuple[Sequence[str], str]:
        """Of the domain or of the nearest parent that has one (RFC 9989, tree walk)."""
        name = domain
        while "." in name:
            records = [r for r in await self._txt(f"_dmarc.{name}") if r.startswith("v=DMARC1")]
            if len(records) > 1:
                return records, f"{name} has {len(records)} DMARC records, there must be one"
            if records:
                return records, ""
            name = name.partition(".")[2]
        return (), "there is no DMARC record"

    async def _mx(self, domain: str) -> tuple[Sequence[str], str]:
        """Whether answers to the domain's mail would arrive somewhere."""
        found = await self._ask(domain, "MX")
        if isinstance(found, Records):
            hosts, is_null = mx_hosts(found.data)
            names = [f"{host.preference} {host.name}" for host in hosts]
            return names, "the domain says that it takes no mail (null MX)" if is_null else ""
        for kind in ("A", "AAAA"):
            if isinstance(found := await self._ask(domain, kind), Records):
                return addresses(found.data), ""
        return (), "nobody takes answers: there is neither MX nor address"

    async def _sources(self) -> Sequence[str]:
        if self._installation.sources:
            return self._installation.sources
        found: list[str] = []
        for kind in ("A", "AAAA"):
            answer = await self._ask(self._installation.hostname, kind)
            if isinstance(answer, Records):
                found += addresses(answer.data)
        if not found:
            raise DnsUnknown(f"{self._installation.hostname} has no address")
        return found

    async def _txt(self, name: str) -> Sequence[str]:
        found = await self._ask(name, "TXT")
        if not isinstance(found, Records):
            return ()
        return [text.decode("utf-8", "replace") for text in texts(found.data)]

    async def _ask(self, name: str, kind: str) -> object:
        found = await self._lookup.ask(name, kind)
        if isinstance(found, Failed):
            raise DnsUnknown(found.reason)
        return found


def return_path_host(domain: str) -> str:
    """Where bounces of a sending domain come back, if its owner points that at us."""
    return f"bounce.{domain}"


def _missing(found: Sequence[str]) -> str:
    return "another text stands there" if found else "the record is not there"


def _ownership_by_dkim(records: list[DomainRecord], selector: str) -> list[DomainRecord]:
    """The key made for the domain is as good a proof: who can publish it owns the domain."""
    is_shown = selector and any(
        r.kind is RecordKind.DKIM
        and r.state is RecordState.VERIFIED
        and r.name.startswith(f"{selector}._domainkey.")
        for r in records
    )
    if not is_shown:
        return records
    return [
        replace(r, state=RecordState.VERIFIED, problem="") if r.kind is RecordKind.OWNERSHIP else r
        for r in records
    ]
