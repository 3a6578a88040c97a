"""The send-evidence report as a document to print: summary, method and a sample of its rows."""

from console.pages.section_document import Heading, section_document
from console.pages.texts import Texts
from console.reports.evidence.sections import sections
from console.reports.evidence.values import Evidence


def evidence_document(evidence: Evidence, texts: Texts, number: int = 0) -> str:
    """HTML. `number`: of the report; 0 while it has none. Takes some CPU: call it in a thread."""
    period = evidence.period
    heading = Heading(
        texts("evidence.title"),
        texts("evidence.summary.days", first=texts.date(period.first),
              last=texts.date(period.last), zone=period.zone.key),
        evidence.contract or evidence.account_name,
        texts("evidence.number", n=number) if number else "",
        evidence.digest,
    )  # fmt: skip
    return section_document(heading, sections(evidence, texts), texts, period.zone)
