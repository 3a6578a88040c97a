"""What is asked of the queue while it serves never walks the whole queue, however long it is."""

import re
import sqlite3

import pytest

from mta.store.sqlite import SqliteStore
from mta.store.statements import Catalogue, StatementPackage

PACKAGE = StatementPackage.of("mta.spool")
READS = Catalogue([PACKAGE], "sqlite").reads
WHOLE_TABLE = re.compile(r"SCAN (d|delivery|m|message|e|event)\Z")


@pytest.fixture
async def plan(tmp_path):
    store = await SqliteStore.open(tmp_path, [PACKAGE])
    connection = sqlite3.connect(tmp_path / "relevo.db")

    def lines(name):
        sql = READS[name].sql
        values = dict.fromkeys(re.findall(r":([a-z_]+)", sql), 1)
        values = {k: "[]" if k in {"states", "sites", "flows"} else v for k, v in values.items()}
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    yield lines
    connection.close()
    await store.close()


@pytest.mark.parametrize("name", sorted(READS))
async def test_no_read_walks_a_whole_table(plan, name):
    assert [line for line in plan(name) if WHOLE_TABLE.match(line)] == []


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("streams_ready", "delivery_ready (site=? AND class=? AND flow>?)"),
        ("window", "delivery_ready (site=? AND class=? AND flow=? AND id>?)"),
        ("due", "delivery_due (due_ms<?)"),
        ("retries", "delivery_due (due_ms>? AND due_ms<?)"),
        ("scheduled_by_site", "delivery_due (due_ms<?)"),
        ("claimed", "delivery_claimed (id>?)"),
        ("unresolved_domains", "delivery_unresolved (domain>?)"),
        ("unresolved_rows", "delivery_unresolved (domain=?"),
        ("expired", "delivery_expiry (flow=? AND expires_ms"),
        ("past_deadline", "delivery_expiry"),
        ("id_at_rank", "INDEX delivery_flow_open (flow=?)"),
        ("live_in_segment", "message_segment (segment=?"),
    ],
)
async def test_what_runs_all_the_time_goes_by_the_index_made_for_it(plan, name, index):
    assert any(index in line for line in plan(name)), plan(name)
