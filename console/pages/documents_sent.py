"""Documents that pages make on demand: a template as PDF, or as HTML where no PDF can be made here."""

from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from console.pages.pdf import make_pdf
from console.pages.rendering import Renderer


async def send_document(
    request: web.Request, renderer: Renderer, template: str, values: Mapping[str, Any], name: str
) -> web.Response:
    """`template` extends `document.html`; `name` of the file without its ending."""
    html = aiohttp_jinja2.render_string(
        template,
        request,
        {"t": renderer.texts(request), "zone": renderer.zone_of(request), **values},
    )
    pdf = await make_pdf(html)
    kind, ending = ("application/pdf", "pdf") if pdf else ("text/html", "html")
    return web.Response(
        body=pdf or html.encode(),
        content_type=kind,
        charset=None if pdf else "utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{ending}"'},
    )
