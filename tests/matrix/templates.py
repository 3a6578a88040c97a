"""Templates, branding, images and files."""

import io

from PIL import Image

from console.accounts.permissions import Permission
from console.content.source import SourceKind
from console.templates.values import Draft
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "TemplateService.observe_ids": "at the start, gives nothing away",
    "TemplateService.find": "for messages of an account that was let in",
    "TemplateService.compile": "of a draft that the caller has",
    "MediaService.attachments": "for messages of an account that was let in",
    "MediaService.of_token": "whoever has the token sees it",
    "MediaService.parts": "of a value that the caller has",
}
INSIDE: dict[str, str] = {}

DRAFT = Draft(SourceKind.HTML, "Hola", "", "<p>x</p>")


def image() -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "#0b5394").save(buffer, "PNG")
    return buffer.getvalue()


async def made(services, account: int) -> int:
    """A template of that account."""
    service = services.areas.templates.service
    return (await service.create(OPERATOR, account, "Aviso", DRAFT)).id


async def uploaded(services, account: int) -> int:
    """An image of that account."""
    return (await services.areas.templates.media.add_image(OPERATOR, account, "a.png", image())).id


async def _made(stand: Stand, account: int) -> int:
    return await made(stand.services, account)


async def _uploaded(stand: Stand, account: int) -> int:
    return await uploaded(stand.services, account)


def _of_account(verb: str, *arguments):
    return lambda s, a, n, _: getattr(s.services.areas.templates.service, verb)(a, n, *arguments)


def _of_one(verb: str, *arguments):
    return lambda s, a, _n, made: getattr(s.services.areas.templates.service, verb)(
        a, made, *arguments
    )


def _media(verb: str):
    return lambda s, a, _n, made: getattr(s.services.areas.templates.media, verb)(a, made)


ROWS = (
    *(
        Row(
            f"TemplateService.{verb}", Permission.CAMPAIGN_VIEW, _of_account(verb),
            also=Permission.TEMPLATE_EDIT,
        )
        for verb in ("list", "brand")
    ),
    *(
        Row(
            f"TemplateService.{verb}", Permission.CAMPAIGN_VIEW, _of_one(verb), make=_made,
            also=Permission.TEMPLATE_EDIT,
        )
        for verb in ("get", "version", "draft", "versions")
    ),
    *(
        Row(
            f"TemplateService.{verb}", Permission.TEMPLATE_EDIT, _of_one(verb, *more), make=_made
        )
        for verb, *more in (
            ("save", DRAFT), ("keep_draft", DRAFT), ("drop_draft",), ("restore", 1),
            ("duplicate", "copy"), ("rename", "x"), ("archive",), ("unarchive",), ("to_source",),
        )
    ),
    Row(
        "TemplateService.create", Permission.TEMPLATE_EDIT, _of_account("create", "x", DRAFT)
    ),
    Row(
        "TemplateService.set_brand", Permission.TEMPLATE_EDIT,
        _of_account("set_brand", {"name": "x"}),
    ),
    Row(
        "MediaService.list", Permission.CAMPAIGN_VIEW,
        lambda s, a, n, _: s.services.areas.templates.media.list(a, n),
        also=Permission.TEMPLATE_EDIT,
    ),
    Row(
        "MediaService.get", Permission.CAMPAIGN_VIEW, _media("get"), make=_uploaded,
        also=Permission.TEMPLATE_EDIT,
    ),
    Row(
        "MediaService.named", Permission.CAMPAIGN_VIEW,
        lambda s, a, n, made: s.services.areas.templates.media.named(a, n, (made,)),
        make=_uploaded, also=Permission.TEMPLATE_EDIT,
    ),
    *(
        Row(f"MediaService.{verb}", Permission.TEMPLATE_EDIT, _media(verb), make=_uploaded)
        for verb in ("remove", "put_back")
    ),
    Row(
        "MediaService.add_image", Permission.TEMPLATE_EDIT,
        lambda s, a, n, _: s.services.areas.templates.media.add_image(a, n, "a.png", image()),
    ),
    Row(
        "MediaService.add_file", Permission.TEMPLATE_EDIT,
        lambda s, a, n, _: s.services.areas.templates.media.add_file(a, n, "a.pdf", b"%PDF-1.4"),
    ),
)  # fmt: skip
