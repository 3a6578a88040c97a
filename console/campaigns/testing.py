"""Test mails of a campaign: to a few people, with the values of a row, free of charge and marked."""

import secrets
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import orjson

from console.campaigns.filling import filling_of
from console.campaigns.ports import Audiences, Compiler, IdentityOf
from console.campaigns.values import Campaign
from mta.intake.ports import Receipt
from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.envelope import Envelope, Notify, Origin, Recipient, Submission
from mta.model.errors import AddressSyntaxError, PermanentError, TransientError
from mta.model.rendering import ContentRenderer, Occasion

MAX_ADDRESSES = 20
MAX_PER_HOUR = 200  # addresses of an account: free mail is no way around the bag
HOUR_S = 3600.0
MARKS = {"es": "[Prueba] ", "en": "[Test] "}
FLOW = "campaign tests"
TAG = "test"
_ORIGIN = Origin("HTTP", via="test")


class Door(Protocol):
    """`mta.intake.intake.Intake`."""

    def submit(self, submission: Submission) -> Awaitable[Receipt]:
        """Take a message."""
        ...


@dataclass(frozen=True, slots=True)
class TestTools:
    """What test mails are made with, in a running server."""

    door: Door
    renderer: ContentRenderer
    compiler: Compiler
    audiences: Audiences
    identity_of: IdentityOf
    clock: Clock
    timezone: str  # of the installation


class TestMails:
    """Sends them."""

    def __init__(self, tools: TestTools) -> None:
        self._tools = tools
        self._sent: dict[int, deque[tuple[float, int]]] = {}

    async def send(
        self, campaign: Campaign, addresses: Sequence[str], row: int, language: str
    ) -> list[int]:
        """Message ids, in the order of the addresses. Raises `PermanentError`, `TransientError`."""
        people = [_address(text) for text in addresses]
        if not 1 <= len(people) <= MAX_ADDRESSES:
            raise PermanentError(f"a test goes to 1 to {MAX_ADDRESSES} addresses")
        if not campaign.content.is_complete:
            raise PermanentError("the campaign has no sender, subject or content yet")
        identity = self._tools.identity_of(campaign.account)
        if identity is None:
            raise PermanentError("the account is disabled")
        self._take(campaign.account, len(people))
        subject = MARKS.get(language, MARKS["es"]) + campaign.content.subject
        content = replace(campaign.content, subject=subject)
        tools = self._tools
        now_ms = tools.clock.now_ms()
        filling = await filling_of(campaign, tools.audiences, now_ms, tools.timezone)
        compiled = await tools.compiler.compile(campaign.account, content, 0, filling)
        template = self._tools.renderer.load(compiled)
        values = await self._values(campaign, row)
        sender = parse_address(content.from_address)
        free = replace(identity, name=FLOW, is_free=True)
        ids = []
        for address in people:
            rendered = template.render(Occasion(0, str(address), _message_id(sender), "", values))
            envelope = Envelope(sender, (Recipient(address, Notify.NEVER),))
            submission = Submission(
                free, envelope, _marked(rendered), _ORIGIN, tags=(TAG,), unsubscribe=False
            )
            receipt = await self._tools.door.submit(submission)
            if not receipt.message_id:
                refused = f"{address}: {receipt.reply}"
                raise (TransientError if receipt.reply.code < 500 else PermanentError)(refused)
            ids.append(receipt.message_id)
        return ids

    async def _values(self, campaign: Campaign, row: int) -> str:
        if not campaign.audience.is_complete:
            return ""
        values = dict(await self._tools.audiences.row(campaign.audience, campaign.account, row))
        values.pop("email", None)
        return orjson.dumps(values).decode() if values else ""

    def _take(self, account: int, count: int) -> None:
        now_s = self._tools.clock.monotonic_s()
        sent = self._sent.setdefault(account, deque())
        while sent and sent[0][0] < now_s - HOUR_S:
            sent.popleft()
        if sum(n for _, n in sent) + count > MAX_PER_HOUR:
            raise PermanentError(f"more than {MAX_PER_HOUR} test mails in an hour")
        sent.append((now_s, count))


def _address(text: str) -> Address:
    try:
        return parse_address(text.strip())
    except AddressSyntaxError as error:
        raise PermanentError(str(error)) from None


def _message_id(sender: Address) -> str:
    return f"<test.{secrets.token_hex(12)}@{sender.domain}>"


def _marked(rendered: bytes) -> bytes:
    """With a header that says what it is, and without the empty Date: the intake writes one."""
    return b"X-Campaign-Test: 1\r\n" + rendered.replace(b"Date: \r\n", b"", 1)
