"""The reference page of the metrics, made from their definitions.

`python -m mta.events.metrics_page > docs/reference/metrics.md` writes it; a test compares the two.
"""

import sys
from collections.abc import Iterable

from mta.events.families import FAMILIES, Family

_HEAD = """\
# Metrics

Relevo exposes these metrics in the Prometheus text format at `/metrics` on the address of
`[metrics] listen`. Beside them stand the usual `process_…` and `python_…` metrics of the Prometheus
client library. This page is generated from the definitions in `mta/events/families.py`.

`class` is the traffic class: `urgent`, `transactional`, `automated` or `campaign`; `bounce_class` is
one of the [bounce classes](bounce-classes.md). Rates are made by the query:
`sum(rate(relevo_deliveries_delivered_total[5m]))` is deliveries per second.
Two alerts belong into every installation: `relevo_deliveries_past_deadline > 0` and
`relevo_event_loop_lag_max_seconds > 1`.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""


def metrics_page(families: Iterable[Family] = FAMILIES) -> str:
    """The page as Markdown."""
    rows = []
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
        rows.append(f"| `{family.name}` | {family.kind.value} | {labels} | {family.help} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
