"""The link of `List-Unsubscribe`: a page with a button, and one click of mail programs (RFC 8058).

GET changes nothing, whoever follows the link: scanners do. POST acts and answers 200, without
redirect or cookies. The page that follows can undo it for ten minutes: the form carries a token
that covers the time of its end, so nothing is kept for it.
"""

from collections.abc import Mapping, Sequence

from aiohttp import web

from console.public.choosing import NoTopics, Topics
from console.public.rendering import Page, PublicRenderer
from mta.feedback.effects import Effect, FeedbackEffects, Subject
from mta.intake.tokens import DeliveryTokens, Purpose
from mta.model.clock import Clock
from mta.model.ids import id_in
from mta.spool.rows import DeliveryFlag

ROUTE = "/u/{token}"
UNDO_ROUTE = "/u/{token}/undo"
UNDO_MS = 10 * 60 * 1000
_ONE_CLICK = ("list-unsubscribe", "one-click")
_BUTTON = ("how", "page")
REASONS = ("too_many", "not_mine", "not_interested", "wrong_person")  # of texts; in the event
_MAX_DIGITS = 15
_MAX_AGENT = 300


class UnsubscribePages:
    """The handlers."""

    def __init__(
        self,
        renderer: PublicRenderer,
        effects: FeedbackEffects,
        key: bytes,
        clock: Clock,
        topics: Topics | None = None,
    ) -> None:
        """`key`: the installation's secret; `topics`: what a recipient may choose from."""
        self._renderer = renderer
        self._effects = effects
        self._tokens = DeliveryTokens(key, Purpose.UNSUBSCRIBE)
        self._undo_tokens = DeliveryTokens(key, Purpose.UNDO)
        self._clock = clock
        self._topics: Topics = topics or NoTopics()

    def add_routes(self, app: web.Application) -> None:
        """Add the routes; they need no login."""
        app.router.add_get(ROUTE, self.show)
        app.router.add_post(ROUTE, self.act)
        app.router.add_post(UNDO_ROUTE, self.undo)

    async def show(self, request: web.Request) -> web.Response:
        """The page with the button."""
        subject = await self._subject(request)
        if subject is None:
            return self._renderer.page(request, Page("gone", {}), 410)
        values = {"address": _masked(subject.address), "sender": subject.sender}
        if subject.flags & DeliveryFlag.UNSUBSCRIBED:
            return self._renderer.page(request, Page("already", values))
        choices = [
            (str(topic.id), topic.name, topic.is_wanted) for topic in await self._topics.of(subject)
        ]
        page = Page(
            "ask", values, ("text", "sender"), request.path, fields=() if choices else (_BUTTON,),
            choices=choices, reasons=REASONS,
        )  # fmt: skip
        return self._renderer.page(request, page)

    async def act(self, request: web.Request) -> web.Response:
        """The recipient wants no more of it; the same answer when that was known."""
        posted = await request.post()
        form = {str(k).lower(): str(v).lower() for k, v in posted.items()}
        if form.get("how") == "topics":
            return await self._choose(request, [str(one) for one in posted.getall("topic", [])])
        by = ""
        if form.get(_ONE_CLICK[0]) == _ONE_CLICK[1]:
            by = "one-click"
        elif form.get(_BUTTON[0]) == _BUTTON[1]:
            by = "page"
        if not by:
            raise web.HTTPBadRequest
        subject = await self._subject(request)
        if subject is None:
            return self._renderer.page(request, Page("gone", {}), 410)
        evidence = dict(_evidence(request))
        if form.get("why") in REASONS:
            evidence["why"] = form["why"]
        effect = await self._effects.unsubscribed(subject, by, evidence)
        values = {"address": _masked(subject.address)}
        if effect is Effect.REPEATED:
            return self._renderer.page(request, Page("already", values))
        until_ms = self._clock.now_ms() + UNDO_MS
        proof = self._undo_tokens.token(subject.delivery, until_ms)
        page = Page(
            "done",
            values,
            action=f"{request.path}/undo",
            button="undo",
            fields=(("until", str(until_ms)), ("proof", proof)),
            is_quiet=True,
        )
        return self._renderer.page(request, page)

    async def _choose(self, request: web.Request, wanted: Sequence[str]) -> web.Response:
        """The recipient wants these topics and no others."""
        subject = await self._subject(request)
        if subject is None:
            return self._renderer.page(request, Page("gone", {}), 410)
        chosen = {id_in(one) for one in wanted} - {0}
        await self._topics.choose(subject, chosen, _evidence(request))
        page = Page("saved", {"address": _masked(subject.address)}, again=request.path)
        return self._renderer.page(request, page)

    async def undo(self, request: web.Request) -> web.Response:
        """Take it back, within the time."""
        form = await request.post()
        until, proof = str(form.get("until", "")), str(form.get("proof", ""))
        subject = await self._subject(request)
        is_number = until.isascii() and until.isdigit() and len(until) <= _MAX_DIGITS
        if (
            subject is None
            or not is_number
            or self._undo_tokens.delivery_id(proof, int(until)) != subject.delivery
        ):
            raise web.HTTPBadRequest
        if self._clock.now_ms() > int(until):
            return self._renderer.page(request, Page("late", {}), 410)
        await self._effects.resubscribed(subject, _evidence(request))
        return self._renderer.page(request, Page("undone", {"address": _masked(subject.address)}))

    async def _subject(self, request: web.Request) -> Subject | None:
        """The delivery of the link; None when its history is gone. Raises `HTTPNotFound`."""
        delivery = self._tokens.delivery_id(request.match_info["token"])
        if delivery is None:
            raise web.HTTPNotFound
        return await self._effects.find(delivery)


def _evidence(request: web.Request) -> Mapping[str, str]:
    agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return {"peer": request.remote or "", "agent": agent[:_MAX_AGENT]}


def _masked(address: str) -> str:
    """`a…@example.org`: who was forwarded the mail does not learn the address."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…{at}{domain}"
