"""Finding campaigns and contacts: as people write, of one's own account, never by a walk through all."""

import re
import sqlite3
from pathlib import Path

import pytest

from console.search.service import SearchService
from mta.store.sqlite import SqliteStore
from mta.store.statements import Catalogue, StatementPackage
from tests.accounts_world import OPERATOR

PACKAGES = [
    StatementPackage.of(name)
    for name in ("mta.spool", "console.accounts", "console.contacts", "console.campaigns")
]
PACKAGE = StatementPackage.of("console.search")
ACCOUNT, OTHER = 7, 8


@pytest.fixture
async def store(tmp_path: Path):
    store = await SqliteStore.open(tmp_path, [*PACKAGES, PACKAGE])
    with sqlite3.connect(tmp_path / "relevo.db") as base:
        base.executemany(
            "INSERT INTO campaign (id, account, name, status, etag, content, audience, plan,"
            " created_by_kind, created_by, created_by_name, created_ms, changed_ms)"
            " VALUES (?, ?, ?, 'draft', 1, '{}', '{}', '{}', 'user', 1, 'Ana', ?, 1)",
            [(1, ACCOUNT, "Boletín de Ñaña", 5), (2, ACCOUNT, "Convocatoria", 6),
             (3, OTHER, "Boletín ajeno", 7)],
        )  # fmt: skip
        base.executemany(
            "INSERT INTO contact (id, account, email, key, created_ms, changed_ms)"
            " VALUES (?, ?, ?, ?, 1, 1)",
            [(n, ACCOUNT, f"p{n:03}@example.com", f"p{n:03}@example.com") for n in range(1, 50)]
            + [(99, OTHER, "p001@example.com", "p001@example.com")],
        )
    yield store
    await store.close()


async def test_accents_capitals_and_the_order_of_words_do_not_matter(store: SqliteStore):
    service = SearchService(store)
    for text in ("BOLETIN", "ñaña boletín", "nana"):
        found = await service.campaigns(OPERATOR, ACCOUNT, text)
        assert [one.id for one in found] == [1], text
    assert await service.campaigns(OPERATOR, ACCOUNT, "boletín convocatoria") == []


async def test_a_contact_is_found_by_the_beginning_of_its_address(store: SqliteStore):
    service = SearchService(store)
    found = await service.contacts(OPERATOR, ACCOUNT, "P001")
    assert [(one.id, one.email) for one in found] == [(1, "p001@example.com")]
    assert len(await service.contacts(OPERATOR, ACCOUNT, "p0")) == 8
    assert await service.contacts(OPERATOR, ACCOUNT, "  ") == ()


@pytest.mark.parametrize("name", ["search_campaigns", "search_contacts"])
async def test_a_search_goes_by_an_index(store: SqliteStore, tmp_path: Path, name: str):
    sql = Catalogue([PACKAGE], "sqlite").reads[name].sql
    values = dict.fromkeys(re.findall(r":([a-z_]+)", sql), 1)
    with sqlite3.connect(tmp_path / "relevo.db") as base:
        lines = [row[3] for row in base.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert all(line.startswith("SEARCH") and "INDEX" in line for line in lines), lines
