"""The list of messages: what fits, in pages, by the indexes, and nothing of another account."""

import re
import sqlite3

import pytest

from console.api.messages.log import MessageLog, Viewer
from console.api.messages.schemas import MessageFilter
from mta.spool.inspection import QueueReader
from mta.store.statements import Catalogue, StatementPackage
from tests.api_stand import open_api_stand
from tests.intake_stand import ME

MINE = Viewer(ME.account_id)
READS = Catalogue([StatementPackage.of("console.maillog")], "sqlite").reads


@pytest.fixture
async def stand(tmp_path):
    async with open_api_stand(tmp_path) as stand:
        yield stand


async def listed(stand, viewer: Viewer = MINE, *, limit: int = 2, **wanted: str) -> list[str]:
    """Recipients of all pages."""
    log = MessageLog(stand.store, QueueReader(stand.store, stand.clock))
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = MessageFilter.model_validate({"limit": limit, "cursor": cursor, **wanted})
        answer = await log.list(viewer, asked)
        assert len(answer["items"]) <= limit
        found += [item["recipient"] for item in answer["items"]]
        cursor = answer["next"]
    return found


async def test_all_recipients_come_once_the_newest_first(stand):
    people = [{"email": f"u{n}@example.net"} for n in range(7)]
    await stand.post(recipients=people)
    stand.clock.advance(1)
    await stand.post(to=[{"email": "late@example.net"}])
    assert await listed(stand) == [
        "late@example.net",
        *(f"u{n}@example.net" for n in range(6, -1, -1)),
    ]
    assert await listed(stand, limit=500) == await listed(stand, limit=1)


async def test_an_address_is_found_in_both_spellings(stand):
    for address in ("ana@example.net", "Ana@example.net", "luis@example.net"):
        await stand.post(to=[{"email": address}])
        stand.clock.advance(1)
    assert await listed(stand, recipient="Ana@EXAMPLE.net") == [
        "Ana@example.net",
        "ana@example.net",
    ]
    assert await listed(stand, recipient="ana@example.net") == ["ana@example.net"]
    assert await listed(stand, recipient="no address") == []


async def test_filters_narrow_and_others_see_nothing(stand):
    await stand.post(to=[{"email": "a@example.net"}], tags=["x"], key="k")
    stand.clock.advance(1)
    await stand.post(to=[{"email": "b@example.net"}], **{"class": "campaign"})
    assert await listed(stand, tag="x") == ["a@example.net"]
    assert await listed(stand, idempotency_key="k") == ["a@example.net"]
    assert await listed(stand, **{"class": "campaign"}) == ["b@example.net"]
    assert await listed(stand, status="delivered") == []
    for viewer in (Viewer(8), Viewer(ME.account_id, 71)):
        for wanted in ({}, {"recipient": "a@example.net"}, {"idempotency_key": "k"}):
            assert await listed(stand, viewer, **wanted) == []
    assert await listed(stand, Viewer(ME.account_id, ME.credential_id), tag="x") == [
        "a@example.net"
    ]


@pytest.mark.parametrize("name", ["maillog_page", "maillog_to", "maillog_of_key"])
async def test_no_list_walks_or_sorts_the_queue(stand, tmp_path, name):
    connection = sqlite3.connect(tmp_path / "relevo.db")
    sql = READS[name].sql
    values = dict.fromkeys(re.findall(r":([a-z_]+)", sql), 1)
    lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    assert [line for line in lines if re.match(r"SCAN [dmi]\Z", line)] == []
    searched = [line for line in lines if line.startswith("SEARCH")]
    assert all("INDEX" in line or "PRIMARY KEY" in line for line in searched), lines
    assert len(searched) >= 2
