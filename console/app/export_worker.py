"""`python -m console.app.export_worker`: writes one export beside the server, as its own process.

Reads an order as JSON from standard input, tells progress and the result as JSON lines.
"""

import contextlib
import os
import sys
from pathlib import Path

import orjson

from console.app.exporting import export_from
from mta.model.errors import RelevoError

_NICE = 10  # mail comes first


def main() -> None:
    """The worker."""
    os.umask(0o077)
    with contextlib.suppress(PermissionError):  # a unit of one's own may forbid even this
        os.nice(_NICE)
    order = orjson.loads(sys.stdin.buffer.read())

    def progress(table: str, done: int, of: int) -> None:
        _tell({"table": table, "done": done, "of": of})

    try:
        made = export_from(
            Path(order["data_dir"]), int(order["account"]), Path(order["target"]), progress
        )
    except RelevoError as error:
        _tell({"problem": str(error)})
        return
    files = made["files"]
    rows = sum(file["rows"] for file in files if file["name"].endswith(".jsonl"))
    _tell({"rows": rows, "bytes": made["bytes"], "sha256": made["sha256"]})


def _tell(told: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
