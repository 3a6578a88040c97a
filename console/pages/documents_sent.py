"""Documents to print: a template that extends `document.html`, as HTML and as PDF."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from console.pages.pdf import make_pdf
from console.pages.rendering import Renderer
from console.pages.texts import Texts


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
    html = document_html(template, renderer.texts(request), renderer.zone_of(request), values)
    pdf = await make_pdf(html)
    kind, ending = ("application/pdf", "pdf") if pdf else ("text/html", "html")
    return web.Response(
        body=pdf or html.encode(),
        content_type=kind,
        charset=None if pdf else "utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{ending}"'},
    )
