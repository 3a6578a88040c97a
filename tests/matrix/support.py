"""Incidents over the API."""

from console.accounts.values import Scope
from tests.matrix.routes import RouteRow

_VIEW = Scope.ACCOUNT_VIEW
_NEW = {"category": "quota", "subject": "x", "text": "x"}
UNTRIED = "tests/integration/test_support_api.py"
API_ROUTES = (
    RouteRow("POST", "/api/v1/incidents", _VIEW, also=Scope.ACCOUNT_MANAGE, json=_NEW),
    RouteRow("GET", "/api/v1/incidents", _VIEW, also=Scope.ACCOUNT_MANAGE),
    RouteRow("GET", "/api/v1/incidents/{number}", _VIEW, also=Scope.ACCOUNT_MANAGE, url="/api/v1/incidents/1",
             untried=UNTRIED),
    RouteRow("PATCH", "/api/v1/incidents/{number}", _VIEW, also=Scope.ACCOUNT_MANAGE, url="/api/v1/incidents/1",
             json={"text": "x"}, untried=UNTRIED),
    RouteRow("POST", "/api/v1/users/{id}/guide", Scope.USER_MANAGE, url="/api/v1/users/1/guide",
             untried=UNTRIED),
    RouteRow("GET", "/api/v1/users/{id}/guide", Scope.USER_MANAGE, url="/api/v1/users/1/guide",
             untried=UNTRIED),
)  # fmt: skip
