"""Where the mail of a domain goes: transport map, smarthost, simulator, or its MX hosts.

`known` is the hot path. A route that has just aged still serves while a fresh one is on its way, so
a busy domain does not wait for DNS at each end of its TTL; an old one does not, for the old hosts
may refuse for good what the new ones take.
"""

from dataclasses import dataclass

from mta.dns.answers import Candidate, MxAnswer
from mta.dns.resolver import Resolver
from mta.model.clock import Clock
from mta.model.envelope import SIMULATOR_DOMAIN
from mta.model.outcome import Outcome, OutcomeKind, Phase, local_outcome
from mta.settings.delivery_schema import Delivery, Sandbox
from mta.settings.values import HostPort
from mta.shaping.rules import Shaping

FIXED_S = float("inf")
MAX_ROUTES = 100_000
SIMULATOR_SITE = "simulator"
GRACE_S = 60.0  # as long as a TTL is kept at least


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect for a domain.

    `hosts` are the names that may take its mail: a connection to one of them may be used.
    `answer` is set for routes by MX; fixed routes have `port` and one host of their own.
    """

    domain: str
    site: str
    provider: str
    hosts: frozenset[str]
    port: int
    expires_s: float
    answer: MxAnswer | None = None
    fixed_host: str = ""
    is_smarthost: bool = False


class Router:
    """Routes of domains, remembered."""

    def __init__(
        self,
        delivery: Delivery,
        sandbox: Sandbox,
        *,
        resolver: Resolver,
        shaping: Shaping,
        clock: Clock,
    ) -> None:
        self._delivery = delivery
        self._resolver = resolver
        self._shaping = shaping
        self._clock = clock
        self._routes: dict[str, Route] = {}
        self._map = {r.domain: r.to for r in delivery.routes}
        self._everything: HostPort | None = None
        self._simulator: HostPort | None = None
        if delivery.mode == "sandbox":
            self._everything = sandbox.listen
        elif delivery.mode == "smarthost" and delivery.smarthost is not None:
            self._everything = delivery.smarthost

    def simulator_at(self, host: str, port: int) -> None:
        """The simulator listens there (its port may be given by the system).

        In sandbox mode it takes all mail, in every mode that of test keys.
        """
        self._simulator = HostPort(host, port)
        if self._delivery.mode == "sandbox":
            self._everything = self._simulator
        self._routes.clear()

    def known(self, domain: str) -> Route | None:
        """The route if one is known, however old."""
        return self._routes.get(domain)

    def is_fresh(self, route: Route) -> bool:
        """Whether the route need not be looked up again."""
        return route.expires_s > self._clock.monotonic_s()

    def is_usable(self, route: Route) -> bool:
        """Whether mail may go by it, although it is to be looked up again."""
        return route.expires_s + GRACE_S > self._clock.monotonic_s()

    async def find(self, domain: str, *, urgent: bool = False) -> Route | Outcome:
        """The route of a domain, or the outcome that its mail has for now or for good."""
        fixed = self._fixed(domain)
        if fixed is not None:
            return self._remember(fixed)
        if domain == SIMULATOR_DOMAIN:  # never asked of the DNS
            return local_outcome(
                OutcomeKind.DEFERRED, 451, "4.4.4", "the simulator does not run yet", Phase.DNS
            )
        answer = await self._resolver.resolve(domain, urgent=urgent)
        if answer.failure is not None:
            self._routes.pop(domain, None)
            return answer.failure
        site = self._shaping.site_of(domain, answer.mx_names)
        return self._remember(
            Route(
                domain,
                site.name,
                site.provider,
                frozenset(answer.mx_names),
                self._delivery.port,
                answer.expires_s,
                answer,
            )
        )

    async def candidates(self, route: Route, *, family: int = 0) -> tuple[Candidate, ...] | Outcome:
        """Addresses to try, in order."""
        limit = self._delivery.max_addresses
        if route.answer is not None:
            return await self._resolver.candidates(route.answer, limit=limit, family=family)
        found = await self._resolver.addresses(route.fixed_host, trusted=True)
        if isinstance(found, Outcome):
            return found
        usable = [a for a in found if not family or (":" in a) == (family == 6)]
        return tuple(Candidate(route.fixed_host, a, 0) for a in usable[:limit])

    def _fixed(self, domain: str) -> Route | None:
        target = self._map.get(domain)
        if domain == SIMULATOR_DOMAIN:
            return self._to_simulator()
        if target is None:
            target = self._everything
        if target is None:
            return None
        site = self._shaping.routed(target, domain)
        return Route(
            domain,
            site.name,
            site.provider,
            frozenset((target.host,)),
            target.port,
            FIXED_S,
            fixed_host=target.host,
            is_smarthost=self._delivery.mode == "smarthost" and domain not in self._map,
        )

    def _to_simulator(self) -> Route | None:
        """A lane of its own under a name that stays, wherever the simulator listens this time."""
        target = self._simulator
        if target is None:
            return None
        hosts = frozenset((target.host,))
        return Route(
            SIMULATOR_DOMAIN,
            SIMULATOR_SITE,
            SIMULATOR_SITE,
            hosts,
            target.port,
            FIXED_S,
            fixed_host=target.host,
        )

    def _remember(self, route: Route) -> Route:
        if len(self._routes) >= MAX_ROUTES:
            now_s = self._clock.monotonic_s()
            self._routes = {d: r for d, r in self._routes.items() if r.expires_s > now_s}
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
        self._routes[route.domain] = route
        return route
