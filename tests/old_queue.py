"""A full queue as an earlier release left it, written with nothing of the present one.

`schemas/RELEASE.sql` is the empty database of that release; it is never changed. Rows are plain SQL.
"""

import sqlite3
import time
from pathlib import Path
from zlib import crc32

SCHEMAS = Path(__file__).with_name("schemas")
RELEASES = sorted(path.stem for path in SCHEMAS.glob("*.sql"))
RECIPIENTS = 4  # of a message, one in each state
READY, SCHEDULED, CLAIMED, DELIVERED = 1, 0, 2, 10
STATES = (READY, SCHEDULED, CLAIMED, DELIVERED)
FLOW, ACCOUNT = 1_000, 7
SENDER = "app@sender.test"


def make_old_queue(data_dir: Path, messages: int, domain: str, release: str = "0.1.0") -> None:
    """Write database and contents; message n has the load id `old-n`."""
    now_ms = int(time.time() * 1000)
    contents = [
        f"From: {SENDER}\r\nSubject: old-{n}\r\nX-Load-Id: old-{n}\r\n\r\nkept {n}\r\n".encode()
        for n in range(messages)
    ]
    (data_dir / "content").mkdir(mode=0o700)
    segment = data_dir / "content" / "000001.seg"
    segment.write_bytes(b"".join(contents))
    segment.chmod(0o600)
    with sqlite3.connect(data_dir / "relevo.db") as database:
        database.executescript((SCHEMAS / f"{release}.sql").read_text())
        _fill(database, contents, domain, now_ms)
    database.close()
    (data_dir / "relevo.db").chmod(0o600)


def _fill(database: sqlite3.Connection, contents: list[bytes], domain: str, now_ms: int) -> None:
    database.execute(
        "INSERT INTO flow (id, account, name, kind, class, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
        (FLOW, ACCOUNT, "shop", "application", 1, now_ms),
    )
    offset, first = 0, now_ms * 1_000_000 - 1_000_000_000_000
    for n, content in enumerate(contents):
        message = first + n * 10
        database.execute(
            "INSERT INTO message VALUES (?, ?, ?, 3, ?, 1, ?, ?, ?, 8, '', '', ?, ?, '', '', '')",
            (message, FLOW, ACCOUNT, SENDER, offset, len(content), crc32(content),
             f"<{n}@sender.test>", f"old-{n}"),
        )  # fmt: skip
        database.executemany(
            "INSERT INTO delivery (id, message, n, flow, class, kind, site, domain, address, state, "
            "due_ms, changed_ms) VALUES (?, ?, ?, ?, 1, 1, 0, ?, ?, ?, ?, ?)",
            [
                (message + 1 + k, message, k, FLOW, domain, f"take-{k}@{domain}", state, now_ms, now_ms)
                for k, state in enumerate(STATES)
            ],
        )  # fmt: skip
        offset += len(content)
    database.execute(
        "INSERT INTO flow_count SELECT flow, state, count(*) FROM delivery GROUP BY flow, state"
    )
    database.execute(
        "INSERT INTO segment (id, kind, opened_ms, bytes, live, total) "
        "SELECT 1, 1, ?, ?, count(*), count(*) FROM delivery WHERE state < 10",
        (now_ms, offset),
    )
