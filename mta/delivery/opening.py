"""Opens a connection for a domain: its addresses in order, dead hosts skipped, TLS by policy."""

from dataclasses import dataclass

from mta.delivery.connection import (
    ConnectionConfig,
    MxConnection,
    OnClosed,
    OnDone,
    OnSlot,
)
from mta.delivery.handshake import should_retry_in_clear
from mta.delivery.routing import Route, Router
from mta.delivery.target import Credentials, Target, TlsMode
from mta.dns.answers import Candidate
from mta.model.clock import Clock
from mta.model.outcome import Outcome, OutcomeKind, Phase, local_outcome
from mta.model.reply import Reply
from mta.shaping.deadhosts import DeadHosts


@dataclass(frozen=True, slots=True)
class Source:
    """An egress address."""

    address: str  # "" leaves the choice to the system
    ehlo: str
    pool: str

    @property
    def family(self) -> int:
        """4, 6, or 0 when the system chooses."""
        if not self.address:
            return 0
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection and the MX host it goes to."""

    connection: MxConnection
    candidate: Candidate


class Opener:
    """Opens connections; one for the whole process."""

    def __init__(
        self,
        *,
        router: Router,
        config: ConnectionConfig,
        dead_hosts: DeadHosts,
        clock: Clock,
        sessions: int,
        default_tls: TlsMode,
        smarthost_login: Credentials | None,
    ) -> None:
        """`sessions`: how many servers may answer and then fail before an attempt ends."""
        self._router = router
        self._config = config
        self._dead_hosts = dead_hosts
        self._clock = clock
        self._sessions = sessions
        self._default_tls = default_tls
        self._smarthost_login = smarthost_login
        self._known: set[str] = set()

    async def open(
        self,
        route: Route,
        source: Source,
        tls: str | None,
        *,
        insists: bool = False,
        on_done: OnDone,
        on_slot: OnSlot,
        on_closed: OnClosed,
    ) -> Opened | Outcome:
        """Try the addresses of the route; the last failure when none of them takes mail now.

        `insists`: those too that failed lately.
        """
        candidates = await self._router.candidates(route, family=source.family)
        if isinstance(candidates, Outcome):
            return candidates
        sessions = 0
        last: Outcome | None = None
        for candidate in candidates:
            is_dead = self._dead_hosts.is_dead(candidate.address, self._clock.monotonic_s())
            if is_dead and not insists:
                last = last or _resting(candidate)
                continue
            target = self._target(route, candidate, source, tls)
            result = await MxConnection.open(
                target, self._config, on_done=on_done, on_slot=on_slot, on_closed=on_closed
            )
            if isinstance(result, Outcome) and should_retry_in_clear(result):
                result = await MxConnection.open(
                    target, self._config, on_done=on_done, on_slot=on_slot, on_closed=on_closed
                )
            if isinstance(result, MxConnection):
                self._dead_hosts.answered(candidate.address)
                self._remember(candidate.address)
                return Opened(result, candidate)
            last = result
            if result.phase is Phase.CONNECT and result.host_fault:
                self._note_dead(candidate.address, result)
            else:
                sessions += 1
                if sessions >= self._sessions or not result.host_fault:
                    break
        return last or local_outcome(
            OutcomeKind.DEFERRED, 451, "4.4.4", f"no address for {route.domain}", Phase.DNS
        )

    def _note_dead(self, address: str, outcome: Outcome) -> None:
        now_s = self._clock.monotonic_s()
        if outcome.reply.enhanced == "4.4.1":  # no answer within the time
            self._dead_hosts.timed_out(address, now_s)
        else:
            self._dead_hosts.refused(address, now_s)

    def _target(
        self, route: Route, candidate: Candidate, source: Source, tls: str | None
    ) -> Target:
        return Target(
            candidate.host,
            candidate.address,
            route.port,
            source.address or None,
            source.ehlo,
            TlsMode(tls) if tls else self._default_tls,
            self._smarthost_login if route.is_smarthost else None,
            is_known=candidate.address in self._known,
        )

    def _remember(self, address: str) -> None:
        if len(self._known) > 50_000:
            self._known.clear()
        self._known.add(address)


def _resting(candidate: Candidate) -> Outcome:
    return Outcome(
        OutcomeKind.DEFERRED,
        Reply.of(451, "4.4.1", "the host did not answer lately and is left alone for a while"),
        Phase.CONNECT,
        host=f"{candidate.host}[{candidate.address}]",
        host_fault=True,
    )
