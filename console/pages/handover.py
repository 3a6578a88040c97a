"""`/handover`: what the hand-over has and lacks, and what people enter for it (T-v)."""

from collections.abc import Awaitable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.pages.certificate_document import certificate_document
from console.pages.filed import FiledPages
from console.pages.forms import id_of, number_of, refusal, text_of
from console.pages.handover_document import certificate_of
from console.pages.pdf import make_pdf
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.reports.filed.book import FiledKind
from console.reports.handover.checklist import accepted_on, checklist, due_on
from console.reports.handover.sections import state_of
from console.reports.handover.service import HandoverService, NewManual, NewTraining
from console.reports.handover.training import read_people
from console.reports.handover.values import DAYS, SYLLABUS, Fact, ManualKind, Topic
from mta.model.clock import Clock

_MAX_PEOPLE = 10_000  # characters of a list


class HandoverPages:
    """For those who see the audit trail; who manages the settings enters what is missing."""

    def __init__(
        self, renderer: Renderer, handovers: HandoverService, filed: FiledPages, clock: Clock
    ) -> None:
        self._renderer = renderer
        self._handovers = handovers
        self._filed = filed
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/handover", self.show)
        app.router.add_post("/handover/facts", self.set_facts)
        app.router.add_post("/handover/trainings", self.add_training)
        app.router.add_post("/handover/trainings/remove", self.remove_training)
        app.router.add_post("/handover/manuals", self.add_manual)
        app.router.add_post("/handover/manuals/remove", self.remove_manual)
        app.router.add_post("/handover/certificates", self.certify)
        app.router.add_get(r"/handover/certificates/{number:[0-9]{1,9}}.pdf", self.certificate)

    async def show(self, request: web.Request) -> web.Response:
        """The checklist and everything behind it."""
        return await self._page(request, {}, "")

    async def set_facts(self, request: web.Request) -> web.StreamResponse:
        """Dates and names."""
        session, form = session_of(request), await request.post()
        facts = {name: text_of(form, name.value) for name in Fact}
        work = self._handovers.set_facts(session.actor, session.account, facts)
        return await self._done(request, work, {k.value: v for k, v in facts.items()}, "facts")

    async def add_training(self, request: web.Request) -> web.StreamResponse:
        """A session that was held."""
        session, form = session_of(request), await request.post()
        values = {name: text_of(form, name) for name in ("held_on", "place", "teacher", "minutes")}
        values["people"] = text_of(form, "people", _MAX_PEOPLE)
        chosen = {str(one) for one in form.getall("topics", [])}
        topics = [topic for topic in Topic if topic.value in chosen]

        async def work() -> None:
            minutes = number_of(values["minutes"]) or 0
            new = NewTraining(
                values["held_on"], values["place"], values["teacher"], topics, minutes,
                read_people(values["people"], minutes),
            )  # fmt: skip
            await self._handovers.add_training(session.actor, session.account, new)

        return await self._done(request, work(), {**values, "topics": topics}, "trainings")

    async def remove_training(self, request: web.Request) -> web.StreamResponse:
        """One that was entered by mistake."""
        session, number = session_of(request), await _number(request)
        work = self._handovers.remove_training(session.actor, session.account, number)
        return await self._done(request, work, {}, "trainings")

    async def add_manual(self, request: web.Request) -> web.StreamResponse:
        """A document that somebody got."""
        session, form = session_of(request), await request.post()
        names = ("kind", "language", "version", "sha256", "recipient", "delivered_on")
        values = {name: text_of(form, name) for name in names}
        if values["kind"] not in tuple(ManualKind) or values["language"] not in ("es", "en"):
            raise web.HTTPBadRequest
        new = NewManual(ManualKind(values["kind"]), *(values[name] for name in names[1:]))
        work = self._handovers.add_manual(session.actor, session.account, new)
        return await self._done(request, work, values, "manuals")

    async def remove_manual(self, request: web.Request) -> web.StreamResponse:
        """One that was entered by mistake."""
        session, number = session_of(request), await _number(request)
        work = self._handovers.remove_manual(session.actor, session.account, number)
        return await self._done(request, work, {}, "manuals")

    async def certify(self, request: web.Request) -> web.StreamResponse:
        """Certificates for all who were there for four hours."""
        session = session_of(request)
        work = self._handovers.certify(session.actor, session.account)
        return await self._done(request, work, {}, "certificates")

    async def certificate(self, request: web.Request) -> web.StreamResponse:
        """One of them as PDF."""
        session, texts = session_of(request), self._renderer.texts(request)
        number = int(request.match_info["number"])
        found = await self._handovers.certificate(session.actor, session.account, number)
        name = session.accounts[session.account].name
        html = certificate_document(certificate_of(found, name, texts, self._handovers.url), texts)
        pdf = await make_pdf(html)
        kind, ending = ("application/pdf", "pdf") if pdf else ("text/html", "html")
        file = f"{texts('handover.certificate.file')}-{number}.{ending}"
        return web.Response(
            body=pdf or html.encode(),
            content_type=kind,
            charset=None if pdf else "utf-8",
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    # -- inside --------------------------------------------------------------------------------

    async def _done(
        self, request: web.Request, work: Awaitable[object], entered: Mapping[str, Any], part: str
    ) -> web.StreamResponse:
        """Do it and go back to the part of the page; show it again where it was refused."""
        if problem := await refusal(work):
            return await self._page(request, entered, problem, part, status=422)
        session_of(request).tell(self._renderer.texts(request)("handover.saved"))
        raise web.HTTPSeeOther(f"/handover#{part}")

    async def _page(
        self,
        request: web.Request,
        entered: Mapping[str, Any],
        problem: str,
        part: str = "",
        status: int = 200,
    ) -> web.Response:
        session, texts = session_of(request), self._renderer.texts(request)
        handover = await self._handovers.view(session.actor, session.account)
        checks = checklist(handover)
        due = due_on(handover)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        today = now.astimezone(self._renderer.zone_of(request)).date()
        certified = {one.email for one in handover.certificates}
        values = {
            **await self._filed.listed(request, FiledKind.HANDOVER),
            "h": handover,
            "checks": [(one, state_of(one, texts)) for one in checks],
            "is_complete": all(one.is_done for one in checks),
            "accepted": accepted_on(handover),
            "due": due,
            "day_of": lambda text: texts.date(date.fromisoformat(text)),
            "is_late": due is not None and today > due,
            "facts": {fact: (entered.get(fact.value) if part == "facts" else None)
                      or handover.fact(fact) for fact in Fact},
            "days": DAYS,
            "syllabus": SYLLABUS,
            "kinds": list(ManualKind),
            "to_certify": [o for o in handover.trained if o.is_complete and o.email not in certified],
            "entered": entered,
            "part": part,
            "problem": problem,
            "today": today.isoformat(),
            "may_edit": session.actor.may(Permission.SETTINGS_MANAGE, session.account),
        }  # fmt: skip
        return self._renderer.page(request, "handover.html", values, status=status)


async def _number(request: web.Request) -> int:
    return id_of(text_of(await request.post(), "id")) or 0
