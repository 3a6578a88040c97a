"""Contents: bytes in segments, whole or reported damaged, removed when nothing needs them."""

import asyncio
import os
from pathlib import Path

import pytest

from mta.model.clock import ManualClock
from mta.model.errors import ContentDamaged, InternalError, JobRefused
from mta.store.base import SegmentUse, Store
from mta.store.work import Content, ContentRef, Rows
from tests.contract.conftest import OpenStore

DAY_MS = 86_400_000


def entry(number: int) -> Rows:
    return Rows("entry_insert", [(number, "note", None)])


def live(content: Content, difference: int, now_ms: int = 0) -> Rows:
    return Rows("segment_live", [(content.ref.segment, difference, now_ms)])


def segment_file(directory: Path, ref: ContentRef) -> Path:
    return directory / "content" / f"{ref.segment:06d}.seg"


async def test_contents_come_back_byte_for_byte(store: Store) -> None:
    pieces = [b"", b"x", os.urandom(100_000), bytes(range(256)) * 9]
    contents = [store.reserve(piece, kind) for kind in (0, 1) for piece in pieces]
    await asyncio.gather(*(store.submit([entry(n)], [c]) for n, c in enumerate(contents)))
    assert [await store.read_content(c.ref) for c in contents] == pieces * 2


async def test_a_job_may_bring_many_contents(store: Store) -> None:
    contents = [store.reserve(b"%d" % n, n % 3) for n in range(1500)]
    await store.submit([entry(1)], contents)
    assert [await store.read_content(c.ref) for c in contents[::100]] == [
        b"%d" % n for n in range(0, 1500, 100)
    ]


async def test_kinds_never_share_a_segment(store: Store) -> None:
    one, two, three = store.reserve(b"a", 0), store.reserve(b"b", 1), store.reserve(b"c", 0)
    assert one.ref.segment == three.ref.segment != two.ref.segment
    await store.submit([], [one, two, three])
    found = await store.read("segments")
    assert [(kind, sealed, size) for _, kind, sealed, size, _, _ in found] == [(0, 0, 2), (1, 0, 1)]


async def test_contents_larger_than_a_segment_have_their_own(store: Store) -> None:
    small = store.reserve(b"before", 0)
    large = store.reserve(bytes(65 * 1024 * 1024), 0)
    after = store.reserve(b"after", 0)
    assert len({c.ref.segment for c in (small, large, after)}) == 3
    await store.submit([], [small, large, after])
    assert await store.read_content(large.ref) == large.data


async def test_contents_are_there_after_opening_again(open_store: OpenStore) -> None:
    first = await open_store()
    content = first.reserve(b"kept", 0)
    await first.submit([entry(1)], [content])
    await first.close()
    second = await open_store()
    assert await second.read_content(content.ref) == b"kept"
    later = second.reserve(b"new", 0)
    assert later.ref.segment > content.ref.segment
    await second.submit([], [later])
    assert [row[2] for row in await second.read("segments")] == [1, 0]


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
async def test_damage_is_found_and_spoils_one_content_only(
    store: Store, tmp_path: Path, damage: str
) -> None:
    bad, good = store.reserve(b"spoiled content", 0), store.reserve(b"good content", 1)
    await store.submit([], [bad, good])
    path = segment_file(tmp_path, bad.ref)
    if damage == "flip":
        with path.open("r+b") as file:
            file.seek(3)
            file.write(b"X")
    elif damage == "cut":
        os.truncate(path, 5)
    else:
        path.unlink()
    with pytest.raises(ContentDamaged, match=path.name):
        await store.read_content(bad.ref)
    assert await store.read_content(good.ref) == b"good content"


async def test_a_refused_job_spoils_no_neighbour(store: Store) -> None:
    contents = [store.reserve(b"content %d" % n, 0) for n in range(20)]
    bad = Rows("entry_change", [(99, "", "")], expect=1)
    jobs = [
        store.submit([entry(n), bad] if n == 7 else [entry(n)], [content])
        for n, content in enumerate(contents)
    ]
    found = await asyncio.gather(*jobs, return_exceptions=True)
    assert [n for n, error in enumerate(found) if isinstance(error, JobRefused)] == [7]
    assert sum(error is None for error in found) == 19
    for n, content in enumerate(contents):
        if n != 7:
            assert await store.read_content(content.ref) == b"content %d" % n


