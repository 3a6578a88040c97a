"""One question to DNS: the only module that speaks to a name server (through dnspython).

Every question ends within `tries * try_s` seconds and gives a value: records, "there are none", or a
failure that may pass. At most `max_in_flight` questions run at a time; a few places are kept for
urgent mail, so a campaign's 100,000 domains do not hold back a one-time code.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdata
import dns.resolver

from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort

TRY_S = 5.0  # one query to one name server
TRIES = 2
MAX_IN_FLIGHT = 128
KEPT_FOR_URGENT = 8  # of those
QUEUE_S = 60.0  # longest wait for one of those places
EDNS_PAYLOAD = 1232  # DNS flag day 2020: no fragments on any usual path


@dataclass(frozen=True, slots=True)
class Records:
    """Resource data in answer order, aliases (CNAME) already followed."""

    data: tuple[dns.rdata.Rdata, ...]
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Absent:
    """DNS says for sure that there is nothing: the name (NXDOMAIN) or records of this type (NODATA)."""

    name_exists: bool
    ttl_s: float  # RFC 2308 §5, from the SOA


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing is known: SERVFAIL, timeout, broken answers."""

    reason: str


Found = Records | Absent | Failed


class Lookup:
    """Asks the configured name servers, or the system's when none are given."""

    def __init__(
        self,
        nameservers: Sequence[HostPort] = (),
        *,
        try_s: float = TRY_S,
        tries: int = TRIES,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        """Raises `ConfigurationError` for name servers that are not IP addresses."""
        self._resolver = _configured(nameservers)
        self._resolver.timeout = try_s
        self._resolver.lifetime = try_s * tries
        self._deadline_s = try_s * tries + 1.0  # only if dnspython's own deadline did not hold
        self._backend = dns.asyncbackend.get_backend("asyncio")
        self._places = asyncio.Semaphore(max_in_flight)
        self._bulk_places = asyncio.Semaphore(max(1, max_in_flight - KEPT_FOR_URGENT))

    async def ask(self, name: str, rdtype: str, *, urgent: bool = False) -> Found:
        """Records of one type for an absolute name; never raises but when cancelled."""
        try:
            question = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return Absent(name_exists=False, ttl_s=0.0)  # no such name can exist
        try:
            async with self._place(urgent):
                return await self._ask(question, rdtype)
        except TimeoutError:
            return Failed("no answer in time")

    @contextlib.asynccontextmanager
    async def _place(self, urgent: bool) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as held:
            async with asyncio.timeout(QUEUE_S):
                if not urgent:
                    await held.enter_async_context(self._bulk_places)
                await held.enter_async_context(self._places)
            yield

    async def _ask(self, question: dns.name.Name, rdtype: str) -> Found:
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await self._resolver.resolve(
                    question, rdtype, search=False, backend=self._backend
                )
        except dns.resolver.NXDOMAIN as error:
            return Absent(name_exists=False, ttl_s=_negative_ttl(error, question))
        except dns.resolver.NoAnswer as error:
            return Absent(name_exists=True, ttl_s=_negative_ttl(error, question))
        except (dns.resolver.LifetimeTimeout, TimeoutError):
            return Failed("no answer in time")
        except dns.resolver.NoNameservers as error:
            return Failed(_first_error(error))
        except (dns.exception.DNSException, OSError) as error:
            return Failed(str(error) or type(error).__name__)
        return Records(tuple(answer), float(answer.chaining_result.minimum_ttl))


def _configured(nameservers: Sequence[HostPort]) -> dns.asyncresolver.Resolver:
    if nameservers:
        resolver = dns.asyncresolver.Resolver(configure=False)
        try:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(str(ipaddress.ip_address(server.host)), server.port)
                for server in nameservers
            ]
        except ValueError as error:
            raise ConfigurationError(
                f"[delivery] nameservers: {error}: expected IP addresses, as in 127.0.0.1:53"
            ) from None
    else:
        try:
            resolver = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            resolver = dns.asyncresolver.Resolver(configure=False)
        if not resolver.nameservers:
            resolver.nameservers = ["127.0.0.1"]  # resolv.conf(5): the default is the local machine
    resolver.use_edns(0, 0, EDNS_PAYLOAD)
    resolver.cache = None
    return resolver


def _negative_ttl(
    error: dns.resolver.NXDOMAIN | dns.resolver.NoAnswer, question: dns.name.Name
) -> float:
    """How long "nothing" holds: the lesser of the SOA's TTL and its minimum (RFC 2308 §5)."""
    response = error.kwargs.get("response") or error.kwargs["responses"][question]
    try:
        return float(response.resolve_chaining().minimum_ttl)
    except dns.exception.DNSException:
        return 0.0


def _first_error(error: dns.resolver.NoNameservers) -> str:
    """What the first name server said, for the log and the queue's last reply."""
    for server, _tcp, _port, problem, response in error.kwargs.get("errors", ()):
        if response is not None and response.rcode() != dns.rcode.NOERROR:
            return f"{server} answered {dns.rcode.to_text(response.rcode())}"
        return f"{server}: {problem}"
    return "no name server answers"
