"""Who breaks off a request is no error of the server: nobody can fill its log with tracebacks."""

from unittest.mock import create_autospec

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from console.pages.rendering import Renderer
from console.web.failures import Failures


async def _gone(request: web.Request) -> web.StreamResponse:
    raise ConnectionResetError("Connection lost")


async def test_a_client_that_breaks_off_leaves_no_error_in_the_log():
    answer = Failures(create_autospec(Renderer, instance=True)).middleware()
    with capture_logs() as logs:
        response = await answer(make_mocked_request("POST", "/login"), _gone)
    assert response.status == 400
    assert logs == []
