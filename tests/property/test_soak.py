"""Every property once more, with many more examples than `make test` has time for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FACTOR = "40"
HARNESSES = sorted(p.name for p in HERE.glob("test_*.py") if p.name != Path(__file__).name)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", HARNESSES)
def test_a_harness_holds_with_many_examples(name):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=3000"]
    environment = os.environ | {"RELEVO_FUZZ": os.environ.get("RELEVO_FUZZ", FACTOR)}
    done = subprocess.run(
        [*command, str(HERE / name)],
        env=environment,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
