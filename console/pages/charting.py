"""Charts in the language of a page."""

from console.pages.texts import Texts
from console.reports.charts import Frame


def framed(texts: Texts, identifier: str, title: str, headings: tuple[str, ...]) -> Frame:
    """What a chart of that page needs; `identifier` is unique on the page."""
    return Frame(identifier, title, headings, texts.number, texts("chart.peak"))
