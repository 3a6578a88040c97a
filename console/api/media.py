"""The endpoints about images and files: what mail links to, and what is attached to it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from console.templates.images import MAX_UPLOAD
from console.templates.media import LAST, MAX_FILE, MediaService
from console.templates.values import Media
from mta.events.record import rfc3339

_VIEW = (Scope.CAMPAIGN_VIEW, Scope.TEMPLATE_EDIT)
_EDIT = (Scope.TEMPLATE_EDIT,)
_PATH = "/api/v1/media"
_FILES = (b"%PDF-", b"PK\x03\x04")  # anything else is taken for an image
MAX_BYTES = max(MAX_FILE, MAX_UPLOAD)


class NewMedia(BaseModel):
    """What goes along with a file that is the body itself."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str, Field(max_length=500, description="What it is called.", examples=["bases.pdf"])
    ] = ""


class MediaFilter(Paged):
    """Which of them."""

    kind: Literal["", "image", "file"] = ""


class MediaShown(BaseModel):
    """An image or a file."""

    id: Id
    kind: Literal["image", "file"]
    name: str
    media_type: str
    size: int = Field(description="Octets.")
    width: int = Field(description="Pixels; 0 for files.")
    height: int
    url: str = Field(description="Where whoever has the link gets it.")
    added: Time


class MediaPage(BaseModel):
    """Some of them, the newest first."""

    items: list[MediaShown]
    next: str | None


class MediaEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, media: MediaService, actor_of: ActorOf, public_url: str) -> None:
        """`public_url`: before the path of each."""
        self._media = media
        self._actor_of = actor_of
        self._public_url = public_url

    def routes(self) -> Sequence[Route]:
        """The table."""
        return (
            Route(
                "GET", _PATH, "listMedia", "List images and files", self.list, _VIEW, MediaPage,
                filters=MediaFilter, tag="templates",
            ),
            Route(
                "POST", _PATH, "addMedia", "Keep an image or a file", self.add, _EDIT, MediaShown,
                filters=NewMedia, status=201, tag="templates", max_file=MAX_BYTES,
                description="PNG, JPEG, GIF or WebP, which is drawn anew; PDF, DOCX, XLSX, PPTX or "
                "ZIP; as the body or as the part `file` of a form.",
            ),
            Route(
                "DELETE", f"{_PATH}/{{id}}", "removeMedia", "Remove an image or a file",
                self.remove, _EDIT, status=204, tag="templates", errors=("not_found",),
                description="From the library; mail that was sent still shows it.",
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /media`."""
        wanted = call.filters(MediaFilter)
        place = place_of(wanted.cursor, (int,))
        work = self._media.list(
            self._actor_of(call), call.identity.account_id, kind=wanted.kind,
            before=int(place[0]) if place else LAST, limit=wanted.limit + 1,
        )  # fmt: skip
        found = await carried_out(work)
        more = (found[wanted.limit - 1].id,) if len(found) > wanted.limit else None
        return Answer(page([self._shown(one) for one in found[: wanted.limit]], more))

    async def add(self, call: Call) -> Answer:
        """`POST /media`."""
        assert call.file is not None
        data = bytearray()
        async for piece in call.file.chunks:
            data += piece
            if len(data) > MAX_BYTES:
                raise ApiRefusal(413, "too_large")
        add = self._media.add_file if data.startswith(_FILES) else self._media.add_image
        work = add(
            self._actor_of(call), call.identity.account_id, call.file.name or "file", bytes(data)
        )
        return Answer(self._shown(await carried_out(work, "file")), 201)

    async def remove(self, call: Call) -> Answer:
        """`DELETE /media/{id}`."""
        await carried_out(self._media.remove(self._actor_of(call), number_of(call)))
        return Answer(status=204)

    def _shown(self, one: Media) -> dict[str, object]:
        return {
            "id": str(one.id),
            "kind": one.kind,
            "name": one.name,
            "media_type": one.media_type,
            "size": one.size,
            "width": one.width,
            "height": one.height,
            "url": f"{self._public_url}{one.path}",
            "added": rfc3339(one.at_ms),
        }
