"""The command line `relevo`: reads arguments, asks `console.app`, shows the answer.

`frame` puts the commands together and turns errors into one line and an exit code; each other
module holds the commands of one subject. Commands know nothing of stores or sockets.
"""

from console.cli.frame import main

__all__ = ["main"]
