"""How fast the ledger of the bag is when it is long: `python -m bench.ledger [entries]`.

Fills a database with entries as a busy year leaves them (triggers off while filling, balances set
to their sums), then times what is asked of it: a page, a balance, a checkpoint, one more entry.
"""

import contextlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mta.store.database import open_writer
from mta.store.schema import migrate
from mta.store.statements import Catalogue, StatementPackage

PACKAGES = ("mta.store", "mta.spool", "console.accounts", "console.accounts.quota")
ACCOUNTS = 20
DEFAULT_ENTRIES = 10_000_000
REPEATS = 20
FILL = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow, reference,
                         reason, actor_kind, actor_id, actor_name, seq, hash)
SELECT 1800000000000 + i, 6, 1 + i % 20, 'consume', -12, 0, 12, 1795369821423357296 + i % 20, '',
       'accepted', 'system', 0, 'intake', i, hex(randomblob(32)) FROM n
"""


@contextlib.contextmanager
def filled(folder: Path, entries: int) -> Iterator[tuple[sqlite3.Connection, Catalogue]]:
    """A database with so many entries."""
    packages = [StatementPackage.of(name) for name in PACKAGES]
    connection = open_writer(folder / "relevo.db")
    migrate(connection, packages, database="bench", now_ms=1)
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'quota_entry'"
    ).fetchall()
    for number in range(1, ACCOUNTS + 1):
        row = (number, None if number == 1 else 1, f"account {number}")
        connection.execute(
            "INSERT INTO account (id, parent, name, kind, state, created_ms) "
            "VALUES (?, ?, ?, 'normal', 'active', 1)",
            row,
        )
    size = entries * 12 + 1_000_000
    connection.execute(
        "INSERT INTO quota_contract (id, account, name, size, days, created_ms) "
        "VALUES (5, 1, 'b', ?, 365, 1)",
        (size,),
    )
    connection.execute(
        "INSERT INTO quota_bag (id, contract, account, granted, available, consumed) "
        "VALUES (6, 5, 1, ?, 1000000, ?)",
        (size, entries * 12),
    )
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(FILL, (entries,))
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield connection, Catalogue(packages, "sqlite")
    connection.close()


def timed(what: str, work: Callable[[], object], repeats: int = REPEATS) -> None:
    """Print min, median and max in milliseconds."""
    taken = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began_s) * 1000)
    taken.sort()
    middle = taken[len(taken) // 2]
    print(f"{what:<42} {taken[0]:>10.2f} {middle:>10.2f} {taken[-1]:>10.2f}")


def main() -> None:
    """Fill and time."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ENTRIES
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as folder,  # a disk, not memory
        filled(Path(folder), entries) as (connection, catalogue),
    ):
        reads, writes = catalogue.reads, catalogue.writes
        last = 1_800_000_000_000 + entries
        page = {
            "bags": "[6]", "before": 2**62, "kind": "", "from_ms": 0, "until_ms": 2**62, "count": 100
        }  # fmt: skip
        everyone = json.dumps(list(range(1, ACCOUNTS + 1)))
        consume = {"rows": json.dumps([[6, 1, 7, 1, last]] * 12)}

        def read(name: str, **values: object) -> object:
            return connection.execute(reads[name].sql, values).fetchall()

        print(f"{entries:,} entries; milliseconds: min, median, max")
        timed(
            "a page of the main account", lambda: read("quota_entries", accounts=everyone, **page)
        )
        timed("a page of one account", lambda: read("quota_entries", accounts="[7]", **page))
        timed(
            "a balance without a checkpoint", lambda: read("quota_balance_at", bag=6, at_ms=last), 2
        )
        put = {"rows": json.dumps([[last]])}
        timed(
            "the first checkpoint",
            lambda: connection.execute(writes["quota_checkpoint_put"].sql, put),
            1,
        )
        timed(
            "one commit of 12 messages",
            lambda: connection.execute(writes["quota_consume"].sql, consume),
        )
        timed("a balance with a checkpoint", lambda: read("quota_balance_at", bag=6, at_ms=last))
        timed(
            "the next checkpoint",
            lambda: connection.execute(writes["quota_checkpoint_put"].sql, put),
            1,
        )
        timed("verify: all sums", lambda: read("verify_quota_bags"), 2)


if __name__ == "__main__":
    main()
