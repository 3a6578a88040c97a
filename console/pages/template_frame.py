"""What a frame shows of a mail: its HTML alone, where nothing runs and nothing of others is fetched."""

from collections.abc import Iterable, Mapping

from aiohttp import web

from console.content.preview import preview, preview_text
from console.content.source import FieldUse
from console.templates.composing import CompiledDraft

# Forced dark modes of mail programs turn light and dark round and leave images as they are.
_DARK = (
    "<style>html{filter:invert(1) hue-rotate(180deg);background:#fff}"
    "img{filter:invert(1) hue-rotate(180deg)}</style>"
)
_SAMPLES = {
    "nombre": "Rosa", "nombres": "Rosa", "apellido": "Apellido", "apellidos": "Apellidos",
    "cargo": "Jefa de logística", "empresa": "Constructora Andina", "razón social":
    "Constructora Andina S. A. C.", "ruc": "20123456789", "ciudad": "Arequipa", "monto": "S/ 184 500,00",
    "email": "rosa@example.org", "fecha": "22 de noviembre de 2026", "campaña": "Campaña de ejemplo",
    "enlace_baja": "#", "enlace_preferencias": "#", "ver_en_navegador": "#",
}  # fmt: skip
LINKS = ("enlace_baja", "enlace_preferencias", "ver_en_navegador")


def sample_values(fields: Iterable[FieldUse], *, is_empty: bool = False) -> dict[str, object]:
    """Values to look at a mail with; `is_empty`: as somebody gets it of whom nothing is known."""
    if is_empty:
        return dict.fromkeys(LINKS, "#")
    return {one.name: _SAMPLES.get(one.name.lower(), one.default or one.name) for one in fields}


def frame(
    compiled: CompiledDraft,
    values: Mapping[str, object],
    *,
    public_url: str,
    is_images_off: bool = False,
    is_dark: bool = False,
    is_text: bool = False,
) -> web.Response:
    """The response for an `<iframe sandbox>`; its own policy also holds when it is opened directly."""
    if is_text or not compiled.body.html:
        text = preview_text(compiled.body.text, values)
        response = web.Response(text=text, content_type="text/plain")
    else:
        html = preview(compiled.body, values, is_images_off=is_images_off)
        if is_dark:
            html = html.replace("</head>", f"{_DARK}</head>", 1)
        response = web.Response(text=html, content_type="text/html")
    own = public_url if public_url.startswith(("https://", "http://")) else ""
    images = "'none'" if is_images_off else f"'self' data: {own}".strip()
    response.headers["Content-Security-Policy"] = (
        f"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {images}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
