"""The hand-over as a document to print and sign, and the certificate of one person."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from console.accounts.values import AccountKind
from console.pages.certificates import PATH
from console.pages.section_document import Heading, section_document
from console.pages.texts import Texts
from console.pages.watermark import watermarked
from console.reports.handover.sections import sections
from console.reports.handover.values import SYLLABUS, Fact, Handover, IssuedCertificate
from console.training.certificates import Certificate, Topic


def handover_document(handover: Handover, texts: Texts, zone: ZoneInfo, number: int = 0) -> str:
    """HTML. `number`: of the document; 0 while it has none. Takes some CPU: call it in a thread."""
    day = datetime.fromtimestamp(handover.made_ms / 1000, UTC).astimezone(zone).date()
    heading = Heading(
        texts("handover.title"),
        texts("handover.subtitle", account=handover.account_name, day=texts.date(day)),
        handover.contract.name if handover.contract else handover.account_name,
        texts("handover.number", n=number) if number else "",
        handover.digest,
        [
            _signature(handover, texts, name, position, side)
            for name, position, side in (
                (Fact.DELIVERED_BY, Fact.DELIVERED_POSITION, "handover.delivers"),
                (Fact.RECEIVED_BY, Fact.RECEIVED_POSITION, "handover.receives"),
            )
        ],
    )
    html = section_document(heading, sections(handover, texts, zone), texts, zone)
    return watermarked(html, watermark_of(handover, texts))


def watermark_of(handover: Handover, texts: Texts) -> str:
    """What goes across the hand-over of a training account; else ""."""
    is_training = handover.accounts[0].kind == AccountKind.TRAINING
    return texts("page.training") if is_training else ""


def certificate_of(issued: IssuedCertificate, account: str, texts: Texts, url: str) -> Certificate:
    """What the certificate says, in the language of the texts; `url`: of the console, or ""."""
    topics = [
        Topic(texts(f"handover.topic.{topic}"), minutes) for topic, minutes in SYLLABUS.items()
    ]
    signed = f"{texts.actor(issued.issued_by)}\n{texts('handover.certificate.signed')}"
    return Certificate(
        str(issued.number), issued.name, account, topics, issued.minutes,
        date.fromisoformat(issued.last_day), issued.code,
        f"{url}{PATH}/{issued.code}" if url else "", signatures=[signed],
    )  # fmt: skip


def _signature(handover: Handover, texts: Texts, name: Fact, position: Fact, side: str) -> str:
    who = handover.fact(name) or texts("handover.blank")
    lines = (who, handover.fact(position), texts(side))
    return "\n".join(line for line in lines if line)
