"""A person at the console, by HTTP: signs in, uploads a spreadsheet, makes its campaign and starts it."""

import asyncio
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from bench.children import SubjectError

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_HIDDEN = re.compile(r'<input type="hidden" name="(has_header|sheet)" value="([^"]*)"')
_SELECT = re.compile(r'<select[^>]* name="(column-\d+)">(.*?)</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected')
_LOOK_S = 0.1
_UPLOAD_S = 300.0


@dataclass(frozen=True, slots=True)
class Login:
    """Who, and with which key the rest is asked."""

    email: str
    password: str
    api_key: str


class Person:
    """One browser; a context manager. Raises `SubjectError` for every answer that is no success."""

    def __init__(self, address: str, login: Login) -> None:
        self._base = f"http://{address}"
        self._login = login
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(_UPLOAD_S)
        )

    async def __aenter__(self) -> Self:
        token = _found(_TOKEN, await self._page("GET", "/login"))
        form = {"csrf": token, "email": self._login.email, "password": self._login.password}
        await self._page("POST", "/login", data={**form, "next": "/"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def upload(self, file: Path) -> str:
        """Drop the file, take the columns as they are guessed, wait until it is read; gives the campaign."""
        token = _found(_TOKEN, await self._page("GET", "/campaigns/new"))
        form = aiohttp.FormData()
        form.add_field("csrf", token)
        form.add_field("file", file.open("rb"), filename=file.name)
        async with self._session.post(self._base + "/campaigns/upload", data=form) as answer:
            page, address = await answer.text(), answer.url
        if answer.status != 200 or "/file" not in address.path:
            raise SubjectError(f"upload: {answer.status} {address} {page[:500]}")
        mapping = {name: html.unescape(value) for name, value in _HIDDEN.findall(page)}
        for name, options in _SELECT.findall(page):
            chosen = _CHOSEN.search(options)
            mapping[name] = html.unescape(chosen[1]) if chosen else ""
        await self._page(
            "POST", str(address.relative()), data={"csrf": _found(_TOKEN, page), **mapping}
        )
        campaign, upload = address.path.split("/")[2], address.query["upload"]
        path = f"/campaigns/{campaign}/file/ready?upload={upload}"
        async with asyncio.timeout(_UPLOAD_S):
            while not (await self.campaign(campaign))["audience"].get("audience"):
                await asyncio.sleep(_LOOK_S)
                await self._page("POST", path, data={"csrf": token})
        return campaign

    async def campaign(self, campaign: str) -> dict[str, Any]:
        """As the API shows it."""
        return await self.ask("GET", f"/campaigns/{campaign}")

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A request to the API; the decoded answer."""
        headers = {"Authorization": f"Bearer {self._login.api_key}"}
        address = f"{self._base}/api/v1{path}"
        async with self._session.request(method, address, json=body, headers=headers) as answer:
            text = await answer.text()
        if answer.status >= 300:
            raise SubjectError(f"{method} {path}: {answer.status} {text}")
        found: dict[str, Any] = json.loads(text)
        return found

    async def _page(self, method: str, path: str, **more: Any) -> str:
        async with self._session.request(method, self._base + path, **more) as answer:
            text = await answer.text()
        if answer.status >= 300:
            raise SubjectError(f"{method} {path}: {answer.status} {text[:500]}")
        return text


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise SubjectError(f"no {pattern.pattern} in {page[:500]}")
    return found[1]
