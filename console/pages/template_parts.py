"""What the pages of templates share: whose they are, and what a refusal becomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from console.accounts.actor import NotPermitted, NotVisible
from console.content.errors import TemplateError
from console.pages.account_switch import current_account
from console.pages.forms import id_of
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.templates.service import MAX_FILES, MAX_SOURCE, TemplateService
from console.templates.values import Template
from mta.model.errors import PermanentError

# A source of the most characters, as a form of a browser sends it: three octets for each of many.
MAX_FORM = 4 * MAX_SOURCE


def account_of(request: web.Request) -> int:
    """The account that is looked at, if the person sees its campaigns. Raises `HTTPForbidden`."""
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id


@contextmanager
def refused_to_http() -> Iterator[None]:
    """Refusals as answers: 403, 404, and 422 for what cannot be."""
    try:
        yield
    except NotPermitted:
        raise web.HTTPForbidden from None
    except NotVisible:
        raise web.HTTPNotFound from None
    except PermanentError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None


async def open_template(service: TemplateService, request: web.Request) -> Template:
    """The template of the path. Raises `HTTPNotFound`."""
    with refused_to_http():
        return await service.get(session_of(request).actor, id_of(request.match_info["id"]))


def files_of(form: MultiMapping[Any], before: tuple[int, ...]) -> tuple[int, ...]:
    """The ids of attachments that a form names; those from before where it has no place for them."""
    if "has_files" not in form:
        return before
    ids = [id_of(value) for value in form.getall("files", []) if isinstance(value, str)]
    return tuple(dict.fromkeys(one for one in ids if one))[:MAX_FILES]


def said(texts: Texts, error: PermanentError) -> tuple[str, int]:
    """A mistake in the reader's language, and its line (0: unknown)."""
    code = error.code if isinstance(error, TemplateError) else ""
    key = f"templates.errors.{code}"
    if not code or key not in texts.by_key:
        return texts.said(str(error)), 0
    assert isinstance(error, TemplateError)
    return texts(key, shown=error.shown), error.line
