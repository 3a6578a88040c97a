"""What the delivery side is built from; the engine makes it, once."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from random import Random

from mta.delivery.connection import ConnectionConfig
from mta.delivery.metering import DeliveryMetrics
from mta.delivery.opening import Source
from mta.delivery.rendering import Keys, Rendering
from mta.delivery.routing import Router
from mta.delivery.settlement import Hooks, Notices
from mta.delivery.signing import SignBatch
from mta.delivery.sites import SiteDirectory
from mta.delivery.target import Credentials, TlsMode
from mta.delivery.transactions import TransactionBuilder
from mta.delivery.warm_ups import WarmUps
from mta.model.clock import Clock
from mta.scheduler.retry import RetryPlan
from mta.shaping.rules import Shaping
from mta.spool.flows import FlowDirectory
from mta.spool.rows import QueuedDelivery
from mta.store.base import Store


@dataclass(slots=True)
class DispatcherParts:
    """Everything that is handed in."""

    store: Store
    clock: Clock
    flows: FlowDirectory
    sites: SiteDirectory
    router: Router
    shaping: Shaping
    connections: ConnectionConfig
    sources: Sequence[Source]
    transactions: TransactionBuilder
    plan: RetryPlan
    notices: Notices
    hooks: Hooks
    executor: Executor
    threads: int
    keys: Callable[[bytes], Keys]
    sign_batch: SignBatch
    rendering: Rendering
    max_connections: int
    sessions_per_attempt: int
    default_tls: TlsMode
    smarthost_login: Credentials | None
    is_suppressed: Callable[[QueuedDelivery], str]
    metrics: DeliveryMetrics
    warm_ups: WarmUps
    rng: Random
