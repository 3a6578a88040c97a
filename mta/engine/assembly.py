"""Builds the parts of the mail half out of the settings; no part starts anything by itself."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mta.bounces.classifier import Classifier
from mta.delivery.connection import ConnectionConfig
from mta.delivery.dispatcher import Dispatcher
from mta.delivery.opening import Source
from mta.delivery.parts import DispatcherParts
from mta.delivery.rendering import Rendering
from mta.delivery.routing import Router
from mta.delivery.settlement import Hooks, Notices
from mta.delivery.site_finding import SiteFinding
from mta.delivery.sites import UNRESOLVED, SiteDirectory
from mta.delivery.target import Credentials, Timeouts, TlsMode
from mta.delivery.tls import TlsContexts
from mta.delivery.tls_memory import TlsMemory
from mta.delivery.transactions import TransactionBuilder
from mta.dkim.author import from_domain
from mta.dkim.keys import DkimKey, KeyRing
from mta.dkim.signing import Signer
from mta.dns.lookup import Absent, Failed, Found, Lookup, Records
from mta.dns.reachable import AddressPolicy
from mta.dns.resolver import Resolver
from mta.engine.foundation import Foundation
from mta.engine.observer import Observer
from mta.events.mail_log import MailLog
from mta.events.metrics import Metrics
from mta.feedback.storms import BounceStorms
from mta.intake.admission import Admission
from mta.intake.batch import BatchIntake
from mta.intake.expansion import Expansion
from mta.intake.flow_lookup import FlowLookup
from mta.intake.ports import SubmissionPolicy, SuppressionCheck
from mta.intake.return_path import ReturnPaths
from mta.intake.trace import TraceWriter
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.model.clock import Clock
from mta.model.errors import ConfigurationError
from mta.model.ids import IdGenerator
from mta.model.rendering import ContentRenderer, ContentTracker
from mta.model.reply import Reply
from mta.scheduler.retry import RetryPlan
from mta.settings.schema import Settings
from mta.shaping.rules import Shaping
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery
from mta.store.base import Store
from mta.suppression.lists import SuppressionLists


def retry_plan(settings: Settings) -> RetryPlan:
    """`[queue]` as numbers."""
    queue = settings.queue
    expire = queue.expire
    seconds = {
        ExpiryKind.URGENT: expire.urgent,
        ExpiryKind.TRANSACTIONAL: expire.transactional,
        ExpiryKind.AUTOMATED: expire.automated,
        ExpiryKind.CAMPAIGN: expire.campaign,
        ExpiryKind.RELAY: expire.relay,
    }
    return RetryPlan(
        steps_s=tuple(int(s) for s in queue.retry),
        urgent_steps_s=tuple(int(s) for s in queue.retry_urgent),
        expire_s={kind: int(seconds[kind]) for kind in ExpiryKind},
        uncertain_s=int(queue.uncertain_retry),
        greylist_s=int(queue.greylist_retry),
    )


def sources(settings: Settings) -> list[Source]:
    """The egress addresses; one that leaves the choice to the system when none is named."""
    hostname = settings.server.hostname
    named = [
        Source(
            "" if str(s.address) in {"0.0.0.0", "::"} else str(s.address),
            s.ehlo or hostname,
            s.pool,
        )
        for s in settings.delivery.sources
    ]
    return named or [Source("", hostname, "default")]


def smarthost_login(settings: Settings) -> Credentials | None:
    """User and password at the smarthost. Raises `ConfigurationError` for an unreadable file."""
    delivery = settings.delivery
    if not delivery.smarthost_user or delivery.smarthost_password_file is None:
        return None
    path = delivery.smarthost_password_file
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(
            f"[delivery] smarthost_password_file = {path}: {error.strerror}"
        ) from None
    if not lines or not lines[0]:
        raise ConfigurationError(f"[delivery] smarthost_password_file = {path}: the file is empty")
    return Credentials(delivery.smarthost_user, lines[0])


class MeteredLookup(Lookup):
    """Asks DNS and counts the answers."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        super().__init__(settings.delivery.nameservers)
        self._metrics = metrics

    async def ask(self, name: str, rdtype: str, *, urgent: bool = False) -> Found:
        """See `Lookup.ask`."""
        begin_s = time.monotonic()
        found = await super().ask(name, rdtype, urgent=urgent)
        result = {Records: "ok", Absent: "absent", Failed: "failed"}[type(found)]
        self._metrics.dns_lookup(rdtype, result, time.monotonic() - begin_s)
        return found


def make_resolver(settings: Settings, clock: Clock, metrics: Metrics) -> Resolver:
    """The resolver; addresses that mail must not go to follow from the settings."""
    own = {
        str(listen.host)
        for listen in (*settings.inbound.listen,)
        if str(listen.host) not in {"0.0.0.0", "::"}
    }
    policy = AddressPolicy(
        allow_private=settings.delivery.allow_private_addresses,
        own_addresses=own,
        own_names=(settings.server.hostname,),
    )
    return Resolver(MeteredLookup(settings, metrics), clock, policy)


class DkimSigning:
    """Which keys sign a message, and the signer that runs in the threads."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.signer = Signer()

    def keys(self, content: bytes) -> tuple[DkimKey, ...]:
        """The keys for the message's From domain; none when it has none."""
        if not self.ring.domains:
            return ()
        domain = from_domain(content)
        return self.ring.signers(domain) if domain else ()


