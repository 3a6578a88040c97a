"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """A server or a restore that runs in this process narrows the umask; the next test has its own."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
