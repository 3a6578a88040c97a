"""What SpamAssassin and rspamd say about a campaign's mail; the dialogues are theirs, word for word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from console.accounts.actor import ActorKind
from console.campaigns.preflight.findings import Severity
from console.campaigns.preflight.spam_filter import FilterCheck, FilterSilent, judge_of
from console.campaigns.states import CampaignStatus, Origin, Reason
from console.campaigns.values import (
    Acceptance,
    AudienceSpec,
    Campaign,
    Content,
    Figures,
    Frozen,
    Plan,
)
from console.content.compiling import MessageTemplate, compile_template
from console.content.rendering import Renderer
from mta.model.clock import SystemClock

SPAM = (
    b"SPAMD/1.1 0 EX_OK\r\nContent-length: 30\r\nSpam: True ; 8.4 / 5.0\r\n\r\n"
    b"DRUGS_ERECTILE,SUBJ_ALL_CAPS\r\n"
)
HAM = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: False ; -0.1 / 5.0\r\n\r\n\r\n"
RSPAMD = (
    b'{"is_skipped":false,"score":7.175,"required_score":15.0,"action":"add header","symbols":'
    b'{"ARC_NA":{"name":"ARC_NA","score":0.0},"MISSING_MID":{"name":"MISSING_MID","score":2.5},'
    b'"SUBJ_ALL_CAPS":{"name":"SUBJ_ALL_CAPS","score":1.275}}}'
)
MAIL = b"Subject: x\r\n\r\nHola\r\n"


@asynccontextmanager
async def answering(answer: bytes, heard: list[bytes]) -> AsyncIterator[str]:
    """HOST:PORT of one who hears a request to its end and gives this answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = [
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ]
        heard.append(head + await reader.readexactly(length))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def test_T_e_spamassassin_is_asked_for_its_rules():
    heard: list[bytes] = []
    async with answering(SPAM, heard) as address:
        judge = judge_of(f"spamd://{address}")
        assert judge is not None
        found = await judge(MAIL)
    assert heard[0].startswith(b"SYMBOLS SPAMC/1.5\r\n")
    assert heard[0].endswith(MAIL)
    assert (found.score, found.limit, found.is_spam) == (8.4, 5.0, True)
    assert found.rules == ("DRUGS_ERECTILE", "SUBJ_ALL_CAPS")


async def test_T_e_rspamd_counts_as_spam_what_it_would_mark():
    heard: list[bytes] = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(RSPAMD), RSPAMD)
    async with answering(answer, heard) as address:
        judge = judge_of(f"http://{address}")
        assert judge is not None
        found = await judge(MAIL)
    assert heard[0].startswith(b"POST /checkv2 HTTP/1.1\r\n")
    assert found.is_spam
    assert found.rules == (
        "MISSING_MID",
        "SUBJ_ALL_CAPS",
    )  # the heaviest first, none without weight


@pytest.mark.parametrize("answer", [b"", b"SPAMD/1.0 76 Bad header line\r\n\r\n", b"\xff" * 5000])
@pytest.mark.parametrize("scheme", ["spamd", "http"])
async def test_a_filter_that_talks_nonsense_is_silent(scheme: str, answer: bytes):
    async with answering(answer, []) as address:
        judge = judge_of(f"{scheme}://{address}")
        assert judge is not None
        with pytest.raises(FilterSilent, match=address):
            await judge(MAIL)


def campaign() -> Campaign:
    content = Content(from_address="avisos@sender.test", subject="Hola", source="<p>Hola</p>")
    audience = AudienceSpec(audience=1, count=1)
    return Campaign(
        1, 1, "x", CampaignStatus.DRAFT, Reason.NONE, "", 1, content, audience, Plan(), 0, 0,
        Origin.NONE, Frozen(), Figures(), False, ActorKind.USER, 1, "ana", 0, 0,
        Acceptance(),
    )  # fmt: skip


async def first_row(_campaign: Campaign, _n: int) -> dict[str, object]:
    return {"email": "u0@one.test", "nombre": "Rosa"}


def compiled() -> bytes:
    template = MessageTemplate(
        author="avisos@sender.test", subject="Hola {{ nombre }}", text="Hola {{ nombre }}"
    )
    return compile_template(template)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(SPAM, "filter.spam"), (HAM, "filter.passed"), (b"", "filter.silent")],
    ids=["spam", "ham", "silent"],
)
async def test_T_e_the_preflight_tells_what_the_filter_thinks_of_the_first_mail(answer, code):
    heard: list[bytes] = []
    async with answering(answer, heard) as address:
        check = FilterCheck(f"spamd://{address}", first_row, SystemClock())
        check.renderer = Renderer()
        (finding,) = await check(campaign(), compiled())
    assert finding.code == code
    assert finding.severity is not Severity.ERROR  # it is an opinion
    assert b"Subject: Hola Rosa\r\n" in heard[0]
    assert b"To: u0@one.test" in heard[0].replace(b"<", b"").replace(b">", b"")
    assert finding.text("es") != finding.text("en")


async def test_without_a_filter_there_is_no_finding():
    check = FilterCheck("", first_row, SystemClock())
    check.renderer = Renderer()
    assert await check(campaign(), compiled()) == ()
