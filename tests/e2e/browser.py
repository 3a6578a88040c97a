"""Debian's Chromium, headless, driven over the WebDriver protocol (W3C) with the client at hand."""

import asyncio
import base64
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

IS_INSTALLED = shutil.which("chromedriver") is not None and shutil.which("chromium") is not None
START_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 60.0
WAIT_TIMEOUT_S = 15.0
SCRIPT_TIMEOUT_S = 5.0
START_ATTEMPTS = 3  # another process may take the port that it chose
# what is said of a page that was left for the next one
LEFT = (
    "script timeout",
    "javascript error",
    "no such element",
    "stale element reference",
    "unknown error",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element, by the standard
_STARTED = re.compile(rb"started successfully on port (\d+)")


class Complaint(Exception):
    """The browser could not do it: (kind, details)."""


class Browser:
    """One window."""

    def __init__(self, http: aiohttp.ClientSession, session: str) -> None:
        self._http = http
        self._session = session

    async def command(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One command of the protocol; raises `Complaint`."""
        data = None if method != "POST" else body or {}
        async with self._http.request(
            method, f"/session/{self._session}{path}", json=data
        ) as response:
            answer = (await response.json())["value"]
        if response.status != 200:
            raise Complaint(answer["error"], answer["message"])
        return answer

    async def open(self, url: str) -> None:
        """Load a page."""
        await self.command("POST", "/url", {"url": url})

    async def run(self, script: str, *arguments: Any) -> Any:
        """The value that a script returns; a promise is waited for."""
        body = {"script": script, "args": list(arguments)}
        return await self.command("POST", "/execute/sync", body)

    async def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        element = await self._find(selector)
        await self.command("POST", f"/element/{element}/clear")
        await self.command("POST", f"/element/{element}/value", {"text": text})

    async def choose(self, selector: str, path: Path) -> None:
        """Choose a file in its field."""
        element = await self._find(selector)
        await self.command("POST", f"/element/{element}/value", {"text": str(path)})

    async def click(self, selector: str) -> None:
        """Click as a person does: what is covered cannot be clicked."""
        await self.command("POST", f"/element/{await self._find(selector)}/click")

    @asynccontextmanager
    async def frame(self, selector: str) -> AsyncIterator[None]:
        """Inside the block, commands go to that frame."""
        element = {_ELEMENT: await self._find(selector)}
        await self.command("POST", "/frame", {"id": element})
        yield
        await self.command("POST", "/frame", {"id": None})

    async def press(self, key: str) -> None:
        """`Tab` or `Enter`, wherever the focus is."""
        value = {"Tab": "\ue004", "Enter": "\ue007"}[key]
        keys = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": keys}
        await self.command("POST", "/actions", {"actions": [source]})

    async def text(self, selector: str = "body") -> str:
        """The text as it is seen."""
        return str(await self.command("GET", f"/element/{await self._find(selector)}/text"))

    async def attribute(self, selector: str, name: str) -> str:
        """What the page has there."""
        element = await self._find(selector)
        return str(await self.command("GET", f"/element/{element}/attribute/{name}"))

    async def wait_text(self, text: str, selector: str = "body") -> None:
        """Return once the text is seen, on this page or on one that follows it."""
        script = """
            const [selector, text, done] = arguments;
            const look = () => (document.querySelector(selector)?.innerText ?? "").includes(text);
            if (look()) { done(true); return; }
            const watcher = new MutationObserver(() => {
              if (look()) { watcher.disconnect(); done(true); }
            });
            watcher.observe(document, {subtree: true, childList: true, characterData: true,
                                       attributes: true});
        """
        body = {"script": script, "args": [selector, text]}
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while True:
                try:
                    await self.command("POST", "/execute/async", body)
                except Complaint as complaint:  # the page that watched was left for the next one
                    if complaint.args[0] not in LEFT:
                        raise
                else:
                    return

    async def resize(self, width: int, height: int) -> None:
        """What the page gets, whatever the window's own frame takes."""
        await self.command(
            "POST",
            "/goog/cdp/execute",
            {
                "cmd": "Emulation.setDeviceMetricsOverride",
                "params": {
                    "width": width,
                    "height": height,
                    "deviceScaleFactor": 1,
                    "mobile": width < 600,
                },
            },
        )

    async def prefer_dark(self, *, is_dark: bool) -> None:
        """The system's colour scheme."""
        value = "dark" if is_dark else "light"
        features = [{"name": "prefers-color-scheme", "value": value}]
        await self.command(
            "POST",
            "/goog/cdp/execute",
            {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}},
        )

    async def screenshot(self, path: Path) -> None:
        """A PNG of what is seen."""
        path.write_bytes(base64.b64decode(await self.command("GET", "/screenshot")))

    async def picture(self, path: Path) -> None:
        """A PNG of the whole page, also of what is below the window."""
        size = await self.run(
            "const p = document.documentElement; return [p.clientWidth, p.scrollHeight];"
        )
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], 6000), "scale": 1}
        body = {
            "cmd": "Page.captureScreenshot",
            "params": {"format": "png", "captureBeyondViewport": True, "clip": clip},
        }
        found = await self.command("POST", "/goog/cdp/execute", body)
        path.write_bytes(base64.b64decode(found["data"]))

    async def without_scripts(self, *, is_so: bool) -> None:
        """Pages run no scripts of their own from the next one on."""
        body = {"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": is_so}}
        await self.command("POST", "/goog/cdp/execute", body)

    async def complaints(self) -> list[str]:
        """What the browser's console has against the page: errors, violations of the policy."""
        entries = await self.command("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    async def _find(self, selector: str) -> str:
        found = await self.command("POST", "/element", {"using": "css selector", "value": selector})
        return str(found[_ELEMENT])


@asynccontextmanager
async def open_browser(profile: Path) -> AsyncIterator[Browser]:
    """A driver of its own and one window; both end with the block."""
    driver, port = await _start_driver(profile)
    try:
        timeout = aiohttp.ClientTimeout(total=COMMAND_TIMEOUT_S)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as http:
            options = {
                "args": [
                    "--headless=new",
                    "--no-sandbox",  # tests run as root in containers
                    "--disable-dev-shm-usage",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    "--lang=es",
                    f"--user-data-dir={profile}",
                ],
                "prefs": {"intl.accept_languages": "es"},
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            body = {"capabilities": {"alwaysMatch": wanted}}
            async with http.post("/session", json=body) as response:
                answer = (await response.json())["value"]
                assert response.status == 200, answer
            browser = Browser(http, answer["sessionId"])
            await browser.command("POST", "/timeouts", {"script": round(SCRIPT_TIMEOUT_S * 1000)})
            try:
                yield browser
            finally:
                await browser.command("DELETE", "")
    finally:
        driver.terminate()
        await driver.wait()


async def _start_driver(profile: Path) -> tuple[asyncio.subprocess.Process, int]:
    for _ in range(START_ATTEMPTS):
        driver = await asyncio.create_subprocess_exec(
            "chromedriver",
            "--port=0",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "HOME": str(profile)},
        )
        assert driver.stdout is not None
        said = b""
        async with asyncio.timeout(START_TIMEOUT_S):
            while line := await driver.stdout.readline():
                said += line
                if found := _STARTED.search(line):
                    return driver, int(found[1])
            await driver.wait()
    raise AssertionError(said.decode("utf-8", "replace"))
