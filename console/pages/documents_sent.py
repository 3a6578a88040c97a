"""Documents to print: a template that extends `document.html`, as HTML and as PDF."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from console.pages.account_switch import current_account
from console.pages.downloads import marked
from console.pages.pdf import make_pdf
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.pages.watermark import watermarked


def document_html(template: str, texts: Texts, zone: ZoneInfo, values: Mapping[str, Any]) -> str:
    """The document in the language of the texts, its times in that zone."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console.pages", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = lambda at_ms: texts.moment(at_ms, zone)
    environment.globals["asset"] = lambda name: name  # of parts that pages share
    values = {"t": texts, "zone": zone, "session": None, **values}
    return environment.get_template(template).render(values)


async def send_document(
    request: web.Request, renderer: Renderer, template: str, values: Mapping[str, Any], name: str
) -> web.Response:
    """As a download; as HTML where no PDF can be made. `name` of the file without its ending."""
    texts = renderer.texts(request)
    html = document_html(template, texts, renderer.zone_of(request), values)
    account = current_account(session_of(request))
    if account is not None and account.is_training:
        html, name = watermarked(html, texts("page.training")), marked(request, name)
    pdf = await make_pdf(html)
    kind, ending = ("application/pdf", "pdf") if pdf else ("text/html", "html")
    return web.Response(
        body=pdf or html.encode(),
        content_type=kind,
        charset=None if pdf else "utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{ending}"'},
    )
