"""What stays of data that has been kept long enough: codes without words, networks without hosts."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

_CODE = re.compile(r"\d{3}(?: \d\.\d{1,3}\.\d{1,3})?")
_SPOKEN = ("host", "tls", "note")
_PERSONAL = ("address", "agent", "host", "peer")


def short_reply(reply: str) -> str:
    """The code and the enhanced status: words of a server often name the person."""
    match = _CODE.match(reply)
    return match[0] if match else ""


def without_dialogue(data: Mapping[str, Any]) -> dict[str, Any]:
    """Event data without what the peer said and which host it was."""
    kept = {name: value for name, value in data.items() if name not in _SPOKEN}
    for name in ("reply", "cause"):
        if isinstance(kept.get(name), str):
            kept[name] = short_reply(kept[name])
    return kept


def without_address(data: Mapping[str, Any]) -> dict[str, Any]:
    """Event data with the client's network for its address, without its program."""
    kept = {name: value for name, value in data.items() if name != "agent"}
    if isinstance(kept.get("peer"), str):
        kept["peer"] = network_of(kept["peer"])
    return kept


def without_person(data: Mapping[str, Any]) -> dict[str, Any]:
    """Event data that says nothing of who it was about."""
    kept = {name: value for name, value in data.items() if name not in _PERSONAL}
    return without_dialogue(kept)


def network_of(address: str) -> str:
    """An IPv4 address without its last 8 bits, an IPv6 address without its last 80; else nothing."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, bits), strict=False).network_address)
