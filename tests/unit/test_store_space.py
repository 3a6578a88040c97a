"""Low disk space is told before it hurts."""

from pathlib import Path

import pytest

from mta.store.space import free_space


def test_room_is_enough_when_nothing_is_demanded(tmp_path: Path) -> None:
    space = free_space(tmp_path, min_free_ratio=0, min_free_bytes=0, min_free_inode_ratio=0)
    assert not space.is_low
    assert 0 < space.free_bytes <= space.total_bytes


@pytest.mark.parametrize(
    "demand", [{"min_free_ratio": 1.01}, {"min_free_bytes": 2**62}, {"min_free_inode_ratio": 1.01}]
)
def test_each_demand_alone_makes_room_low(tmp_path: Path, demand: dict[str, float]) -> None:
    none = {"min_free_ratio": 0.0, "min_free_bytes": 0, "min_free_inode_ratio": 0.0}
    counts_inodes = free_space(tmp_path).total_inodes > 0
    is_low = free_space(tmp_path, **{**none, **demand}).is_low  # type: ignore[arg-type]
    assert is_low is (counts_inodes or "min_free_inode_ratio" not in demand)
