"""`/segments`: contacts chosen by conditions, with their count and the first of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from console.accounts.permissions import Permission
from console.contacts.lists import ContactService
from console.contacts.segments.filters import DAY_OPS, OPS, TEXT_OPS, VALUES
from console.contacts.segments.service import SegmentService
from console.contacts.segments.values import Segment
from console.pages.account_switch import current_account
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError

SHOWN = 10  # contacts of a preview
ROWS = 5  # conditions that a form begins with; one more than are filled in
MAX_ROWS = 20
LOOKED_AT = 200  # contacts whose values are offered
_MATCHES = ("all", "any")
OP_GROUPS: Mapping[str, Sequence[str]] = {
    "text": TEXT_OPS,
    "day": (*DAY_OPS, "before", "after"),
    "list": ("on", "not_on", "given", "not_given"),
}


class _Row(NamedTuple):
    field: str = ""  # as in the filter; of lists with their number, `list:17`
    op: str = "is"
    value: str = ""


class _Draft(NamedTuple):
    name: str
    match: str
    rows: Sequence[_Row]
    document: Mapping[str, Any] | None = None  # one that the rows cannot show


class SegmentPages:
    """For those who may see contacts; the service checks each step again."""

    def __init__(
        self, renderer: Renderer, segments: SegmentService, contacts: ContactService
    ) -> None:
        self._renderer = renderer
        self._segments = segments
        self._contacts = contacts

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/segments", self.list)
        app.router.add_get("/segments/new", self.new)
        app.router.add_post("/segments", self.add)
        app.router.add_post("/segments/count", self.count)
        app.router.add_get("/segments/{id}", self.show)
        app.router.add_post("/segments/{id}", self.change)
        app.router.add_post("/segments/{id}/remove", self.remove)

    async def list(self, request: web.Request) -> web.Response:
        """All of the account."""
        actor, account = session_of(request).actor, _account(request)
        values = {
            "segments": await self._segments.list(actor, account),
            "may_edit": actor.may(Permission.CONTACT_EDIT, account),
        }
        return self._renderer.page(request, "segments.html", values)

    async def new(self, request: web.Request) -> web.Response:
        """An empty form."""
        session_of(request).actor.require(Permission.CONTACT_EDIT, _account(request))
        return await self._form(request, None, _Draft("", "all", ()))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Keep a new one."""
        session, form = session_of(request), await request.post()
        draft = _draft(form)

        async def work() -> None:
            await self._segments.add(session.actor, _account(request), draft.name, _document(draft))

        if problem := await refusal(work()):
            return await self._form(request, None, draft, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("segments.saved"))
        raise web.HTTPSeeOther("/segments")

    async def count(self, request: web.Request) -> web.Response:
        """How many a form's conditions hold for, and the first of them; keeps nothing."""
        return await self._form(request, None, _draft(await request.post()))

    async def show(self, request: web.Request) -> web.Response:
        """Its conditions, how many it has now, and the first of them."""
        found = await self._of(request)
        count = await self._segments.count(session_of(request).actor, found.id)
        return await self._form(request, found, _draft_of(found), count=count)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Other conditions or another name."""
        session, form, found = session_of(request), await request.post(), await self._of(request)
        draft = _draft(form, found)

        async def work() -> None:
            await self._segments.change(session.actor, found.id, draft.name, _document(draft))

        if problem := await refusal(work()):
            return await self._form(request, found, draft, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("segments.saved"))
        raise web.HTTPSeeOther(f"/segments/{found.id}")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Gone; the contacts stay."""
        session, found = session_of(request), await self._of(request)
        await self._segments.remove(session.actor, found.id)
        session.tell(self._renderer.texts(request)("segments.removed", name=found.name))
        raise web.HTTPSeeOther("/segments")

    async def _of(self, request: web.Request) -> Segment:
        number = id_of(request.match_info["id"])
        return await self._segments.get(session_of(request).actor, number)

    async def _form(
        self,
        request: web.Request,
        segment: Segment | None,
        draft: _Draft,
        *,
        problem: str = "",
        status: int = 200,
        count: int | None = None,
    ) -> web.Response:
        actor = session_of(request).actor
        account = segment.account if segment else _account(request)
        first = []
        if not problem and (draft.rows or draft.document):
            try:
                document = _document(draft)
                if count is None:
                    count = await self._segments.count_of(actor, account, document)
                first = list(await self._segments.preview(actor, account, document, SHOWN))
            except PermanentError as error:
                problem = str(error)
        rows = [*draft.rows, _Row()]
        values = {
            "segment": segment, "draft": draft, "problem": problem, "count": count,
            "first": first, "rows": rows + [_Row()] * (ROWS - len(rows)),
            "fields": await self._fields(request, account, draft), "op_groups": OP_GROUPS,
            "json": draft.document and json.dumps(draft.document, ensure_ascii=False, indent=2),
            "may_edit": actor.may(Permission.CONTACT_EDIT, account),
        }  # fmt: skip
        return self._renderer.page(request, "segment.html", values, status=status)

    async def _fields(
        self, request: web.Request, account: int, draft: _Draft
    ) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """(group, its (field, what is shown)): what a condition can be about."""
        actor, texts = session_of(request).actor, self._renderer.texts(request)
        own = {row.field: row.field.removeprefix(VALUES) for row in draft.rows}
        for contact in await self._contacts.search(actor, account, count=LOOKED_AT):
            own |= {f"{VALUES}{name}": name for name in contact.attrs}
        lists = await self._contacts.lists(actor, account)
        plain = [one for one in OPS if one not in ("list", "consent")]
        return (
            ("contact", [(one, texts(f"segments.field.{one}")) for one in plain]),
            ("values", sorted((f, n) for f, n in own.items() if f.startswith(VALUES))),
            ("lists", [(f"list:{one.id}", one.name) for one in lists]),
            ("consents", [("consent:", texts("segments.any_consent"))]
             + [(f"consent:{one.id}", one.name) for one in lists]),
        )  # fmt: skip


