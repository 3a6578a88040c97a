"""How many examples a property is tried with: few in `make test`, `RELEVO_FUZZ` times as many else.

    RELEVO_FUZZ=50 .venv/bin/python -m pytest tests/property     # half an hour

`make soak` does so for each file (`test_soak.py`).
"""

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("RELEVO_FUZZ", "1"))


def tries(count: int) -> settings:
    """Settings for `count` examples in `make test`; machines that run tests may be slow."""
    slow = [HealthCheck.too_slow] if FACTOR > 1 else []
    return settings(max_examples=count * FACTOR, deadline=None, suppress_health_check=slow)
