"""What a `User-Agent` says of the program and the device with which a mail was opened.

Gmail, Yahoo and Apple's Mail Privacy Protection fetch pictures themselves: the device behind them is
not known, and nobody should pretend that it was.
"""

import re
from enum import StrEnum
from functools import lru_cache

_KEPT = 4_096


class Client(StrEnum):
    """Programs; the values are stored."""

    GMAIL = "gmail"
    YAHOO = "yahoo"
    APPLE_PRIVACY = "apple_privacy"
    OUTLOOK = "outlook"
    APPLE_MAIL = "apple_mail"
    THUNDERBIRD = "thunderbird"
    SAMSUNG = "samsung"
    EDGE = "edge"
    OPERA = "opera"
    FIREFOX = "firefox"
    CHROME = "chrome"
    SAFARI = "safari"
    OTHER = "other"


class Device(StrEnum):
    """Kinds of devices."""

    DESKTOP = "desktop"
    PHONE = "phone"
    TABLET = "tablet"
    UNKNOWN = "unknown"


_C = Client
# The first that fits: browsers name each other, so the special ones come first.
_CLIENTS = tuple(
    (re.compile(pattern), client)
    for pattern, client in (
        (r"GoogleImageProxy", _C.GMAIL),
        (r"YahooMailProxy", _C.YAHOO),
        (r"\AMozilla/5\.0\Z", _C.APPLE_PRIVACY),
        (r"Outlook|ms-office|MSOffice", _C.OUTLOOK),
        (r"Thunderbird", _C.THUNDERBIRD),
        (r"SamsungBrowser", _C.SAMSUNG),
        (r"Edg(?:e|A|iOS)?/", _C.EDGE),
        (r"OPR/|Opera", _C.OPERA),
        (r"Firefox/|FxiOS", _C.FIREFOX),
        (r"Chrome/|CriOS", _C.CHROME),
        (r"(?:iPhone|iPad|Macintosh).*Version/[\d.]+.*Safari/", _C.SAFARI),
        (r"(?:iPhone|iPad|Macintosh).*AppleWebKit", _C.APPLE_MAIL),
    )
)
_DEVICES = tuple(
    (re.compile(pattern), device)
    for pattern, device in (
        (r"iPad|Tablet|Android(?!.*Mobile)", Device.TABLET),
        (r"iPhone|Mobile|Android", Device.PHONE),
        (r"Windows|Macintosh|X11|Linux|CrOS", Device.DESKTOP),
    )
)
_HIDDEN = frozenset((Client.GMAIL, Client.YAHOO, Client.APPLE_PRIVACY))


@lru_cache(_KEPT)
def named(agent: str) -> tuple[Client, Device]:
    """The program and the device; what is not known is `OTHER` and `UNKNOWN`."""
    client = next((found for pattern, found in _CLIENTS if pattern.search(agent)), Client.OTHER)
    if client in _HIDDEN:
        return client, Device.UNKNOWN
    device = next((found for pattern, found in _DEVICES if pattern.search(agent)), Device.UNKNOWN)
    return client, device
