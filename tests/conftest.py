"""What holds for every test."""

import os
import sys
from collections.abc import Iterator

import pytest

# Hundreds of `relevo` processes are started: each would compile all of it anew, half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """A server or a restore that runs in this process narrows the umask; the next test has its own."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