def _draft(form: Mapping[str, Any], segment: Segment | None = None) -> _Draft:
    """What a form says; conditions without a field are left out."""
    rows = [
        _Row(field, text_of(form, f"op-{n}", 30), text_of(form, f"value-{n}", 2000))
        for n in range(MAX_ROWS)
        if (field := text_of(form, f"field-{n}", 200))
    ]
    match = text_of(form, "match", 10)
    name = text_of(form, "name", 200)
    if not rows and segment is not None and _draft_of(segment).document is not None:
        return _Draft(name, "all", (), segment.filter)  # only its name was shown
    return _Draft(name, match if match in _MATCHES else "all", rows)


def _draft_of(segment: Segment) -> _Draft:
    """A filter as rows; one that nests is kept as it is."""
    document = segment.filter
    match = next((one for one in _MATCHES if one in document), "all")
    parts = document.get(match, [document])
    if not all("field" in part for part in parts) or len(parts) >= MAX_ROWS:
        return _Draft(segment.name, "all", (), document)
    return _Draft(segment.name, match, [_row_of(part) for part in parts])


def _row_of(condition: Mapping[str, Any]) -> _Row:
    field, value = condition["field"], condition.get("value", "")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    op = condition.get("op", "is")
    if field in ("list", "consent"):
        return _Row(f"{field}:{text}", op)
    return _Row(field, op, text)


def _document(draft: _Draft) -> Mapping[str, Any]:
    if draft.document is not None:
        return draft.document
    return {draft.match: [_condition(row) for row in draft.rows]}


def _condition(row: _Row) -> Mapping[str, str]:
    for kind in ("list", "consent"):
        if row.field.startswith(f"{kind}:"):
            return {"field": kind, "op": row.op, "value": row.field.partition(":")[2]}
    return {"field": row.field, "op": row.op, "value": row.value}


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
