"""What services make of the simulated year: accounts, contract, shares, keys, and refunds at its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.year_plan import MAIN, SUBS, TRAINING, Year, at_ms
from bench.year_store import Ground
from console.accounts.actor import Actor
from console.accounts.arguments import OPERATOR
from console.accounts.quota.refund_values import RefundScope, Subject
from console.accounts.values import AccountKind, Role
from console.app.services import PACKAGES, Services
from mta.engine.foundation import open_foundation
from mta.model.clock import ManualClock
from mta.settings.loading import Loaded, load_settings
from mta.store.lock import DataDirLock

PROPOSER, DECIDER = "ana@x.gob.pe", "luis@x.gob.pe"
REFUNDED = 3  # campaigns whose failed mails are put back


@asynccontextmanager
async def open_services(folder: Path, clock: ManualClock) -> AsyncIterator[Services]:
    """All services over the store in a folder, without a server."""
    with DataDirLock(folder):
        foundation = await open_foundation(_loaded(folder), PACKAGES, clock=clock)
        services = Services(foundation)
        try:
            await services.load()
            yield services
        finally:
            await services.areas.close()
            services.close()
            await foundation.store.close()


async def lay_ground(folder: Path, clock: ManualClock, year: Year) -> Ground:
    """Accounts with a contract that begins with the year; the clock stands there then."""
    clock.jump((at_ms(year.first, 0) - clock.now_ms()) / 1000)
    async with open_services(folder, clock) as services:
        accounts = services.accounts
        main = await accounts.add(OPERATOR, MAIN)
        ids = {MAIN: main.id}
        for name in SUBS:
            ids[name] = (await accounts.add(OPERATOR, name, parent=main.id)).id
        school = await accounts.add(OPERATOR, TRAINING, parent=main.id, kind=AccountKind.TRAINING)
        for email in (PROPOSER, DECIDER):
            await accounts.users.add(OPERATOR, email, Role.OWNER, main.id, "correcto caballo")
        keys = {}
        for name, account in ids.items():
            made = await services.run(
                "credential.add", {"account": name, "name": f"clave de {name}"}
            )
            keys[account] = int(made["id"])  # type: ignore[index]  # as the operations tell it
        size, starts = year.deliveries * 2, year.first.isoformat()
        await services.quota.contracts.add(OPERATOR, main.id, "Bolsa", size, starts_on=starts)
        for name in SUBS:
            await services.quota.shares.allocate(
                OPERATOR, ids[name], year.deliveries // 3, "plan del año"
            )
        bags = {row[2]: row[0] for row in await services.foundation.store.read("quota_bags")}
        return Ground({**ids, TRAINING: school.id}, bags, keys)


async def put_back(folder: Path, clock: ManualClock, year: Year) -> None:
    """On the last day what failed of some campaigns is put back, and a second person agrees."""
    clock.jump((at_ms(year.last, 12) - clock.now_ms()) / 1000)
    async with open_services(folder, clock) as services:
        proposer, decider = [await _person(services, email) for email in (PROPOSER, DECIDER)]
        mailings = [one for one in year.mailings if one.account != TRAINING][:REFUNDED]
        for mailing in mailings:
            account = await services.accounts.get(OPERATOR, mailing.account)
            refund = await services.quota.refunds.propose(
                proposer, account.id, Subject(flow=mailing.flow), "falla del servicio",
                scope=RefundScope.FAILED, evidence="informe del día",
            )  # fmt: skip
            await services.quota.refunds.decide(decider, refund.id, confirm=True, reason="conforme")


async def _person(services: Services, email: str) -> Actor:
    user = await services.accounts.users.get(OPERATOR, email)
    actor = await services.actors.of_user(user.id)
    assert actor is not None
    return actor


def _loaded(folder: Path) -> Loaded:
    environ = {
        "RELEVO_SERVER__DATA_DIR": str(folder),
        "RELEVO_SERVER__DKIM_DIR": str(folder / "dkim"),
        "RELEVO_CONSOLE__SECRET_FILE": str(folder / "secret"),
        "RELEVO_LOG__LEVEL": "error",
    }
    return load_settings(None, environ)
