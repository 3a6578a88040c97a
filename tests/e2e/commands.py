"""Commands of `relevo` one after the other in one process: a process for each takes a second.

Standard input has their arguments as JSON, standard output gets what they print, as JSON, too. For
what a test needs and does not look at; commands that are tested run as they do for people.
"""

import contextlib
import io
import json
import sys

from console.cli.frame import run


def main() -> None:
    """The child."""
    told = []
    for arguments in json.load(sys.stdin):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = run(arguments)
        if status:
            sys.exit(f"relevo {' '.join(arguments)}: {status}")
        told.append(out.getvalue())
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
