"""Verifies signatures with dkimpy: an implementation that is not ours, for `relevo dkim check` and tests."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dkim

_MAX_SIGNATURES = 20  # more are not looked at


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of one signature."""

    domain: str
    selector: str
    algorithm: str
    is_valid: bool
    problem: str = ""  # why not


def verify(content: bytes, lookup: Callable[[str], str | None]) -> list[Verification]:
    """Verify each DKIM-Signature of `content`, from the top; empty when there is none.

    `lookup` gives the text of the TXT record at a name, or `None`. Takes milliseconds for each
    signature, and time that is not linear in hostile messages: for checks, not for traffic.
    """
    logger = logging.Logger("dkimpy")  # noqa: LOG001 - unregistered: the results say it all
    logger.addHandler(logging.NullHandler())

    def dnsfunc(name: bytes, timeout: float = 5) -> bytes | None:  # noqa: ARG001 - dkimpy's signature
        text = lookup(name.decode("ascii", "replace").rstrip("."))
        return text.encode() if text is not None else None

    try:
        message = dkim.DKIM(content, logger=logger)
    except dkim.DKIMException as error:
        return [Verification("", "", "", is_valid=False, problem=str(error))]
    count = sum(1 for name, _ in message.headers if name.lower() == b"dkim-signature")
    return [_verify_one(message, i, dnsfunc) for i in range(min(count, _MAX_SIGNATURES))]


def _verify_one(message: Any, index: int, dnsfunc: Callable[..., bytes | None]) -> Verification:
    problem = ""
    try:
        is_valid = bool(message.verify(idx=index, dnsfunc=dnsfunc))
        if not is_valid:
            problem = "the key cannot be found, or the header or signature was changed"
    except (
        Exception
    ) as error:  # dkimpy lets KeyError, ValueError and others of hostile input through
        is_valid, problem = False, str(error) or type(error).__name__
    tags: dict[bytes, bytes] = message.signature_fields
    domain, selector, algorithm = (
        tags.get(tag, b"").decode("ascii", "replace").strip() for tag in (b"d", b"s", b"a")
    )
    return Verification(domain, selector, algorithm, is_valid, problem)
