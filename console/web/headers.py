"""Headers that every response carries, so that a browser helps to keep the console safe."""

from aiohttp import web

from console.api.request_id import request_id_of

# No script or style but our own files; nothing may frame us, forms go nowhere else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: then browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=31536000"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`; what a handler has set itself stays."""
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "Relevo"
    if request.path.startswith("/api/"):
        response.headers.setdefault("X-Request-Id", request_id_of(request))
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
