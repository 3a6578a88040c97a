"""Documents that are the same for everybody, made into PDF once and kept by the hash of their HTML."""

import asyncio
import hashlib
import os
from pathlib import Path

from console.pages.pdf import make_pdf

_DEADLINE_S = 120.0


class Press:
    """Keeps them in a folder; whoever asks while one is being made waits for the same PDF."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when something is put into it."""
        self._folder = folder
        self._running: dict[str, asyncio.Task[bytes | None]] = {}

    async def pdf(self, name: str, html: str) -> bytes | None:
        """The document as PDF; None where none can be made. `name`: letters, digits, dots."""
        digest = hashlib.sha256(html.encode()).hexdigest()[:24]
        path = self._folder / f"{name}-{digest}.pdf"
        kept = await asyncio.to_thread(_read, path)
        if kept is not None:
            return kept
        task = self._running.get(path.name)
        if task is None:
            task = asyncio.create_task(self._make(path, name, html))
            self._running[path.name] = task
            task.add_done_callback(lambda _: self._running.pop(path.name, None))
        return await asyncio.shield(task)  # who goes away stops it for nobody else

    async def _make(self, path: Path, name: str, html: str) -> bytes | None:
        made = await make_pdf(html, _DEADLINE_S)
        if made is not None:
            await asyncio.to_thread(_keep, path, name, made)
        return made


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _keep(path: Path, name: str, pdf: bytes) -> None:
    """Write it whole or not at all; the one of an earlier release goes. A full disk is no fault."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(pdf)
        for older in path.parent.glob(f"{name}-*.pdf"):
            older.unlink(missing_ok=True)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
