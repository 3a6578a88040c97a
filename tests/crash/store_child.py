"""A process with a store under load, made to be killed or to run into a failing disk.

    python -m tests.crash.store_child DIRECTORY MODE

It prints one line for each job that was answered: `ok ID`, or the name of the error.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from mta.model.errors import StoreError
from mta.store.sqlite import SqliteStore
from mta.store.work import ContentRef, Rows
from tests.contract.conftest import LEDGER

LITTLE = 1 << 20  # bytes left free
CHANGES = 600  # commits, of about 40 kB of the log each


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def content_of(number: int) -> bytes:
    return b"%d " % number * 300


def note_of(ref: ContentRef) -> str:
    return ",".join(map(str, ref))


class Child:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._next = 1
        self.failed: list[BaseException] = []

    async def open(self) -> None:
        self.store = await SqliteStore.open(self._directory, [LEDGER], on_failed=self.failed.append)

    async def job(self, size: int = 0, *, bare: bool = False) -> str:
        """Submit one job with a content, tell how it went."""
        number = self._next
        self._next += 1
        contents = ()
        note = "x" * size
        if not bare:
            data = bytes(size) if size else content_of(number)
            contents = (self.store.reserve(data, number % 2),)
            note = note_of(contents[0].ref)
        rows = [Rows("entry_insert", [(number, note, None)]), Rows("mirror_insert", [(number,)])]
        try:
            await self.store.submit(rows, contents)
        except StoreError as error:
            outcome = type(error).__name__
        else:
            outcome = f"ok {number}"
        say(outcome)
        return outcome

    async def run_until_killed(self) -> None:
        """Forty submitters, for ever."""

        async def submit() -> None:
            while True:
                await self.job()

        await asyncio.gather(*(submit() for _ in range(40)))

    async def run_into_a_limit(self, **kind: bool) -> None:
        """Let no file grow past 300 kB, then let them again."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        while await self.job(20_000, **kind) != "StoreError":
            pass
        await asyncio.gather(*(self.job(20_000, **kind) for _ in range(5)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        say("room again")
        await asyncio.gather(*(self.job(20_000, **kind) for _ in range(5)))

    async def fill_the_disk(self) -> None:
        """Write until the file system is full, then free some of it."""
        while await self.job(50_000) != "StoreError":
            pass
        (self._directory / "ballast").unlink()
        say("room again")
        await asyncio.gather(*(self.job(5_000) for _ in range(5)))

    async def change_without_room(self) -> None:
        """Fill the file system up to a little, then only change what is there, without a pause."""
        await asyncio.gather(*(self.job(2_000, bare=True) for _ in range(200)))
        ballast = (self._directory / "ballast").open("ab", buffering=0)
        while (facts := os.statvfs(self._directory)).f_bavail * facts.f_frsize > LITTLE:
            ballast.write(bytes(4096))
        notes = dict.fromkeys(range(1, 201), "x" * 2_000)
        for turn in range(CHANGES):
            jobs = []
            for number, old in notes.items():
                if number % 20 == turn % 20:
                    notes[number] = str(turn % 7) * 2_000
                    rows = Rows("entry_change", [(number, old, notes[number])], expect=1)
                    jobs.append(self.store.submit([rows]))
            await asyncio.gather(*jobs)
        say("changed")

    async def run_until_failed(self, **kind: bool) -> None:
        """Submit until the disk fails; more than one job waits at that moment."""
        while not self.failed:
            await asyncio.gather(*(self.job(**kind) for _ in range(10)))
        await self.job(**kind)
        say(f"failed {len(self.failed)}")

    async def main(self, mode: str) -> None:
        await self.open()
        modes: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": self.run_until_killed,
            "limit": self.run_into_a_limit,
            "limit-bare": lambda: self.run_into_a_limit(bare=True),
            "full": self.fill_the_disk,
            "tight": self.change_without_room,
            "sync": self.run_until_failed,
            "sync-bare": lambda: self.run_until_failed(bare=True),
        }
        try:
            await modes[mode]()
        finally:
            await self.store.close()
        say("closed")


if __name__ == "__main__":
    uvloop.run(Child(Path(sys.argv[1])).main(sys.argv[2]))
