"""The reference of the metrics is the definitions' own text."""

from pathlib import Path

from mta.events.metrics_page import metrics_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_the_reference_lists_every_metric_as_defined():
    assert PAGE.read_text() == metrics_page(), (
        "run: python -m mta.events.metrics_page > docs/reference/metrics.md"
    )
