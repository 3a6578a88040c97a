"""The audit trail: entries come with their change, are sealed once, and damage shows."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import AUDIT, ChainCheck, ChainKey
from console.accounts.audit.sealer import Sealer
from mta.model.clock import ManualClock
from mta.model.errors import InternalError, JobRefused
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows

KEY = ChainKey(b"k" * 32)
COMMAND = Actor.command()
FORGED = (
    "INSERT INTO audit_entry SELECT 5, at_ms, actor_kind, 1, 'x', '', '', action, 1, '', '', '', "
    "'ok', mac,"
)


@dataclass
class Stand:
    store: SqliteStore
    trail: AuditTrail
    sealer: Sealer

    async def entries(self, count: int) -> None:
        for number in range(count):
            await self.trail.note(COMMAND, "thing.made", 1, number, after={"number": number})

    async def check(self, key: ChainKey = KEY) -> ChainCheck:
        check = ChainCheck(AUDIT, key)
        while rows := await self.store.read(AUDIT.sealed, after=check.last, count=3):
            check.feed(rows)
        heads = await self.store.read("chain_head", chain=AUDIT.name)
        check.finish(heads[0] if heads else None, await self.store.read(AUDIT.unsealed, count=100))
        return check


@asynccontextmanager
async def _stand(folder) -> AsyncIterator[Stand]:
    clock = ManualClock()
    store = await SqliteStore.open(folder, [StatementPackage.of("console.accounts.audit")])
    sealer = Sealer(store, KEY, interval_s=0)
    trail = AuditTrail(store, IdGenerator(), clock, KEY, on_entry=sealer.wake)
    try:
        yield Stand(store, trail, sealer)
    finally:
        await store.close()


def _tamper(folder, *statements: str) -> None:
    """What somebody does who has the file: the triggers go first."""
    with sqlite3.connect(folder / "relevo.db") as database:
        for trigger in ("audit_entry_sealed_once", "audit_entry_kept"):
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            database.execute(statement)
    database.close()


async def test_an_untouched_chain_is_whole(tmp_path):
    async with _stand(tmp_path) as stand:
        assert (await stand.check()).problems == []
        await stand.entries(5)
        assert await stand.sealer.seal() == 5
        await stand.entries(2)
        assert (await stand.check()).problems == [], "what is not sealed yet is no damage"
        assert await stand.sealer.seal() == 2
        check = await stand.check()
        assert check.problems == []
        assert check.links == 7
    async with _stand(tmp_path) as stand:  # another process goes on where the first ended
        await stand.entries(1)
        await stand.sealer.seal()
        assert (await stand.check()).links == 8


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE audit_entry SET after = '{}' WHERE seq = 3", "entry 3 .* not as it was sealed"),
        (
            "UPDATE audit_entry SET actor_name = 'x' WHERE seq = 7",
            "entry 7 .* not as it was sealed",
        ),
        ("DELETE FROM audit_entry WHERE seq = 3", "entries 3 to 3 are missing"),
        ("DELETE FROM audit_entry WHERE seq IN (1, 2)", "entries 1 to 2 are missing"),
        ("DELETE FROM audit_entry WHERE seq > 5", "entries 6 to 7 are missing"),
        ("UPDATE chain_head SET seq = 5", "head of the chain was changed"),
        ("DELETE FROM chain_head", "head of the chain is missing"),
        (
            (
                "INSERT INTO audit_entry SELECT 5, at_ms, actor_kind, 1, 'x', '', '', action, 1, '', '', "
                "'', 'ok', mac, NULL, NULL FROM audit_entry WHERE seq = 1"
            ),
            "id 5 was not made by Relevo",
        ),
        (
            (
                "INSERT INTO audit_entry SELECT 5, at_ms, actor_kind, 1, 'x', '', '', action, 1, '', '', "
                "'', 'ok', mac, 8, hash FROM audit_entry WHERE seq = 7"
            ),
            "entry 8 .* not as it was sealed",
        ),
    ],
)
async def test_T_t_edited_removed_and_inserted_entries_are_found(tmp_path, damage, told):
    async with _stand(tmp_path) as stand:
        await stand.entries(7)
        await stand.sealer.seal()
        _tamper(tmp_path, damage)
        assert any(_matches(told, problem) for problem in (await stand.check()).problems)


def _matches(pattern: str, text: str) -> bool:
    import re

    return re.search(pattern, text) is not None


async def test_an_entry_put_in_beside_relevo_is_found_even_after_it_was_sealed(tmp_path):
    async with _stand(tmp_path) as stand:
        await stand.entries(2)
        await stand.sealer.seal()
        _tamper(
            tmp_path,
            "INSERT INTO audit_entry SELECT id + 1, at_ms, actor_kind, 1, 'x', '', '', action, 1, "
            "'', '', '', 'ok', mac, NULL, NULL FROM audit_entry WHERE seq = 2",
        )
        assert await stand.sealer.seal() == 1
        (problem,) = (await stand.check()).problems
        assert "entry 3" in problem
        assert "not made by Relevo" in problem


async def test_without_the_secret_nobody_can_make_a_chain_that_fits(tmp_path):
    async with _stand(tmp_path) as stand:
        await stand.entries(1)
        await stand.sealer.seal()
        assert (await stand.check(ChainKey(b"x" * 32))).problems


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET actor_name = 'x'",
        "UPDATE audit_entry SET seq = 9, hash = 'x' WHERE seq = 1",
        "UPDATE audit_entry SET seq = NULL, hash = NULL",
        "UPDATE audit_entry SET seq = 9, hash = 'x', result = 'x' WHERE seq IS NULL",
        "DELETE FROM audit_entry",
    ],
)
async def test_the_database_itself_refuses_changes(tmp_path, change):
    async with _stand(tmp_path) as stand:
        await stand.entries(1)
        await stand.sealer.seal()
        await stand.entries(1)
    database = sqlite3.connect(tmp_path / "relevo.db")
    with pytest.raises(sqlite3.IntegrityError, match="entries are never"):
        database.execute(change)
    database.close()


async def test_the_sealer_seals_what_it_is_woken_for(tmp_path):
    async with _stand(tmp_path) as stand:
        task = asyncio.create_task(stand.sealer.run())
        async with asyncio.timeout(10):
            await stand.entries(3)
            while (await stand.check()).links < 3:
                pass
        task.cancel()
        assert (await stand.check()).problems == []


async def test_an_entry_of_a_refused_job_is_not_kept(tmp_path):
    async with _stand(tmp_path) as stand:
        await stand.entries(1)
        twice = stand.trail.entry(COMMAND, "thing.made", 1, "x")
        with pytest.raises(JobRefused):
            await stand.store.submit([twice, Rows("audit_seal", [(1, 1, "x")], expect=1)])
        assert await stand.sealer.seal() == 1


async def test_only_what_differs_is_kept_and_never_a_secret(tmp_path):
    async with _stand(tmp_path) as stand:
        entry = stand.trail.entry(
            COMMAND, "account.renamed", 1, 1, {"name": "a", "kind": "x"}, {"name": "b", "kind": "x"}
        )
        assert entry.rows[0][10:12] == ('{"name":"a"}', '{"name":"b"}')
        with pytest.raises(InternalError):
            stand.trail.entry(COMMAND, "user.reset", 1, 1, after={"password": "x"})


async def test_hostile_texts_are_stored_as_far_as_they_can_be(tmp_path):
    async with _stand(tmp_path) as stand:
        hostile = Actor.command("a\0b\ud800")
        await stand.trail.note(hostile, "x.done", 0, "é\0", after={"long": "x" * 50_000, "n": "\0"})
        await stand.sealer.seal()
        assert (await stand.check()).problems == []
