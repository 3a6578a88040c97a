"""The public pages' own renderer: one template, texts in Spanish and English, one style sheet."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from aiohttp import web

LANGUAGES = ("es", "en")
STYLE = "/public/public.css"
POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_MAX_HEADER = 200
_STYLE_AGE_S = 3600


@dataclass(frozen=True, slots=True)
class Page:
    """What is on a page; `texts` names a table of the texts."""

    texts: str
    values: Mapping[str, str]
    lines: Sequence[str] = ("text",)
    action: str = ""  # where its button posts to; empty: no button
    button: str = "button"
    fields: Sequence[tuple[str, str]] = ()
    is_quiet: bool = False
    choices: Sequence[tuple[str, str, bool]] = ()  # name, what is said, whether it is chosen
    inputs: Sequence[str] = ()  # names of texts `input_…`; "email" is the only one
    reasons: Sequence[str] = ()  # names of texts: why, if one wants to say
    again: str = ""  # where it can be changed once more


class PublicRenderer:
    """Makes pages in the language of who asks."""

    def __init__(self, language: str) -> None:
        """`language` serves who does not say."""
        folder = files("console.public")
        self._texts = {
            code: tomllib.loads((folder / "texts" / f"{code}.toml").read_text("utf-8"))
            for code in LANGUAGES
        }
        self._language = language
        self._style = (folder / "static" / "public.css").read_bytes()
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("console.public"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._template = environment.get_template("page.html")

    def add_routes(self, app: web.Application) -> None:
        """The style sheet."""
        app.router.add_get(STYLE, self._show_style)

    def page(self, request: web.Request, page: Page, status: int = 200) -> web.Response:
        """The page as a response."""
        code = self.language_of(request)
        texts = self._texts[code][page.texts]
        is_chosen = "lang" in request.query
        return self._response(
            code,
            status,
            title=texts["title"],
            lines=[texts[name].format_map(page.values) for name in page.lines],
            action=f"{page.action}?lang={code}" if page.action and is_chosen else page.action,
            fields=page.fields,
            button=texts.get(page.button, ""),
            note=texts.get("note", ""),
            is_quiet=page.is_quiet,
            choices=page.choices,
            inputs=[(name, texts[f"input_{name}"]) for name in page.inputs],
            reasons=[(name, texts[f"reason_{name}"]) for name in page.reasons],
            texts=texts,
            again=f"{page.again}?lang={code}" if page.again and is_chosen else page.again,
            other=self._other(request, code),
        )

    def failure(self, request: web.Request, status: int) -> web.Response:
        """A page that says that it did not work."""
        code = self.language_of(request)
        kind = "failed" if status >= 500 else "missing" if status == 404 else "refused"
        texts = self._texts[code]
        return self._response(
            code, status, title=texts["brand"], lines=[texts[kind]], action="", fields=(),
            button="", note="", is_quiet=False, choices=(), inputs=(), reasons=(), texts=texts, again="",
            other=None,
        )  # fmt: skip

    def _response(self, code: str, status: int, **values: object) -> web.Response:
        text = self._template.render(language=code, style=STYLE, **values)
        response = web.Response(text=text, status=status, content_type="text/html")
        response.headers["Content-Language"] = code
        response.headers["Vary"] = "Accept-Language"
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"  # the address holds a token
        response.headers["X-Robots-Tag"] = "noindex"
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _show_style(self, _: web.Request) -> web.Response:
        age = f"public, max-age={_STYLE_AGE_S}"
        return web.Response(
            body=self._style, content_type="text/css", headers={"Cache-Control": age}
        )

    def _other(self, request: web.Request, code: str) -> tuple[str, str, str] | None:
        """Where the page is in the other language: its code, its name, the address."""
        if request.method != "GET":
            return None
        other = next(one for one in LANGUAGES if one != code)
        return other, self._texts[other]["language"], f"{request.path}?lang={other}"

    def language_of(self, request: web.Request) -> str:
        """In which a page answers a request."""
        chosen = request.query.get("lang", "")
        if chosen in LANGUAGES:
            return chosen
        header = request.headers.get("Accept-Language", "")[:_MAX_HEADER]
        for item in header.split(","):  # browsers list what they like best first
            code = item.partition(";")[0].strip().partition("-")[0].lower()
            if code in LANGUAGES:
                return code
        return self._language
