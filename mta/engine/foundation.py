"""The open store and what is read from it first: what a server and a command alike stand on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mta.delivery.sites import SiteDirectory
from mta.delivery.warm_ups import WarmUps
from mta.engine.restore import refuse_half_restored
from mta.engine.secret import installation_key
from mta.events.metrics import Metrics
from mta.feedback.storms import BounceStorms
from mta.feedback.suppressing import FOLLOWED, NAME, Suppressing
from mta.model.clock import Clock, SystemClock
from mta.model.errors import ConfigurationError
from mta.model.ids import IdGenerator
from mta.settings.loading import Loaded
from mta.spool.flows import FlowDirectory
from mta.spool.follower import EventFollower
from mta.store.base import Store
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.suppression.lists import SuppressionLists


@dataclass(slots=True)
class Foundation:
    """What every part stands on; also what a command uses when no server runs."""

    loaded: Loaded
    clock: Clock
    store: Store
    ids: IdGenerator
    flows: FlowDirectory
    sites: SiteDirectory
    suppression: SuppressionLists  # a server loads them
    warm_ups: WarmUps  # likewise


async def open_foundation(
    loaded: Loaded,
    packages: Sequence[str],
    *,
    metrics: Metrics | None = None,
    on_failed: Callable[[BaseException], None] | None = None,
    clock: Clock | None = None,
) -> Foundation:
    """Open the store (whose lock the caller holds) and what is read from it first."""
    clock = clock or SystemClock()
    data_dir = loaded.settings.server.data_dir
    if loaded.settings.server.store != "sqlite":
        raise ConfigurationError(
            '[server] store: PostgreSQL is not supported in this release: expected "sqlite"'
        )
    refuse_half_restored(data_dir)
    store = await SqliteStore.open(
        data_dir,
        [
            StatementPackage.of(name)
            for name in ("mta.spool", "mta.feedback", "mta.suppression", *packages)
        ],
        metrics=metrics,
        on_failed=on_failed,
        clock=clock,
    )
    ids = IdGenerator()
    sites = SiteDirectory(store, ids)
    try:
        ((last,),) = await store.read("last_id", deadline_s=60.0)
        ids.observe(last)
        await sites.load()
        secret = installation_key(loaded.settings.console.secret_file)
        suppression = SuppressionLists(store, clock, secret)
    except BaseException:
        await store.close()  # its threads would keep the process from ending
        raise
    return Foundation(
        loaded, clock, store, ids, FlowDirectory(), sites, suppression, WarmUps(store, clock)
    )


def suppression_follower(base: Foundation, storms: BounceStorms, metrics: Metrics) -> EventFollower:
    """What puts addresses onto suppression lists for what happens to their mail; not started."""
    suppressing = Suppressing(base.store, base.clock, base.suppression, storms)
    return EventFollower(
        base.store, NAME, FOLLOWED, suppressing.handle, clock=base.clock, metrics=metrics
    )
