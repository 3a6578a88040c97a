"""`/certificate/CODE`: whether there is such a certificate, for whoever holds one, signed in or not."""

from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web

from console.pages.rendering import Renderer
from console.reports.handover.service import HandoverService
from console.training.certificates import plain_code
from console.training.exercises import Issued, issued_with
from mta.store.base import Store

PATH = "/certificate"


class Verified(NamedTuple):
    """What anybody who knows a code may read."""

    number: str
    person: str
    institution: str
    issued_ms: int
    code: str


class CertificatePages:
    """Of the exercises, and of the courses of a hand-over."""

    def __init__(self, renderer: Renderer, store: Store, handovers: HandoverService) -> None:
        self._renderer = renderer
        self._store = store
        self._handovers = handovers

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_get(PATH + "/{code:[0-9A-Za-z-]{4,40}}", self.verify)

    async def verify(self, request: web.Request) -> web.Response:
        """That nobody has it is an answer too, and no error."""
        code = request.match_info["code"]
        values = {"code": code, "found": await self._found(code)}
        return self._renderer.page(request, "certificate.html", values)

    async def _found(self, code: str) -> Verified | None:
        of_exercises = await issued_with(self._store, plain_code(code))
        if of_exercises is not None:
            one = of_exercises
            return Verified(number_of(one), one.person, one.institution, one.issued_ms, one.code)
        of_course = await self._handovers.verify(code)
        if of_course is not None:
            issued, institution = of_course
            return Verified(
                str(issued.number), issued.name, institution, issued.issued_ms, issued.code
            )
        return None


def number_of(issued: Issued) -> str:
    """`E-2026-0001`: of the exercises."""
    year = datetime.fromtimestamp(issued.issued_ms / 1000, UTC).year
    return f"E-{year}-{issued.number:04d}"
