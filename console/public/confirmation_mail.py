"""The mail that asks whether somebody wants to be on a list: text and HTML, in their language."""

import tomllib
from importlib.resources import files

import jinja2

from console.accounts.ports import Mailer, SystemMail
from console.contacts.optin.values import OptinList
from console.public.rendering import LANGUAGES


class ConfirmationMails:
    """Implements `ConfirmationMailer` over the system's own mail."""

    def __init__(self, mailer: Mailer, *, language: str, url: str) -> None:
        """`language` of who did not say; `url` of the public pages, without a slash at the end."""
        self._mailer = mailer
        self._language = language
        self._url = url
        folder = files("console.public") / "texts"
        self._texts = {
            code: tomllib.loads((folder / f"{code}.toml").read_text("utf-8"))["confirm_mail"]
            for code in LANGUAGES
        }
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("console.public"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._template = environment.get_template("confirm_mail.html")

    async def send(self, to: str, language: str, asking: OptinList, token: str) -> None:
        """As `ConfirmationMailer.send`."""
        code = language if language in LANGUAGES else self._language
        texts, link = self._texts[code], f"{self._url}/confirm/{token}"
        values = {"list": asking.name, "link": link, "address": to}
        lines = [texts["text"].format_map(values)]
        if asking.text:
            lines.append(asking.text)
        after = [texts[name].format_map(values) for name in ("expires", "ignore")]
        await self._mailer.send(
            SystemMail(
                to, code, texts["subject"].format_map(values),
                "\n\n".join([*lines, link, *after]) + "\n",
                self._template.render(
                    language=code, title=texts["subject"].format_map(values), lines=lines,
                    link=link, button=texts["button"], after=after,
                ),
                kind="optin",
            )
        )  # fmt: skip
