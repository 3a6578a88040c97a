"""`/training`: exercises of a training account, and the certificate."""

from datetime import datetime

from aiohttp import web

from console.accounts.actor import NotVisible
from console.pages.certificate_document import certificate_pdf
from console.pages.certificates import PATH, number_of
from console.pages.forms import refusal
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.training.certificates import Certificate, Topic
from console.training.exercises import Exercise, TrainingCourse


class TrainingPages:
    """For everybody who has a role in the account."""

    def __init__(self, renderer: Renderer, course: TrainingCourse, url: str) -> None:
        """`url`: of the console, for the address on certificates."""
        self._renderer = renderer
        self._course = course
        self._url = url

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/training", self.show)
        app.router.add_post("/training", self.certify)
        app.router.add_get(r"/training/certificates/{user:\d{1,19}}", self.download)

    async def show(self, request: web.Request) -> web.Response:
        """The person's own progress, and that of others for who manages them."""
        return await self._page(request)

    async def certify(self, request: web.Request) -> web.StreamResponse:
        """Issue the person's certificate."""
        session = session_of(request)
        problem = await refusal(self._course.certify(session.actor, session.account))
        if problem:
            return await self._page(request, problem)
        session.tell(self._renderer.texts(request)("training.issued"))
        raise web.HTTPSeeOther("/training")

    async def download(self, request: web.Request) -> web.Response:
        """A certificate as PDF."""
        session, texts = session_of(request), self._renderer.texts(request)
        user = int(request.match_info["user"])
        try:
            found = await self._course.certificate(session.actor, session.account, user)
        except NotVisible:
            raise web.HTTPNotFound from None
        topics = [Topic(texts(f"training.exercise.{one}.title")) for one in Exercise]
        made = Certificate(
            number_of(found), found.person, found.institution, topics, 0,
            datetime.fromtimestamp(found.issued_ms / 1000, self._renderer.zone_of(request)).date(),
            found.code, f"{self._url}{PATH}/{found.code}",
        )  # fmt: skip
        pdf = await certificate_pdf(made, texts)
        if pdf is None:
            raise web.HTTPServiceUnavailable
        name = texts("training.file", number=number_of(found))
        return web.Response(
            body=pdf,
            content_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'},
        )

    async def _page(self, request: web.Request, problem: str = "") -> web.Response:
        session = session_of(request)
        people = await self._course.progress(session.actor, session.account)
        own = next((one for one in people if one.user == session.user_id), None)
        values = {
            "own": own,
            "others": [one for one in people if one.user != session.user_id],
            "exercises": list(Exercise),
            "problem": problem,
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "training.html", values, status=status)
