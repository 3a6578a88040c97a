"""A listener in a process of its own that runs out of descriptors; tells its CPU time when asked."""

import asyncio
import os
import resource
import sys
import time

import uvloop

from mta.listener import listener as listener_module
from tests.integration.listener_stand import running


async def main() -> None:
    # Without the listener's own margin, so that accept() itself meets EMFILE.
    listener_module._affordable_connections = lambda: 1_000_000
    async with running() as stand:
        opened = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 10, opened + 10))
        print(stand.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(time.process_time(), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
