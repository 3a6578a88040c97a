"""Routes of templates, images and files."""

from console.accounts.permissions import Permission
from console.accounts.values import Scope
from tests.matrix.routes import Asks, RouteRow

_ONE = r"/templates/{id}"
_V1 = "/api/v1/templates"
_URL = "/templates/{template}"
_SEE, _EDIT = Permission.CAMPAIGN_VIEW, Permission.TEMPLATE_EDIT

ROWS = [
    RouteRow("GET", "/i/{token}", Asks.NOTHING, url="/i/x"),
    RouteRow("GET", "/f/{token}", Asks.NOTHING, url="/f/x"),
    RouteRow("GET", "/templates", _SEE),
    RouteRow("POST", "/templates", _EDIT, form={"design": "notice"}),
    RouteRow("GET", "/templates/gallery", _SEE),
    RouteRow(
        "GET", "/templates/gallery/{key}/frame", _SEE, url="/templates/gallery/notice/frame"
    ),
    RouteRow("GET", "/templates/brand", _SEE),
    RouteRow(
        "POST", "/templates/brand", _EDIT,
        form={"name": "x", "color": "#000000", "accent": "#ffffff"},
    ),
    RouteRow("GET", "/templates/media", _SEE),
    RouteRow("POST", "/templates/media", _EDIT, file="%PDF-1.4"),
    RouteRow("GET", "/templates/media/choose", _SEE, url="/templates/media/choose?kind=file"),
    RouteRow(
        "POST", "/templates/media/choose", _EDIT, url="/templates/media/choose?kind=file",
        file="%PDF-1.4",
    ),
    RouteRow("POST", "/templates/media/remove", _EDIT, form={"id": "{media}"}),
    RouteRow("GET", _ONE, _SEE, url=_URL),
    RouteRow("POST", _ONE, _EDIT, url=_URL, form={"source": "<p>y</p>", "do": "save"}),
    RouteRow("POST", f"{_ONE}/draft", _EDIT, url=f"{_URL}/draft", form={"source": "<p>y</p>"}),
    RouteRow("GET", f"{_ONE}/preview", _SEE, url=f"{_URL}/preview"),
    RouteRow("GET", f"{_ONE}/frame", _SEE, url=f"{_URL}/frame"),
    RouteRow("GET", f"{_ONE}/versions", _SEE, url=f"{_URL}/versions"),
    RouteRow("GET", f"{_ONE}/diff", _SEE, url=f"{_URL}/diff?from=1"),
    RouteRow("POST", f"{_ONE}/restore", _EDIT, url=f"{_URL}/restore", form={"number": "1"}),
    RouteRow("POST", f"{_ONE}/source", _EDIT, url=f"{_URL}/source"),
    RouteRow("POST", f"{_ONE}/discard", _EDIT, url=f"{_URL}/discard"),
    RouteRow("POST", f"{_ONE}/duplicate", _EDIT, url=f"{_URL}/duplicate"),
    RouteRow("POST", f"{_ONE}/archive", _EDIT, url=f"{_URL}/archive"),
    RouteRow("POST", f"{_ONE}/test", Permission.CAMPAIGN_TEST, url=f"{_URL}/test"),
    RouteRow("GET", "/api/v1/media", Scope.CAMPAIGN_VIEW, also=Scope.TEMPLATE_EDIT),
    RouteRow("POST", "/api/v1/media", Scope.TEMPLATE_EDIT),
    RouteRow(
        "DELETE", "/api/v1/media/{id}", Scope.TEMPLATE_EDIT, url="/api/v1/media/{media}"
    ),
    RouteRow("GET", _V1, Scope.CAMPAIGN_VIEW, also=Scope.TEMPLATE_EDIT),
    RouteRow("POST", _V1, Scope.TEMPLATE_EDIT, json={"name": "n{number}", "source": "<p>x</p>"}),
    RouteRow(
        "GET", f"{_V1}/{{id}}", Scope.CAMPAIGN_VIEW, also=Scope.TEMPLATE_EDIT,
        url=f"{_V1}/{{template}}",
    ),
    RouteRow(
        "PUT", f"{_V1}/{{id}}", Scope.TEMPLATE_EDIT, url=f"{_V1}/{{template}}",
        json={"source": "<p>y</p>"},
    ),
    RouteRow("DELETE", f"{_V1}/{{id}}", Scope.TEMPLATE_EDIT, url=f"{_V1}/{{template}}"),
    RouteRow(
        "POST", f"{_V1}/{{id}}/preview", Scope.CAMPAIGN_VIEW, also=Scope.TEMPLATE_EDIT,
        url=f"{_V1}/{{template}}/preview", json={"merge": {"nombre": "Ana"}},
    ),
]  # fmt: skip
