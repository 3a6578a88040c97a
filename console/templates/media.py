"""Keeps images and files that mail links to, and gives them to whoever has the token.

A token is 128 random bits. What was removed is not shown in the library any more and stays where it
is: mails that were sent still show it.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.content.structure import File, safe_name
from console.templates.images import ImageRefused, safe_image
from console.templates.service import see
from console.templates.values import Media
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_FILE = 10 * 1024 * 1024  # octets
MAX_ACCOUNT = 2 * 1024 * 1024 * 1024  # of all an account has uploaded
MAX_ATTACHED = 5 * 1024 * 1024  # of a mail's attachments together
PAGE = 60
PART = 192 * 1024  # octets of a row: what the writer is kept busy with
LAST = (1 << 63) - 1
# By their first octets: what is called a PDF is one.
_KINDS = (
    (b"%PDF-", ".pdf", "application/pdf"),
    (b"PK\x03\x04", ".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"PK\x03\x04", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"PK\x03\x04", ".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"PK\x03\x04", ".zip", "application/zip"),
)  # fmt: skip


class MediaService:
    """The library of an account."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail

    async def list(
        self, actor: Actor, account: int, *, kind: str = "", before: int = LAST, limit: int = PAGE
    ) -> list[Media]:
        """Images and files, the newest first."""
        see(actor, account)
        rows = await self._store.read(
            "media_page", account=account, kind=kind, before=before, count=limit
        )
        return [Media(*row) for row in rows]

    async def get(self, actor: Actor, media: int) -> Media:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("media_get", media=media)
        if not rows or not actor.sees(rows[0][1]):
            raise NotVisible(f"there is no image or file {media}")
        see(actor, rows[0][1])
        return Media(*rows[0])

    async def named(self, actor: Actor, account: int, ids: Iterable[int]) -> Sequence[Media]:
        """Those of the ids that are files of the account, in the same order."""
        see(actor, account)
        found = [await self._store.read("media_get", media=one) for one in ids]
        known = [Media(*rows[0]) for rows in found if rows]
        return [one for one in known if one.account == account and one.kind == "file"]

    async def add_image(self, actor: Actor, account: int, name: str, data: bytes) -> Media:
        """Keep an image, drawn anew. Raises `ImageRefused`."""
        actor.require(Permission.TEMPLATE_EDIT, account)
        image = await asyncio.to_thread(safe_image, data)
        suffix = f".{image.media_type.partition('/')[2].replace('jpeg', 'jpg')}"
        stem = safe_name(name).rpartition(".")[0] or safe_name(name)
        media = self._made(actor, account, "image", stem + suffix, image.media_type, image.data)
        return await self._keep(
            actor, replace(media, width=image.width, height=image.height), image.data
        )

    async def add_file(self, actor: Actor, account: int, name: str, data: bytes) -> Media:
        """Keep a file as it is. Raises `ImageRefused` for one of another kind."""
        actor.require(Permission.TEMPLATE_EDIT, account)
        name = safe_name(name)
        if not data or len(data) > MAX_FILE:
            raise ImageRefused("too_large", f"1 to {MAX_FILE} octets")
        lower = name.lower()
        for start, suffix, media_type in _KINDS:
            if data.startswith(start) and lower.endswith(suffix):
                media = self._made(actor, account, "file", name, media_type, data)
                return await self._keep(actor, media, data)
        raise ImageRefused("no_file", "expected PDF, DOCX, XLSX, PPTX or ZIP")

    async def remove(self, actor: Actor, media: int) -> Media:
        """Out of the library; mail that was sent still shows it."""
        return await self._change(actor, media, "removed")

    async def put_back(self, actor: Actor, media: int) -> Media:
        """Undo `remove`."""
        return await self._change(actor, media, "active")

    async def attachments(self, account: int, ids: tuple[int, ...]) -> tuple[File, ...]:
        """Files as a mail carries them. Raises `PermanentError` when they are too large together."""
        found: list[File] = []
        size = 0
        for identifier in ids:
            rows = await self._store.read("media_get", media=identifier)
            if not rows or rows[0][1] != account:
                raise PermanentError(f"there is no file {identifier}")
            media = Media(*rows[0])
            size += media.size
            if size > MAX_ATTACHED:
                raise PermanentError(f"attachments: at most {MAX_ATTACHED} octets together")
            data = b"".join([part async for part in self.parts(media)])
            found.append(File(media.name, media.media_type, data))
        return tuple(found)

    # -- for the public -----------------------------------------------------------------------

    async def of_token(self, token: str, kind: str) -> Media | None:
        """What the token stands for."""
        rows = await self._store.read("media_of_token", token=token)
        return Media(*rows[0]) if rows and rows[0][3] == kind else None

    async def parts(self, media: Media) -> AsyncIterator[bytes]:
        """Its octets, piece by piece."""
        for number in range(media.parts):
            rows = await self._store.read("media_part_get", media=media.id, number=number)
            yield base64.b64decode(rows[0][0])

    def _made(
        self, actor: Actor, account: int, kind: str, name: str, media_type: str, data: bytes
    ) -> Media:
        count = -(-len(data) // PART)
        return Media(
            self._ids.new(), account, secrets.token_urlsafe(16), kind, name, media_type,
            len(data), 0, 0, count, "active", actor.name, self._clock.now_ms(),
        )  # fmt: skip

    async def _keep(self, actor: Actor, media: Media, data: bytes) -> Media:
        ((used,),) = await self._store.read("media_used", account=media.account)
        if used + media.size > MAX_ACCOUNT:
            raise ImageRefused("account_full", f"at most {MAX_ACCOUNT} octets in an account")
        for number in range(media.parts):
            piece = base64.b64encode(data[number * PART : (number + 1) * PART]).decode()
            await self._store.submit(
                [Rows("media_part_insert", [(media.id, number, piece)])], bulk=True
            )
        row = (
            media.id, media.account, media.token, media.kind, media.name, media.media_type,
            media.size, media.width, media.height, media.parts, media.author, media.at_ms,
        )  # fmt: skip
        audit = self._trail.entry(
            actor, f"{media.kind}.added", media.account, media.id, after={"name": media.name}
        )
        await self._store.submit([Rows("media_insert", [row], expect=1), audit])
        return media

    async def _change(self, actor: Actor, identifier: int, state: str) -> Media:
        media = await self.get(actor, identifier)
        actor.require(Permission.TEMPLATE_EDIT, media.account)
        audit = self._trail.entry(
            actor, f"{media.kind}.{state}", media.account, media.id, after={"name": media.name}
        )
        await self._store.submit(
            [Rows("media_change", [(media.id, media.name, state)], expect=1), audit]
        )
        return replace(media, state=state)
