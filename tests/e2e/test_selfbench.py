"""`relevo bench`: a server of its own, which leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path


def bench(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mta", "bench", "--dir", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_bench_tells_rates_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = bench(tmp_path, "--messages", "100", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["messages"] == 100
    assert found["accepted_per_s"] >= found["delivered_per_s"] > 0
    assert found["cpu_s_per_1000"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_bench_that_cannot_be_is_refused(tmp_path: Path) -> None:
    done = bench(tmp_path / "missing")
    assert done.returncode == 2
    assert "missing" in done.stderr