@dataclass(slots=True)
class DeliveryAssembly:
    """The delivery side, built."""

    dispatcher: Dispatcher
    router: Router
    resolver: Resolver
    sites: SiteDirectory
    signing: DkimSigning
    executor: ThreadPoolExecutor
    shaping: Shaping

    def make_expansion(
        self,
        store: Store,
        flows: FlowLookup,
        admission: Admission,
        ids: IdGenerator,
        clock: Clock,
        renderer: ContentRenderer,
        metrics: Metrics,
        capacity: Callable[[], Reply | None],
        policy: SubmissionPolicy,
        suppression: SuppressionCheck,
    ) -> Expansion:
        """What makes the deliveries of template messages, and tells the dispatcher of them."""
        return Expansion(
            store=store,
            flows=flows,
            admission=admission,
            ids=ids,
            listener=self.dispatcher,
            clock=clock,
            suppression=suppression,
            sites=SiteFinding(self.router, self.sites),
            renderer=renderer,
            metrics=metrics,
            capacity=capacity,
            policy=policy,
        )

    def make_batches(
        self,
        store: Store,
        flows: FlowLookup,
        admission: Admission,
        ids: IdGenerator,
        clock: Clock,
        renderer: ContentRenderer,
        metrics: Metrics,
        policy: SubmissionPolicy,
        suppression: SuppressionCheck,
    ) -> BatchIntake:
        """What takes personalised messages with all their recipients in one transaction."""
        return BatchIntake(
            store=store,
            flows=flows,
            admission=admission,
            ids=ids,
            listener=self.dispatcher,
            clock=clock,
            suppression=suppression,
            site_of=self.site_of,
            renderer=renderer,
            metrics=metrics,
            policy=policy,
        )

    def site_of(self, domain: str) -> int:
        """The site number of a domain if it is known without waiting; else 0."""
        route = self.router.known(domain)
        site = self.sites.named(route.site) if route is not None else None
        return site.id if site is not None else UNRESOLVED


def timeouts(settings: Settings) -> Timeouts:
    """`[delivery.timeouts]`."""
    chosen = settings.delivery.timeouts
    names = ("connect", "greeting", "ehlo", "tls", "mail", "rcpt", "data", "block", "dot")
    values = {name: float(getattr(chosen, name)) for name in names}
    return Timeouts(**values, greeting_known=min(60.0, values["greeting"]))


def assemble_delivery(
    settings: Settings,
    base: Foundation,
    *,
    shaping: Shaping,
    ring: KeyRing,
    metrics: Metrics,
    mail_log: MailLog,
    classifier: Classifier,
    notices: Notices,
    return_paths: ReturnPaths | None,
    unsubscribe: UnsubscribeLinks | None,
    renderer: ContentRenderer | None,
    tracker: ContentTracker | None,
    storms: BounceStorms,
) -> DeliveryAssembly:
    """Everything between a durable row and the wire."""
    clock, sites = base.clock, base.sites
    resolver = make_resolver(settings, clock, metrics)
    router = Router(
        settings.delivery, settings.sandbox, resolver=resolver, shaping=shaping, clock=clock
    )
    signing = DkimSigning(ring)
    threads = settings.dkim.signing_threads
    executor = ThreadPoolExecutor(threads, thread_name_prefix="signer")
    observer = Observer(
        classifier, metrics, mail_log, clock, lambda site_id: sites.get(site_id).provider, storms
    )
    trace = TraceWriter(settings.server.hostname)
    rendering = Rendering(renderer, trace, ring.signers, signing.keys, unsubscribe, tracker)
    parts = DispatcherParts(
        store=base.store,
        clock=clock,
        flows=base.flows,
        sites=sites,
        router=router,
        shaping=shaping,
        connections=ConnectionConfig(timeouts(settings), TlsContexts(), TlsMemory(clock)),
        sources=sources(settings),
        transactions=TransactionBuilder(return_paths),
        plan=retry_plan(settings),
        notices=notices,
        hooks=_hooks(observer),
        executor=executor,
        threads=threads,
        keys=signing.keys,
        sign_batch=signing.signer.sign_batch,
        rendering=rendering,
        max_connections=settings.delivery.max_connections,
        sessions_per_attempt=settings.delivery.sessions_per_attempt,
        default_tls=TlsMode(settings.delivery.tls),
        smarthost_login=smarthost_login(settings),
        is_suppressed=_LastLook(base.suppression),
        metrics=metrics,
        warm_ups=base.warm_ups,
        rng=random.Random(),  # noqa: S311 - jitter
    )
    return DeliveryAssembly(Dispatcher(parts), router, resolver, sites, signing, executor, shaping)


def _hooks(observer: Observer) -> Hooks:
    """What settlement tells the observer; the dispatcher adds itself."""
    return Hooks(
        ready_again=lambda _: None,
        scheduled=lambda _: None,
        accepted=lambda _d, _m: None,
        counted=observer.counted,
        classify=observer.classify,
        is_greylisted=observer.is_greylisted,
    )


class _LastLook:
    """Why a delivery must not go out, asked just before its MAIL; notices of ours always may."""

    def __init__(self, lists: SuppressionLists) -> None:
        self._lists = lists

    def __call__(self, delivery: QueuedDelivery) -> str:
        message = delivery.message
        if message.flags & MessageFlag.NOTICE:
            return ""
        return self._lists.reason_of(message.account, delivery.address, delivery.klass)
