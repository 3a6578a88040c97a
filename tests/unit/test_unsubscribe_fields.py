"""Who gets unsubscribe fields, and what they say (RFC 2369, RFC 8058)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mta.delivery.attempt import Attempt
from mta.delivery.rendering import Rendering
from mta.feedback.addresses import FeedbackAddresses, Mailbox, Use
from mta.intake.return_path import ReturnPathHosts
from mta.intake.trace import TraceWriter
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.settings import Settings
from mta.spool.rows import MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.work import ContentRef
from tests.intake_stand import CONTENT, Stand, StandMaker, code, open_stand, with_fields

KEY = b"k" * 32
URL = "https://r.example.org"
DOMAIN = "b.example.org"
ID = 1_795_347_660_672_723_965
SIGNED = "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=x; b=x"


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[StandMaker]:
    async with open_stand(tmp_path) as maker:
        yield maker


async def flag_of(stand: Stand, content: bytes) -> bool:
    receipt = await stand.send(content)
    assert receipt.message_id, receipt
    return bool((await stand.messages())[-1]["flags"] & MessageFlag.UNSUBSCRIBE)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("X-Relevo-Class: campaign", True),
        ("X-Relevo-Class: automated", False),
        ("X-A: b", False),
        ("X-Relevo-Unsubscribe: yes", True),
        ("X-Relevo-Class: campaign\r\nX-Relevo-Unsubscribe: no", False),
        ("X-Relevo-Class: campaign\r\nList-Unsubscribe: <https://own.example/u>", False),
        ("X-Relevo-Class: campaign\r\nLIST-UNSUBSCRIBE : <https://own.example/u>", False),
        ("X-Relevo-Class: campaign\r\nList-Unsubscribe-Post: x", True),
        (f"X-Relevo-Class: campaign\r\n{SIGNED}", False),
    ],
)
async def test_campaigns_get_unsubscribe_fields_unless_they_have_their_own(make, fields, expected):
    assert await flag_of(make(adds_unsubscribe=True), with_fields(fields)) is expected


async def test_nobody_gets_any_where_nothing_takes_them(make):
    assert not await flag_of(make(), with_fields("X-Relevo-Class: campaign"))


async def test_a_typing_error_is_told(make):
    refused = await make(adds_unsubscribe=True).send(with_fields("X-Relevo-Unsubscribe: maybe"))
    assert code(refused) == "550 5.5.4"


def test_the_fields_name_a_link_and_an_address_of_the_delivery():
    links = UnsubscribeLinks(KEY, URL + "/", DOMAIN)
    first, second, post, end = links.fields(ID).decode().split("\r\n")
    token = first.removeprefix("List-Unsubscribe: <https://r.example.org/u/").removesuffix(">,")
    assert second == f" <mailto:u+{token}@{DOMAIN}?subject=unsubscribe>"
    assert post == "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    assert end == ""
    found = FeedbackAddresses(KEY, ReturnPathHosts(DOMAIN)).resolve(f"u+{token}@{DOMAIN}")
    assert found == Mailbox(Use.UNSUBSCRIBE, ID)
    assert links.url(ID) == f"{URL}/u/{token}"


def test_without_a_public_url_there_is_no_one_click():
    fields = UnsubscribeLinks(KEY, "", DOMAIN).fields(ID)
    assert fields.startswith(b"List-Unsubscribe: <mailto:u+")
    assert b"Post" not in fields
    assert fields.count(b"\r\n") == 1


def test_without_a_listener_there_is_no_address():
    assert b"mailto" not in UnsubscribeLinks(KEY, URL).fields(ID)


def test_only_what_is_set_is_used():
    set_up = {"inbound": {"listen": ["127.0.0.1:25"], "return_path_domain": DOMAIN}}
    assert UnsubscribeLinks.of(Settings(), KEY) is None
    senders_only = {"inbound": {"return_path_domain": DOMAIN}}
    assert UnsubscribeLinks.of(Settings.model_validate(senders_only), KEY) is None
    assert UnsubscribeLinks.of(Settings.model_validate(set_up), KEY).url(ID) == ""
    public = Settings.model_validate({"server": {"public_url": URL}})
    assert UnsubscribeLinks.of(public, KEY).url(ID).startswith(URL)


def rendered(flags: int, content: bytes, links: UnsubscribeLinks | None) -> bytes:
    message = QueuedMessage(1, 7, "a@b.test", ContentRef(1, 0, 1, 0), flags, "", "", "<1@b.test>")
    delivery = QueuedDelivery(ID, message, 0, 1, 3, 3, 1, "example.org", "ana@example.org")
    trace = TraceWriter("relevo.example.org")
    rendering = Rendering(None, trace, lambda _: (), lambda _: ("key",), links)
    made, keys = rendering.render(Attempt(message, [delivery], None), content, 0)
    assert keys == ("key",)
    return made


def test_a_flagged_message_gets_the_fields_of_its_delivery_when_it_is_sent():
    links = UnsubscribeLinks(KEY, URL, DOMAIN)
    assert rendered(MessageFlag.UNSUBSCRIBE, CONTENT, links) == links.fields(ID) + CONTENT
    assert rendered(MessageFlag.UNSUBSCRIBE, CONTENT, None) == CONTENT
    own = b"Subject: x\r\nlist-UNSUBSCRIBE: <mailto:x@y.test>\r\n\r\nHola\r\n"
    assert rendered(MessageFlag.UNSUBSCRIBE, own, links) == own
    in_body = b"Subject: x\r\n\r\nList-Unsubscribe: no\r\n"
    assert rendered(MessageFlag.UNSUBSCRIBE, in_body, links) == links.fields(ID) + in_body
