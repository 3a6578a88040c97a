"""A process that expands a template message, made to be killed.

    python -m tests.crash.expansion_child DIRECTORY

The first submits the message, later ones go on with it. It prints a line for each page it is asked
for, and `done` at the end.
"""

import asyncio
import os
import sys
from pathlib import Path

from mta.intake.admission import Admission
from mta.intake.expansion import Expansion, TemplateSubmission
from mta.intake.flow_lookup import FlowLookup
from mta.intake.ports import NothingSuppressed
from mta.intake.recipients import Page, TemplateRecipient
from mta.intake.trace import TraceWriter
from mta.model.address import Address, parse_address
from mta.model.clock import SystemClock
from mta.model.envelope import Identity
from mta.model.ids import IdGenerator
from mta.settings.delivery_schema import Queue
from mta.spool.flows import FlowDirectory
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

RECIPIENTS = 3_000
PAGE = 50
COMPILED = b"a template"


class Everybody:
    """All recipients, by number; says where it is."""

    async def page(self, place: str, count: int) -> Page:
        start = int(place or 0)
        os.write(1, f"page {start}\n".encode())
        numbers = range(start, min(start + count, RECIPIENTS))
        found = [TemplateRecipient(Address(f"u{n}", "one.test"), f'{{"n": {n}}}') for n in numbers]
        return Page(found, str(numbers.stop), numbers.stop == RECIPIENTS)


class Anything:
    """A renderer of one author, a dispatcher that is not there, counters that do not count."""

    author = parse_address("news@sender.test")
    reply_to = ""

    def load(self, compiled: bytes) -> "Anything":
        assert compiled == COMPILED
        return self

    def companions(self, _message: int) -> tuple[()]:
        return ()

    def stored(self, rows: object) -> None:
        pass

    def accepted(self, *_: object) -> None:
        pass

    refused = expanded = accepted

    async def find(self, domains: object) -> dict[str, int]:
        return {"one.test": 5}


async def main(directory: Path) -> None:
    clock, any_of_these, nothing = SystemClock(), Anything(), NothingSuppressed()
    store = await SqliteStore.open(directory, [StatementPackage.of("mta.spool")])
    ids = IdGenerator((await store.read("last_id"))[0][0])
    expansion = Expansion(
        store=store,
        flows=FlowLookup(store, FlowDirectory(), ids, clock),
        admission=Admission(
            ids=ids, trace=TraceWriter("relay.test"), queue=Queue(), suppression=nothing,
            site_of=lambda _: 5, reserve=store.reserve,
        ),
        ids=ids, listener=any_of_these, clock=clock, suppression=nothing, sites=any_of_these,
        renderer=any_of_these, metrics=any_of_these, page=PAGE,
    )  # fmt: skip
    try:  # its threads would keep a process that failed
        identity = Identity(7, 1, "app", any_sender=True)
        receipt = await expansion.submit(
            TemplateSubmission(
                identity, any_of_these.author, COMPILED, "News", "news", idempotency_key="once"
            )
        )
        await expansion.expand(receipt.message_id, Everybody())
    finally:
        await store.close()
    os.write(1, b"done\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
