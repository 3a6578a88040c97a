"""Engines of the store, and a small ledger that the contract tests keep in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mta.model.clock import Clock
from mta.store.base import Store, StoreMetrics
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage

MIGRATION = """
CREATE TABLE entry (id INTEGER PRIMARY KEY, note TEXT NOT NULL, amount REAL);
CREATE TABLE mirror (id INTEGER PRIMARY KEY);
CREATE TABLE account (id INTEGER PRIMARY KEY, available INTEGER NOT NULL);
CREATE TABLE total (name TEXT PRIMARY KEY, n INTEGER NOT NULL);
"""
STATEMENTS = """
-- name: entry_insert
-- order: 10
-- rows: id, note, amount
INSERT INTO entry (id, note, amount)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows);

-- name: entry_insert_new
-- order: 11
-- A known id changes nothing. rows: id, note
INSERT INTO entry (id, note) SELECT value->>0, value->>1 FROM json_each(:rows) WHERE true
ON CONFLICT (id) DO NOTHING;

-- name: mirror_insert
-- order: 12
-- rows: id
INSERT INTO mirror (id) SELECT value->>0 FROM json_each(:rows);

-- name: entry_change
-- order: 20
-- rows: id, old note, new note
UPDATE entry SET note = v.new
FROM (SELECT value->>0 AS id, value->>1 AS old, value->>2 AS new FROM json_each(:rows)) AS v
WHERE entry.id = v.id AND entry.note = v.old;

-- name: entry_forget
-- order: 21
-- The same statement begun by WITH. rows: id
WITH gone AS (SELECT value->>0 AS id FROM json_each(:rows))
DELETE FROM entry WHERE id IN (SELECT id FROM gone);

-- name: account_put
-- order: 5
-- rows: id, available
INSERT INTO account (id, available)
SELECT value->>0, value->>1 FROM json_each(:rows);

-- name: account_take
-- order: 30
-- key: 0
-- rows: id, number
UPDATE account SET available = account.available - v.n
FROM (SELECT value->>0 AS id, sum(value->>1) AS n FROM json_each(:rows) GROUP BY 1) AS v
WHERE account.id = v.id AND account.available >= v.n;

-- name: total_add
-- order: 40
-- rows: name, difference
INSERT INTO total (name, n)
SELECT value->>0, sum(value->>1) FROM json_each(:rows) WHERE true GROUP BY 1
ON CONFLICT (name) DO UPDATE SET n = n + excluded.n;

-- name: entries
SELECT id, note, amount FROM entry ORDER BY id;

-- name: entry
SELECT note, amount FROM entry WHERE id = :id;

-- name: accounts
SELECT id, available FROM account ORDER BY id;

-- name: totals
SELECT name, n FROM total ORDER BY name;

-- name: difference
-- How many entries have no mirror, in one snapshot.
SELECT (SELECT count(*) FROM entry) - (SELECT count(*) FROM mirror);

-- name: segments
SELECT id, kind, sealed, bytes, live, total FROM segment WHERE removed_ms = 0 ORDER BY id;

-- name: endless
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;
"""
LEDGER = StatementPackage(
    "tests.ledger",
    (SqlFile("ledger", "", STATEMENTS),),
    (SqlFile("0001_ledger", "", MIGRATION),),
)

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """The engine under test."""
    name: str = request.param
    return name


@pytest.fixture
async def open_store(engine: str, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens (and opens again) the store in `tmp_path`; what is open at the end is closed."""
    opened: list[Store] = []

    async def open_one(
        packages: tuple[StatementPackage, ...] = (LEDGER,),
        *,
        metrics: StoreMetrics | None = None,
        on_failed: Callable[[BaseException], None] | None = None,
        clock: Clock | None = None,
    ) -> Store:
        assert engine == "sqlite"
        store = await SqliteStore.open(
            tmp_path, packages, metrics=metrics, on_failed=on_failed, clock=clock
        )
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    """An empty store with the ledger's tables."""
    return await open_store()