async def test_erased_bytes_are_gone_from_the_disk(store: Store, tmp_path: Path) -> None:
    keep, secret = store.reserve(b"keep", 0), store.reserve(b"a secret", 0)
    await store.submit([], [keep, secret])
    await store.erase([secret.ref])
    assert segment_file(tmp_path, keep.ref).read_bytes() == b"keep" + bytes(8)
    with pytest.raises(ContentDamaged):
        await store.read_content(secret.ref)
    await store.erase([ContentRef(999, 0, 5, 0)])
    assert not (tmp_path / "content" / "000999.seg").exists()


async def test_a_segment_goes_when_nothing_in_it_is_needed(
    open_store: OpenStore, tmp_path: Path
) -> None:
    clock = ManualClock()
    store = await open_store(clock=clock)
    done, needed = store.reserve(b"done", 0), store.reserve(b"needed", 1)
    await store.submit([live(done, +2)], [done])
    await store.submit([live(needed, +1)], [needed])
    await store.submit([live(done, -2, clock.now_ms())])
    assert await store.sweep_segments(clock.now_ms(), DAY_MS) == []
    clock.advance(86_400)
    assert await store.sweep_segments(clock.now_ms(), DAY_MS) == []  # left, not sealed yet
    clock.advance(600)
    assert await store.sweep_segments(clock.now_ms(), DAY_MS) == [done.ref.segment]
    assert not segment_file(tmp_path, done.ref).exists()
    assert await store.read_content(needed.ref) == b"needed"
    clock.advance(10 * 86_400)
    assert await store.sweep_segments(clock.now_ms(), DAY_MS) == []


async def test_no_job_enters_a_segment_that_is_gone(open_store: OpenStore) -> None:
    clock = ManualClock()
    store = await open_store(clock=clock)
    first, late = store.reserve(b"first", 0), store.reserve(b"late", 0)
    await store.submit([], [first])
    for _ in range(3):
        clock.advance(86_400)
        await store.sweep_segments(clock.now_ms(), DAY_MS)
    assert await store.read("segments") == []
    with pytest.raises(InternalError, match="reserve again"):
        await store.submit([entry(1)], [late])
    again = store.reserve(late.data, 0)
    assert again.ref.segment > late.ref.segment
    await store.submit([entry(1)], [again])


async def test_numbers_of_removed_segments_are_never_used_again(open_store: OpenStore) -> None:
    clock = ManualClock()
    store = await open_store(clock=clock)
    content = store.reserve(b"x", 0)
    await store.submit([], [content])
    await store.close()
    store = await open_store(clock=clock)
    assert await store.sweep_segments(clock.now_ms(), DAY_MS) == [content.ref.segment]
    await store.close()
    store = await open_store(clock=clock)
    assert store.reserve(b"y", 0).ref.segment > content.ref.segment


async def test_survivors_of_almost_empty_segments_are_told(open_store: OpenStore) -> None:
    first = await open_store()
    content = first.reserve(b"x", 3)
    await first.submit([live(content, +100)], [content])
    await first.submit([live(content, -92, 5)])
    assert await first.sparse_segments() == []  # not sealed yet
    await first.close()
    second = await open_store()
    expected = SegmentUse(segment=content.ref.segment, kind=3, live=8, total=100, bytes=1)
    assert await second.sparse_segments() == [expected]
    assert await second.sparse_segments(0.05) == []


async def test_files_that_no_row_knows_are_removed_at_the_start(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store = await open_store()
    content = store.reserve(b"known", 0)
    await store.submit([], [content])
    await store.close()
    orphan = tmp_path / "content" / "000777.seg"
    orphan.write_bytes(b"left by a crash")
    again = await open_store()
    assert not orphan.exists()
    assert await again.read_content(content.ref) == b"known"


async def test_nobody_else_may_read_the_files(store: Store, tmp_path: Path) -> None:
    content = store.reserve(b"private", 0)
    await store.submit([entry(1)], [content])
    files = [
        tmp_path / "relevo.db",
        tmp_path / "relevo.db-wal",
        segment_file(tmp_path, content.ref),
    ]
    assert [oct(path.stat().st_mode & 0o077) for path in files] == ["0o0"] * 3
    assert (tmp_path / "content").stat().st_mode & 0o077 == 0
