"""`/contacts` and `/lists`: people an account writes to, and the lists that they are on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.contacts.lists import LAST, STATUSES, ContactService
from console.contacts.optin.service import OptinService
from console.contacts.values import Contact
from console.pages.account_switch import current_account
from console.pages.downloads import send_csv
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of

PAGE_SIZE = 50
PIECE = 500
MAX_VALUES = 4_000


class ContactPages:
    """For those who may see contacts; the service checks each step again."""

    def __init__(
        self, renderer: Renderer, contacts: ContactService, optin: OptinService, url: str
    ) -> None:
        """`url`: of the public pages, without a slash at the end."""
        self._renderer = renderer
        self._optin = optin
        self._url = url
        self._contacts = contacts

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/contacts", self.list)
        app.router.add_post("/contacts", self.add)
        app.router.add_get("/contacts/export.csv", self.export)
        app.router.add_post("/contacts/enlist", self.enlist_many)
        app.router.add_get("/contacts/{id}", self.show)
        app.router.add_post("/contacts/{id}", self.change)
        app.router.add_post("/contacts/{id}/remove", self.remove)
        app.router.add_get("/lists", self.lists)
        app.router.add_post("/lists", self.add_list)
        app.router.add_get("/lists/{id}", self.members)
        app.router.add_post("/lists/{id}", self.change_list)
        app.router.add_post("/lists/{id}/members", self.enlist)
        app.router.add_post("/lists/{id}/leave", self.delist)
        app.router.add_post("/lists/{id}/optin", self.configure)

    # -- contacts ------------------------------------------------------------------------------

    async def list(self, request: web.Request) -> web.Response:
        """The newest first, narrowed by the query."""
        return await self._list(request)

    async def add(self, request: web.Request) -> web.StreamResponse:
        """One person."""
        session, form = session_of(request), await request.post()
        values = {name: text_of(form, name, 200) for name in ("first_name", "last_name")}
        email = text_of(form, "email")
        texts = self._renderer.texts(request)
        attrs = {texts(f"contacts.field.{name}"): value for name, value in values.items()}
        work = self._contacts.put(session.actor, _account(request), email, attrs)
        if problem := await refusal(work):
            return await self._list(request, problem=problem, form={"email": email, **values})
        session.tell(texts("contacts.added", email=email))
        raise web.HTTPSeeOther("/contacts")

    async def enlist_many(self, request: web.Request) -> web.StreamResponse:
        """Put the chosen ones on a list; who unsubscribed from it stays off."""
        session, form = session_of(request), await request.post()
        texts, number = self._renderer.texts(request), id_of(text_of(form, "list"))
        chosen = [id_of(str(one)) for one in form.getall("contact", [])][:PAGE_SIZE]
        if not number or not chosen:
            session.actor.require(Permission.CONTACT_EDIT, _account(request))
            session.tell(texts("contacts.choose"), tone="bad")
            raise web.HTTPSeeOther("/contacts")
        await self._contacts.enlist(session.actor, number, chosen)
        session.tell(texts.count("contacts.enlisted", len(chosen)))
        raise web.HTTPSeeOther(f"/lists/{number}")

    async def show(self, request: web.Request) -> web.Response:
        """Values and lists of one."""
        return await self._one(request, await self._of(request))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Other values: one a line, `name: value`."""
        session, form, contact = session_of(request), await request.post(), await self._of(request)
        work = self._contacts.change(
            session.actor, contact.id, text_of(form, "email"),
            _values(text_of(form, "values", MAX_VALUES)), text_of(form, "status"),
        )  # fmt: skip
        if problem := await refusal(work):
            return await self._one(request, contact, problem=problem)
        session.tell(self._renderer.texts(request)("contacts.saved"))
        raise web.HTTPSeeOther(f"/contacts/{contact.id}")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Gone, with its memberships."""
        session, contact = session_of(request), await self._of(request)
        await self._contacts.remove(session.actor, contact.id)
        session.tell(self._renderer.texts(request)("contacts.removed", email=contact.email))
        raise web.HTTPSeeOther("/contacts")

    async def export(self, request: web.Request) -> web.StreamResponse:
        """All of the account as CSV, values as one column of `name: value` lines."""
        actor, account = session_of(request).actor, _account(request)
        actor.require(Permission.EXPORT, account)

        async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
            before = LAST
            while found := await self._contacts.search(actor, account, before=before, count=PIECE):
                yield [(c.email, c.status, c.source, _lines(c.attrs)) for c in found]
                before = found[-1].id

        texts = self._renderer.texts(request)
        names = ("email", "status", "source", "values")
        headings = [texts(f"contacts.{name}") for name in names]
        return await send_csv(request, "contacts", headings, pieces())

    async def _of(self, request: web.Request) -> Contact:
        return await self._contacts.get(session_of(request).actor, id_of(request.match_info["id"]))

    async def _list(
        self, request: web.Request, *, problem: str = "", form: Mapping[str, str] | None = None
    ) -> web.Response:
        actor, account = session_of(request).actor, _account(request)
        search = request.query.get("q", "").strip()[:320]
        before = id_of(request.query.get("before", "")) or LAST
        found = await self._contacts.search(
            actor, account, search, before=before, count=PAGE_SIZE + 1
        )
        shown = found[:PAGE_SIZE]
        older = None
        if len(found) > PAGE_SIZE:
            query = {"q": search, "before": str(shown[-1].id)}
            older = str(request.rel_url.with_path("/contacts").with_query(query))
        values = {
            "contacts": shown, "search": search, "older": older, "problem": problem,
            "form": form or {"email": "", "first_name": "", "last_name": ""},
            "lists": await self._contacts.lists(actor, account),
            "may_edit": actor.may(Permission.CONTACT_EDIT, account),
            "may_export": actor.may(Permission.EXPORT, account),
        }  # fmt: skip
        status = 422 if problem else 200
        return self._renderer.page(request, "contacts.html", values, status=status)

    async def _one(
        self, request: web.Request, contact: Contact, *, problem: str = ""
    ) -> web.Response:
        actor = session_of(request).actor
        values = {
            "contact": contact, "problem": problem, "lines": _lines(contact.attrs),
            "lists": await self._contacts.lists_of(actor, contact.id), "statuses": STATUSES,
            "may_edit": actor.may(Permission.CONTACT_EDIT, contact.account),
        }  # fmt: skip
        status = 422 if problem else 200
        return self._renderer.page(request, "contact.html", values, status=status)

    # -- lists ---------------------------------------------------------------------------------

    async def lists(self, request: web.Request) -> web.Response:
        """All of the account."""
        return await self._lists(request)

    async def add_list(self, request: web.Request) -> web.StreamResponse:
        """A new one."""
        session, form = session_of(request), await request.post()
        name = text_of(form, "name", 200)
        work = self._contacts.add_list(
            session.actor, _account(request), name, description=text_of(form, "description", 1000)
        )
        if problem := await refusal(work):
            return await self._lists(request, problem=problem, name=name)
        raise web.HTTPSeeOther("/lists")

    async def members(self, request: web.Request) -> web.Response:
        """Who is on it."""
        return await self._members(request)

    async def change_list(self, request: web.Request) -> web.StreamResponse:
        """Another name, or put away."""
        session, form, number = session_of(request), await request.post(), _number(request)
        work = self._contacts.change_list(
            session.actor, number, name=text_of(form, "name", 200),
            description=text_of(form, "description", 1000), is_archived=bool(form.get("archive")),
        )  # fmt: skip
        if problem := await refusal(work):
            typed = {"name": text_of(form, "name", 200)}
            typed["description"] = text_of(form, "description", 1000)
            return await self._members(request, problem=problem, typed=typed)
        raise web.HTTPSeeOther("/lists" if form.get("archive") else f"/lists/{number}")

    async def enlist(self, request: web.Request) -> web.StreamResponse:
        """Put an address on it; it becomes a contact if it is none."""
        session, form, number = session_of(request), await request.post(), _number(request)

        async def work() -> None:
            found = await self._contacts.list(session.actor, number)
            contact = await self._contacts.put(
                session.actor, found.account, text_of(form, "email"), {}
            )
            await self._contacts.enlist(session.actor, number, [contact.id])
            if (await self._optin.settings(session.actor, number)).optin == "double":
                asked = await self._optin.ask(session.actor, number, [contact.id])
                session.tell(self._renderer.texts(request).count("optin.asked", asked))

        if problem := await refusal(work()):
            typed = {"email": text_of(form, "email")}
            return await self._members(request, problem=problem, typed=typed)
        raise web.HTTPSeeOther(f"/lists/{number}")

    async def configure(self, request: web.Request) -> web.StreamResponse:
        """How a list asks from now on."""
        session, form, number = session_of(request), await request.post(), _number(request)
        optin, is_open = text_of(form, "optin", 10), bool(form.get("open"))
        text = text_of(form, "text", 2_001)
        work = self._optin.configure(session.actor, number, optin=optin, is_open=is_open, text=text)
        if problem := await refusal(work):
            asking = await self._optin.settings(session.actor, number)
            typed = {"asking": replace(asking, optin=optin, is_open=is_open, text=text)}
            return await self._members(request, problem=problem, typed=typed)
        session.tell(self._renderer.texts(request)("contacts.saved"))
        raise web.HTTPSeeOther(f"/lists/{number}")

    async def delist(self, request: web.Request) -> web.StreamResponse:
        """Take one off."""
        session, form, number = session_of(request), await request.post(), _number(request)
        await self._contacts.delist(session.actor, number, [id_of(text_of(form, "contact"))])
        raise web.HTTPSeeOther(f"/lists/{number}")

    async def _lists(
        self, request: web.Request, *, problem: str = "", name: str = ""
    ) -> web.Response:
        actor, account = session_of(request).actor, _account(request)
        values = {
            "lists": await self._contacts.lists(actor, account), "problem": problem, "name": name,
            "may_edit": actor.may(Permission.CONTACT_EDIT, account),
        }  # fmt: skip
        status = 422 if problem else 200
        return self._renderer.page(request, "lists.html", values, status=status)

    async def _members(
        self, request: web.Request, *, problem: str = "", typed: Mapping[str, Any] | None = None
    ) -> web.Response:
        """`typed`: what was refused stays in its fields."""
        actor, number = session_of(request).actor, _number(request)
        found = await self._contacts.list(actor, number)
        after = id_of(request.query.get("after", ""))
        members = await self._contacts.members(actor, number, after=after, count=PAGE_SIZE + 1)
        shown = members[:PAGE_SIZE]
        older = f"/lists/{number}?after={shown[-1][0].id}" if len(members) > PAGE_SIZE else None
        token = await self._optin.form_token(actor, number)
        values: dict[str, Any] = {
            "name": found.name, "description": found.description, "email": "",
            "asking": await self._optin.settings(actor, number),
            "form_url": f"{self._url}/subscribe/{token}" if token else "",
            "list": found, "members": shown, "older": older, "problem": problem,
            "may_edit": actor.may(Permission.CONTACT_EDIT, found.account),
        } | dict(typed or {})  # fmt: skip
        status = 422 if problem else 200
        return self._renderer.page(request, "list.html", values, status=status)


def _values(text: str) -> dict[str, str]:
    """Of lines `name: value`; a line without a colon is a name without a value."""
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _lines(attrs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in attrs.items())


def _number(request: web.Request) -> int:
    return id_of(request.match_info["id"])


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
