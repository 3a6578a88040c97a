"""Asks a spam filter of the installation what it thinks of a mail: SpamAssassin or rspamd.

SpamAssassin's daemon speaks SPAMC/1.5 (`SYMBOLS`: spamd/PROTOCOL of its sources), rspamd takes the
mail by `POST /checkv2`. Both are asked once, with a deadline; one that does not answer is told, and
stops nobody.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import orjson

from console.campaigns.preflight.findings import Finding
from console.campaigns.values import Campaign
from mta.model.clock import Clock
from mta.model.errors import PermanentError, TransientError
from mta.model.rendering import ContentRenderer, Occasion

DEADLINE_S = 10.0
MAX_ANSWER = 256 * 1024
RULES = 8  # the heaviest that are told
_SPAM = re.compile(rb"^Spam:\s*(?:True|False)\s*;\s*(-?[\d.]+)\s*/\s*(-?[\d.]+)\s*$", re.M | re.I)
# What rspamd would still let through, maybe later.
_HARMLESS = frozenset(("no action", "greylist"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says."""

    filter: str  # "SpamAssassin" or "rspamd"
    score: float
    limit: float  # from which on it is spam
    is_spam: bool
    rules: tuple[str, ...]


class FilterSilent(TransientError):
    """It could not be asked."""


class FirstRow(Protocol):
    """The values of a row of an audience, from 0."""

    def __call__(self, campaign: Campaign, n: int) -> Awaitable[Mapping[str, Any]]:
        """Empty when there is none."""
        ...


Judge = Callable[[bytes], Awaitable[Verdict]]


def judge_of(address: str) -> Judge | None:
    """The filter at `spamd://HOST:PORT` or `http://HOST:PORT` (rspamd); None for ""."""
    if not address:
        return None
    ask = _ask_spamd if urlsplit(address).scheme == "spamd" else _ask_rspamd

    async def judge(message: bytes) -> Verdict:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await ask(address, message)
        except (
            OSError,
            TimeoutError,
            aiohttp.ClientError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:
            said = str(error).partition("\n")[0] or type(error).__name__
            raise FilterSilent(f"{address}: {said}") from error

    return judge


async def _ask_spamd(address: str, message: bytes) -> Verdict:
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        head = f"SYMBOLS SPAMC/1.5\r\nContent-length: {len(message)}\r\n\r\n"
        writer.write(head.encode() + message)
        await writer.drain()
        writer.write_eof()
        answer = await reader.read(MAX_ANSWER)
        while more := await reader.read(MAX_ANSWER - len(answer)):
            answer += more
    finally:
        writer.close()
    head_part, _, body = answer.partition(b"\r\n\r\n")
    found = _SPAM.search(head_part.replace(b"\r\n", b"\n"))
    if found is None or b" 0 EX_OK" not in head_part.split(b"\r\n", 1)[0]:
        raise ValueError(f"not understood: {answer[:100]!r}")
    score, limit = float(found[1]), float(found[2])
    rules = tuple(name for name in body.decode("ascii", "replace").strip().split(",") if name)
    return Verdict("SpamAssassin", score, limit, score >= limit, rules[:RULES])


async def _ask_rspamd(address: str, message: bytes) -> Verdict:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{address.rstrip('/')}/checkv2", data=message, allow_redirects=False
        ) as answer,
    ):
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        found = orjson.loads(await answer.content.read(MAX_ANSWER))
    weights = {name: float(one["score"]) for name, one in found["symbols"].items()}
    heavy = sorted((n for n, weight in weights.items() if weight > 0), key=lambda n: -weights[n])
    return Verdict(
        "rspamd",
        float(found["score"]),
        float(found["required_score"]),
        found["action"] not in _HARMLESS,
        tuple(heavy[:RULES]),
    )


class FilterCheck:
    """The finding of the installation's filter about a campaign; none without a filter."""

    def __init__(self, address: str, row: FirstRow, clock: Clock) -> None:
        """`row` gives the values of the recipient that stands for all."""
        self._judge = judge_of(address)
        self._row = row
        self._clock = clock
        self.renderer: ContentRenderer | None = None  # of the running server

    async def __call__(self, campaign: Campaign, compiled: bytes) -> Sequence[Finding]:
        """Never raises: what a filter cannot say holds nobody up."""
        if self._judge is None or self.renderer is None:
            return ()
        try:
            found = await self._judge(await self._mail(campaign, compiled))
        except (FilterSilent, PermanentError) as error:
            return (Finding("filter.silent", {"problem": str(error)[:200]}),)
        values: dict[str, str | int] = {
            "filter": found.filter,
            "score": f"{found.score:.1f}",
            "limit": f"{found.limit:.1f}",
            "rules": ", ".join(found.rules) or "-",
        }
        return (Finding("filter.spam" if found.is_spam else "filter.passed", values),)

    async def _mail(self, campaign: Campaign, compiled: bytes) -> bytes:
        assert self.renderer is not None
        values = dict(await self._row(campaign, 0))
        address = str(values.pop("email", "")) or campaign.content.from_address
        domain = campaign.content.from_address.rpartition("@")[2]
        merge = orjson.dumps(values).decode() if values else ""
        date = format_datetime(datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC))
        occasion = Occasion(0, address, f"<preflight@{domain}>", date, merge)
        return self.renderer.load(compiled).render(occasion)
