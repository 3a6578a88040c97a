"""`shaping.toml` in memory: which site a domain belongs to, and what that site is allowed.

A site's name says all that its policy needs, so the queue may store it: `google` (a provider),
`microsoft/example.org` (one domain at a provider, taken out of the roll-up), `(mx1|mx2).example.net` (a
pattern of MX names), `example.org`, or `route:relay.example.org:587` for mail that an operator sends to a
relay or a server of their own. The object never changes; a reload makes a new one.
"""

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort
from mta.shaping.checks import problems
from mta.shaping.documents import load_document
from mta.shaping.policy import Period, Rate, SitePolicy
from mta.shaping.schema import Document, Site, WarmUpTable
from mta.shaping.sites import (
    HostPatterns,
    SiteKey,
    is_covered,
    pattern_matches,
    site_pattern,
)

OTHER = "other"  # the provider that reports give where none is known
MAX_REMEMBERED = 50_000  # domains whose site is kept, and policies
_BASE = {
    "connections_start": 4,
    "connections_max": 10,
    "messages_per_connection": 100,
    "idle_timeout": 10.0,
}
_BASE_ROUTE = {
    "connections_start": 10,
    "connections_max": 50,
    "messages_per_connection": 1000,
    "idle_timeout": 60.0,
}
_ROUTE = "route:"
_PERIODS = {
    "second": Period.SECOND,
    "minute": Period.MINUTE,
    "hour": Period.HOUR,
    "day": Period.DAY,
}


class Shaping:
    """The rules; every method is a function of its arguments, answers are remembered."""

    def __init__(self, document: Document) -> None:
        self._roll_up = document.roll_up
        self._default = document.default.over(_BASE)
        self._routes = document.routes.over(_BASE_ROUTE)
        self._sites = document.site
        self.warm_up = document.warm_up or WarmUpTable()
        self._providers = {p.name: p for p in document.provider if p.mx}
        self._by_mx = HostPatterns({mx: p for p in self._providers.values() for mx in p.mx})
        self._by_domain = HostPatterns(
            {name: p.name for p in document.provider for d in p.domains for name in (d, f"*.{d}")}
        )
        self._alone = HostPatterns({d: True for s in document.site for d in s.domains})
        self._site_of: OrderedDict[str, tuple[tuple[str, ...], SiteKey]] = OrderedDict()
        self._policies: OrderedDict[tuple[str, str], SitePolicy] = OrderedDict()

    @classmethod
    def load(cls, path: Path | None = None) -> "Shaping":
        """Read a file, or the shipped one. Raises `ConfigurationError` naming all that is wrong."""
        document = load_document(path)
        shaping = cls(document)
        found = problems(document, shaping.provider_of, shaping.report_of)
        if found:
            file = "shaping.toml" if path is None else str(path)
            raise ConfigurationError("\n".join(f"{file}: {problem}" for problem in found))
        return shaping

    def site_of(self, domain: str, mx_names: tuple[str, ...]) -> SiteKey:
        """The site of a domain with these MX hosts (best first); names in lower-case A-labels."""
        known = self._site_of.get(domain)
        if known is not None and known[0] == mx_names:
            return known[1]
        key = self._find_site(domain, mx_names)
        _remember(self._site_of, domain, (mx_names, key))
        return key

    def routed(self, to: HostPort, domain: str = "") -> SiteKey:
        """The site of mail that settings send to one server: smarthost, route, sandbox."""
        return SiteKey(f"{_ROUTE}{to}", self.report_of(domain) or OTHER)

    def policy(self, site_name: str, source_pool: str = "default") -> SitePolicy:
        """What the site allows from sources of that pool."""
        known = self._policies.get((site_name, source_pool))
        if known is None:
            known = self._merge(site_name, source_pool)
            _remember(self._policies, (site_name, source_pool), known)
        return known

    @property
    def warm_up_groups(self) -> tuple[str, ...]:
        """What a warm-up counts together: each provider, and all other sites as one."""
        return (*sorted(self._providers), OTHER)

    @staticmethod
    def warm_up_group(policy: SitePolicy) -> str:
        """The group of a site; empty for servers of the operator's own, which know us."""
        return "" if policy.site.startswith(_ROUTE) else policy.provider or OTHER

    def provider_of(self, mx_names: Iterable[str]) -> str:
        """The provider that hosts the best MX and at least half of all; empty when none does."""
        found = [self._by_mx.owner(name) for name in mx_names]
        if not found or found[0] is None or found.count(found[0]) * 2 < len(found):
            return ""
        return found[0].name

    def report_of(self, domain: str) -> str:
        """The provider for reports that a domain belongs to by its own name; empty when none."""
        return self._by_domain.owner(domain) or ""

    def _find_site(self, domain: str, mx_names: tuple[str, ...]) -> SiteKey:
        provider = self.provider_of(mx_names)
        report = self.report_of(domain)
        if not report:
            report = (self._providers[provider].report_as or provider) if provider else OTHER
        if not self._roll_up or self._alone.owner(domain):
            return SiteKey(f"{provider}/{domain}" if provider else domain, report)
        return SiteKey(provider or site_pattern(mx_names) or domain, report)

    def _merge(self, site_name: str, pool: str) -> SitePolicy:
        if site_name.startswith(_ROUTE):
            return _as_policy(site_name, "", self._routes)
        provider, slash, rest = site_name.rpartition("/")
        if not slash and site_name in self._providers:
            provider, rest = site_name, ""
        values: dict[str, Any] = dict(self._default)
        if provider in self._providers:
            values = self._providers[provider].over(values)
        for site in self._sites:
            if _applies(site, provider, rest) and (not site.pools or pool in site.pools):
                values = site.over(values)
        return _as_policy(site_name, provider, values)


def _applies(site: Site, provider: str, rest: str) -> bool:
    if site.providers:
        return provider in site.providers
    if site.domains:
        return bool(rest) and any(is_covered(rest, pattern) for pattern in site.domains)
    return bool(rest) and any(pattern_matches(pattern, rest) for pattern in site.mx)


def _as_policy(site: str, provider: str, values: dict[str, Any]) -> SitePolicy:
    return SitePolicy(
        site=site,
        provider=provider,
        connections_start=values["connections_start"],
        connections_max=values["connections_max"],
        messages_per_connection=values["messages_per_connection"],
        messages=_rates(values, "messages_per_"),
        connections=_rates(values, "connections_per_"),
        total_connections=values.get("total_connections", 0),
        total_messages=_rates(values, "total_messages_per_"),
        total_connection_rates=_rates(values, "total_connections_per_"),
        idle_timeout_s=values["idle_timeout"],
        tls=values.get("tls"),
    )


def _rates(values: dict[str, Any], prefix: str) -> tuple[Rate, ...]:
    named = ((prefix + unit, period) for unit, period in _PERIODS.items())
    return tuple(Rate(key, values[key], period) for key, period in named if values.get(key))


def _remember(memory: OrderedDict[Any, Any], key: object, value: object) -> None:
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        memory.popitem(last=False)
