"""What the DNS says of this server: a first look for `relevo check --dns`."""

import ipaddress

from mta.dkim.keys import KeyRing
from mta.dkim.records import check as check_key
from mta.dns.lookup import Absent, Failed, Lookup
from mta.dns.records import addresses, texts
from mta.model.errors import TransientError
from mta.settings.schema import Settings

Finding = dict[str, str]


async def dns_findings(settings: Settings) -> list[Finding]:
    """Problems of host name and DKIM records; each DNS question has a deadline."""
    lookup = Lookup(settings.delivery.nameservers)
    findings = await _hostname(settings.server.hostname, lookup)
    for domain in KeyRing.load(settings.server.dkim_dir).domains:
        findings += await _dkim(settings, domain, lookup)
    return findings


async def _hostname(hostname: str, lookup: Lookup) -> list[Finding]:
    found = await lookup.ask(hostname, "A")
    if isinstance(found, Failed):
        return [_finding("warning", "server.hostname", f"DNS did not answer: {found.reason}", "")]
    if isinstance(found, Absent):
        return [
            _finding(
                "warning",
                "server.hostname",
                f"{hostname} has no address record",
                "receivers want the EHLO name to resolve: publish an A record",
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
                    f"{address} has no reverse name (PTR)",
                    f"ask the address's provider to set it to {hostname}",
                )
            )
    return findings


async def _dkim(settings: Settings, domain: str, lookup: Lookup) -> list[Finding]:
    async def txt(name: str) -> list[str]:
        found = await lookup.ask(name, "TXT")
        if isinstance(found, Failed):
            raise TransientError(found.reason)
        if isinstance(found, Absent):
            return []
        return [t.decode("utf-8", "replace") for t in texts(found.data)]

    findings = []
    for key in KeyRing.load(settings.server.dkim_dir).keys(domain):
        try:
            problems = await check_key(key, txt)
        except TransientError as error:
            problems = [f"DNS did not answer: {error}"]
        findings += [
            _finding("warning", f"dkim {key.record_name}", problem, "relevo dkim show")
            for problem in problems
        ]
    return findings


def _finding(severity: str, key: str, text: str, remedy: str) -> Finding:
    return {"severity": severity, "key": key, "text": text, "remedy": remedy}
