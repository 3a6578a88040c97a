"""A certificate of training as a document to print: one page, lying on its side."""

import io

import jinja2
import segno
from markupsafe import Markup

from console.pages.pdf import make_pdf
from console.pages.texts import Texts
from console.training.certificates import Certificate


def certificate_document(certificate: Certificate, texts: Texts) -> str:
    """HTML of the one page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console.pages", "documents"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("certificate.html").render(
        t=texts,
        one=certificate,
        hours=hours(certificate.minutes, texts),
        date=texts.date(certificate.finished_on),
        code=_qr(certificate.verify_url),
    )


async def certificate_pdf(certificate: Certificate, texts: Texts) -> bytes | None:
    """The certificate as PDF; None where none can be made."""
    return await make_pdf(certificate_document(certificate, texts))


def hours(minutes: int, texts: Texts) -> str:
    """`4 horas`, `1 hora y 30 minutos`, `45 minutos`."""
    whole, rest = divmod(minutes, 60)
    parts = [texts.count("certificate.hours", whole)] if whole else []
    if rest or not whole:
        parts.append(texts.count("certificate.minutes", rest))
    return texts("certificate.and").join(parts)


def _qr(url: str) -> Markup:
    if not url:
        return Markup()
    out = io.BytesIO()
    segno.make(url, error="m").save(
        out, kind="svg", scale=4, border=0, xmldecl=False, omitsize=True
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - drawn here, no text of anybody in it
