"""A process that makes keys, settings and secrets, or upgrades a queue, made to lose its disk.

    python -m tests.crash.files_child DIRECTORY files|upgrade

It prints a line for what is finished.
"""

import asyncio
import datetime as dt
import itertools
import os
import sys
from dataclasses import replace
from pathlib import Path

from console.app import init
from mta.dkim import KeyType, generate_key
from mta.engine.secret import installation_key
from mta.store.sqlite import SqliteStore
from mta.store.statements import Migration, SqlFile, StatementPackage

TODAY = dt.date(2026, 11, 22)
NEXT = """
CREATE TABLE extra (delivery INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO extra (delivery, text) SELECT id, address FROM delivery;
ALTER TABLE delivery ADD COLUMN weight INTEGER NOT NULL DEFAULT 7;
UPDATE delivery SET weight = n;
CREATE INDEX delivery_weight ON delivery (weight, id);
"""


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def packages() -> list[StatementPackage]:
    """Those of this release, with one more migration that touches every delivery."""
    spool = StatementPackage.of("mta.spool")
    later = SqlFile(f"{len(spool.migrations('sqlite')) + 1:04d}_next", "", NEXT)
    spool = replace(spool, migration_files=(*spool.migration_files, later))
    return [spool, StatementPackage.of("console.accounts")]


def last_migration() -> Migration:
    """The one more."""
    return packages()[0].migrations("sqlite")[-1]


def make_files(directory: Path) -> None:
    """Round after round: an installation, its secret and a key."""
    for number in itertools.count():
        place = directory / f"{number:04d}"
        init(place)
        say(f"settings {place.name}")
        installation_key(place / "queue" / "secret.key")
        say(f"secret {place.name}")
        keys = directory / "dkim_keys"
        generate_key(
            keys, "sender.test", today=TODAY, selector=f"s{number}", key_type=KeyType.ED25519
        )
        say(f"key s{number}")


async def upgrade(data_dir: Path) -> None:
    """Open a queue with the next release's schema."""
    say("begin")
    store = await SqliteStore.open(data_dir, packages())
    say("upgraded")
    await store.close()


if __name__ == "__main__":
    if sys.argv[2] == "files":
        make_files(Path(sys.argv[1]))
    else:
        asyncio.run(upgrade(Path(sys.argv[1])))
