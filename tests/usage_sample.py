"""A made-up report of consumption: of any size, the same one each time."""

from datetime import date, timedelta
from random import Random

from console.reports.usage.data import (
    AccountLine,
    Availability,
    Balance,
    CampaignLine,
    Cover,
    DayLine,
    DoorLine,
    DoorSum,
    Gap,
    Heat,
    IncidentLine,
    Move,
    ProviderLine,
    PutBack,
    Sums,
    UsageReport,
)
from console.reports.usage.sections import added

FIRST, LAST = date(2026, 9, 1), date(2026, 10, 31)
FIRST_MS = 1_788_238_800_000  # 2026-09-01 00:00 in Lima
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_TOPICS = (
    "Boletín de defensa del consumidor",
    "Aviso de vencimiento de la tasa anual de marcas",
    "Invitación al taller regional de propiedad intelectual",
    "Encuesta de satisfacción del servicio de atención",
    "Recordatorio de audiencia de conciliación",
    "Convocatoria de arbitraje de consumo",
)
_PARTS = {"google": 0.52, "microsoft": 0.27, "yahoo": 0.06, "gob_pe": 0.09, "other": 0.06}


def sums_of(chance: Random, attempted: int) -> Sums:
    """Numbers that fit together."""
    bounced = int(attempted * chance.uniform(0.004, 0.03))
    expired = int(attempted * chance.uniform(0, 0.004))
    delivered = attempted - bounced - expired
    opened = int(delivered * chance.uniform(0.18, 0.41))
    clicked = int(opened * chance.uniform(0.05, 0.3))
    return Sums(
        attempted, delivered, bounced, expired, opened, int(clicked * 0.1),
        int(opened * chance.uniform(1.2, 1.7)), int(opened * chance.uniform(0.12, 0.3)),
        delivered - opened, clicked, int(clicked * 1.4), int(delivered * chance.uniform(0, 0.004)),
        int(delivered * 0.0002),
    )  # fmt: skip


def heat_of(chance: Random, opens: int) -> Heat:
    """Opens of office hours, most of them around one hour."""
    peak = chance.choice((8, 9, 10, 12, 19))
    weight = [
        [max(0.02, 1 - abs(hour - peak) / 6) * (0.25 if day > 4 else 1) for hour in range(24)]
        for day in range(7)
    ]
    whole = sum(map(sum, weight))
    return tuple(tuple(int(opens * w / whole) for w in day) for day in weight)


def sample_report(campaigns: int = 60, accounts: int = 20, seed: int = 7) -> UsageReport:
    """A report of two months; whole contract and sub-accounts."""
    chance = Random(seed)
    names = ["Entidad Compradora", *(f"Oficina regional {n:02}" for n in range(1, accounts + 1))]
    lines = tuple(_campaign(chance, n, names[n % len(names)]) for n in range(campaigns))
    whole = added([line.sums for line in lines])
    others = [sums_of(chance, 3_000) for _ in names]
    totals = added([whole, *others])
    return UsageReport(
        cover=Cover(3, 1_001, names[0], 77, "Contrato 041-2026", "America/Lima", str(FIRST),
                    str(LAST), FIRST_MS + 62 * DAY_MS, "system"),
        balance=Balance("active", "2026-03-01", "2027-02-28", 4_000_000, 1_250_000,
                        totals.attempted, 12_450, 0, 25_000,
                        4_000_000 - totals.attempted + 12_450 - 25_000,
                        totals.attempted, 12_450, 31_250.5, "2027-01-14", 640),
        totals=totals,
        campaigns=lines,
        providers=tuple(ProviderLine(name, _part(totals, share)) for name, share in _PARTS.items()),
        accounts=tuple(
            AccountLine(1_001 + n, name, int(n > 0), "allocated" if n % 2 else "common",
                        50_000 if n % 2 else None, 21_000 if n % 2 else None,
                        added([others[n], *(c.sums for c in lines if c.account_name == name)]))
            for n, name in enumerate(names)
        ),
        days=tuple(
            DayLine(str(FIRST + timedelta(days=n)), sums_of(chance, chance.randrange(9_000)))
            for n in range(61)
        ),
        heat=heat_of(chance, totals.opens),
        doors=tuple(_door_sum(chance, name) for name in names),
        door_days=tuple(
            DoorLine(str(FIRST + timedelta(days=day)), name, "ERP de mesa de partes", "api",
                     240, 236, 3, 1, 410, 32)
            for day in range(61) for name in names[: max(1, accounts // 4)]
        ),
        moves=tuple(
            Move(FIRST_MS + n * DAY_MS, "allocate", name, 50_000, "administracion@example.org",
                 "Plan del bimestre")
            for n, name in enumerate(names) if n % 2
        ),
        refunds=(
            PutBack(5, FIRST_MS + 9 * DAY_MS, names[0], "done", "Caída del enlace de salida",
                    "incidente 12", 12_450, 12_450, "administracion@example.org",
                    "direccion@example.org"),
        ),
        incidents=(
            IncidentLine(12, FIRST_MS + 9 * DAY_MS, "failed_sends", "No salieron los avisos",
                         "closed", "reposición 5", FIRST_MS + 10 * DAY_MS),
        ),
        availability=Availability(
            FIRST_MS - 90 * DAY_MS, 61 * DAY_MS, 61 * DAY_MS - 47 * 60_000,
            (Gap(FIRST_MS + 9 * DAY_MS, FIRST_MS + 9 * DAY_MS + 45 * 60_000, False),
             Gap(FIRST_MS + 30 * DAY_MS, FIRST_MS + 30 * DAY_MS + 120_000, True)),
        ),
    )  # fmt: skip


def _campaign(chance: Random, n: int, account: str) -> CampaignLine:
    sums = sums_of(chance, chance.randrange(2_000, 60_000))
    began = FIRST_MS + n * DAY_MS + chance.randrange(8, 18) * HOUR_MS
    name = f"{_TOPICS[n % len(_TOPICS)]} n.º {n + 1}"
    return CampaignLine(
        9_000 + n, name, account, "done", f"{name}: lo que debe saber",
        "Entidad Compradora <avisos@example.org>", began, began + chance.randrange(600, 14_000) * 1_000,
        sums.attempted + 120, 120, sums, heat_of(chance, sums.opens),
    )  # fmt: skip


def _door_sum(chance: Random, name: str) -> DoorSum:
    asked = chance.randrange(500, 60_000)
    return DoorSum(name, "ERP de mesa de partes", "smtp" if asked % 2 else "api", asked,
                   asked - 40, 34, 6, asked + 900, 1 << chance.randrange(3, 9))  # fmt: skip


def _part(whole: Sums, share: float) -> Sums:
    names = Sums.__slots__
    return Sums(*(int(getattr(whole, name) * share) for name in names))
