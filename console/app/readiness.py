"""What `relevo check` finds outside of the settings: DKIM keys, what draws PDFs, with `--dns` the DNS."""

import ctypes
import ipaddress

from mta.dkim.keys import KeyRing
from mta.dkim.records import check as check_key
from mta.dns.lookup import Absent, Failed, Lookup
from mta.dns.records import addresses, texts
from mta.model.errors import ConfigurationError, TransientError
from mta.settings.schema import Settings

Finding = dict[str, str]


async def dns_findings(settings: Settings) -> list[Finding]:
    """Problems of host name, return path domain and DKIM records; each question has a deadline."""
    lookup = Lookup(settings.delivery.nameservers)
    findings = await _hostname(settings.server.hostname, lookup)
    if settings.inbound.return_path_domain is not None:
        findings += await _return_path(
            settings.inbound.return_path_domain, settings.server.hostname, lookup
        )
    try:
        keys = KeyRing.load(settings.server.dkim_dir)
    except ConfigurationError:
        return findings  # `key_findings` tells it
    for domain in keys.domains:
        findings += await _dkim(keys, domain, lookup)
    return findings


def key_findings(settings: Settings) -> list[Finding]:
    """DKIM keys that cannot be used: the server does not start with them."""
    try:
        KeyRing.load(settings.server.dkim_dir)
    except ConfigurationError as error:
        return [
            _finding("error", "server.dkim_dir", f"{line}.", "") for line in str(error).splitlines()
        ]
    return []


def drawing_findings(library: str = "libpangoft2-1.0.so.0") -> list[Finding]:
    """Whether PDFs can be made: the text engine is the system's, no package of Python brings it."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return [
            _finding(
                "note",
                "pdf",
                f"{library} is missing: reports and guides have no PDF, certificates cannot be made.",
                "apt-get install libpangoft2-1.0-0 fonts-dejavu-core",
            )
        ]
    return []


async def _hostname(hostname: str, lookup: Lookup) -> list[Finding]:
    found = await lookup.ask(hostname, "A")
    if isinstance(found, Failed):
        return [_finding("warning", "server.hostname", f"DNS did not answer: {found.reason}.", "")]
    if isinstance(found, Absent):
        return [
            _finding(
                "warning",
                "server.hostname",
                f"{hostname} has no address record.",
                "Receivers want the EHLO name to resolve: publish an A record.",
            )
        ]
    findings = []
    for address in addresses(found.data):
        reverse = ipaddress.ip_address(address).reverse_pointer
        pointer = await lookup.ask(reverse, "PTR")
        if isinstance(pointer, Absent):
            findings.append(
                _finding(
                    "warning",
                    "server.hostname",
                    f"{address} has no reverse name (PTR).",
                    f"Ask the address's provider to set it to {hostname}.",
                )
            )
    return findings


async def _return_path(domain: str, hostname: str, lookup: Lookup) -> list[Finding]:
    """Bounces find this server by MX; SPF is looked up for the envelope sender's domain."""
    key = "inbound.return_path_domain"
    exchange = await lookup.ask(domain, "MX")
    if isinstance(exchange, Failed):
        return [_finding("warning", key, f"DNS did not answer: {exchange.reason}.", "")]
    findings = []
    if isinstance(exchange, Absent):
        findings.append(
            _finding(
                "warning",
                key,
                f"{domain} has no MX record: bounces do not find this server.",
                f"Publish: {domain}. MX 10 {hostname}.",
            )
        )
    found = await lookup.ask(domain, "TXT")
    records = texts(found.data) if not isinstance(found, Absent | Failed) else []
    if not isinstance(found, Failed) and not any(r.lower().startswith(b"v=spf1") for r in records):
        findings.append(
            _finding(
                "warning",
                key,
                f"{domain} has no SPF record, and it is the domain of all envelope senders.",
                f'Publish: {domain}. TXT "v=spf1 a:{hostname} -all" (or your own addresses).',
            )
        )
    return findings


async def _dkim(ring: KeyRing, domain: str, lookup: Lookup) -> list[Finding]:
    async def txt(name: str) -> list[str]:
        found = await lookup.ask(name, "TXT")
        if isinstance(found, Failed):
            raise TransientError(found.reason)
        if isinstance(found, Absent):
            return []
        return [t.decode("utf-8", "replace") for t in texts(found.data)]

    findings = []
    for key in ring.keys(domain):
        try:
            problems = await check_key(key, txt)
        except TransientError as error:
            problems = [f"DNS did not answer: {error}"]
        findings += [
            _finding(
                "warning",
                f"dkim {key.record_name}",
                f"{_in_one_line(problem, key.record_name)}.",
                f"`relevo dkim show {domain}` shows what to publish.",
            )
            for problem in problems
        ]
    return findings


def _in_one_line(problem: str, record_name: str) -> str:
    """Without the name, which the finding has, and the record, which is too long for it."""
    return problem.removeprefix(f"{record_name}: ").partition("; publish:\n")[0].rstrip(".")


def _finding(severity: str, key: str, text: str, remedy: str) -> Finding:
    return {"severity": severity, "key": key, "text": text, "remedy": remedy}
