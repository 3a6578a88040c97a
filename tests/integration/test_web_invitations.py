"""Invitations and resets: one-time links, the guide of the role, and nothing told to strangers."""

import re
import sqlite3
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import aiohttp
import pytest

from console.accounts.mailer import compose
from console.accounts.permissions import PERMISSIONS
from console.accounts.ports import MailAttachment, SystemMail
from console.accounts.signin.links import LIFETIME_S, LinkKind
from console.accounts.values import Role
from console.manuals.sources import load_manuals, user_manual
from console.pages import pdf
from mta.model.address import parse_address
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR
from tests.web_world import EMAIL, PASSWORD, WebWorld, open_web, sign_in, token_of

NEW = "eva@example.org"
CHOSEN = "mi frase muy larga"


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        yield web


async def _invite(web: WebWorld, role: Role = Role.SENDER, language: str = "") -> SystemMail:
    account = await web.accounts.accounts.only(OPERATOR)
    await web.people.invitations.invite(
        OPERATOR, NEW, role, account.id, name="Eva", language=language
    )
    return web.outbox.mails[-1]


def _path(mail: SystemMail) -> str:
    found = re.search(r"https?://[^/\s]+(/link/\S+)", mail.text)
    assert found is not None
    assert found[1] in mail.html
    return found[1]


async def _choose(browser: aiohttp.ClientSession, path: str, new: str = CHOSEN) -> int:
    async with browser.get(path) as page:
        text = await page.text()
        if page.status != 200:
            return page.status
    form = {"csrf": token_of(text), "new": new, "again": new}
    async with browser.post(path, data=form, allow_redirects=False) as response:
        return response.status


async def test_T_k_an_invited_person_chooses_a_password_once(web: WebWorld):
    path = _path(await _invite(web))
    async with web.browser() as browser:
        for _ in range(2):  # scanners of mail open links too
            async with browser.get(path) as page:
                assert NEW in await page.text()
        assert await _choose(browser, path, "corta") == 422
        assert await _choose(browser, path) == 303
        assert await _choose(browser, path) == 410
        assert (await sign_in(browser, email=NEW, password=CHOSEN)).status == 303


@pytest.mark.parametrize("kind", list(LinkKind))
async def test_a_link_ends_in_time(web: WebWorld, kind: LinkKind):
    await _invite(web)
    user = (await web.accounts.accounts.users.get(OPERATOR, NEW)).id
    token = await web.accounts.sign_in.new_link(user, kind)
    async with web.browser() as browser:
        web.accounts.clock.advance(LIFETIME_S[kind] - 1)
        async with browser.get(f"/link/{token}") as page:
            assert page.status == 200
            form = {"csrf": token_of(await page.text()), "new": CHOSEN, "again": CHOSEN}
        web.accounts.clock.advance(1)
        async with browser.post(f"/link/{token}", data=form, allow_redirects=False) as response:
            assert response.status == 410


async def test_a_new_link_ends_the_one_before_and_other_tokens_are_none(web: WebWorld):
    first = _path(await _invite(web))
    await web.people.invitations.resend(OPERATOR, NEW)
    second = _path(web.outbox.mails[-1])
    async with web.browser() as browser:
        assert await _choose(browser, first) == 410
        assert await _choose(browser, "/link/" + "A" * 43) == 410
        assert await _choose(browser, second) == 303
    with pytest.raises(PermanentError):
        await web.people.invitations.resend(OPERATOR, NEW)


async def test_a_link_is_used_from_our_own_form_only(web: WebWorld):
    path = _path(await _invite(web))
    async with web.browser() as browser:
        form = {"csrf": "x" * 43, "new": CHOSEN, "again": CHOSEN}
        async with browser.post(path, data=form) as response:
            assert response.status == 403
        assert await _choose(browser, path) == 303


async def test_the_token_of_a_link_is_not_stored(web: WebWorld):
    token = _path(await _invite(web)).rpartition("/")[2]
    data = b"".join(file.read_bytes() for file in web.accounts.folder.glob("*.db*"))
    assert token.encode() not in data


async def test_who_forgot_the_password_gets_a_link_and_sessions_end(web: WebWorld):
    async with web.signed_in() as other, web.browser() as browser:
        answers = []
        for email in (EMAIL, "nadie@example.org"):
            async with browser.get("/forgot") as page:
                form = {"csrf": token_of(await page.text()), "email": email}
            async with browser.post("/forgot", data=form) as response:
                assert response.status == 200
                answers.append(await response.text())
        assert answers[0] == answers[1]
        await web.settle()
        (mail,) = web.outbox.mails
        assert mail.to == EMAIL
        assert await _choose(browser, _path(mail)) == 303
        async with other.get("/status", allow_redirects=False) as response:
            assert response.status == 303
        assert (await sign_in(browser, password=PASSWORD)).status == 401
        assert (await sign_in(browser, password=CHOSEN)).status == 303


async def test_nobody_is_flooded_with_resets(web: WebWorld):
    async with web.browser() as browser:
        for _ in range(8):
            async with browser.get("/forgot") as page:
                form = {"csrf": token_of(await page.text()), "email": EMAIL}
            async with browser.post("/forgot", data=form):
                pass
    await web.settle()
    assert len(web.outbox.mails) == 3


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("role", list(Role))
async def test_T_k_the_guide_is_that_of_the_role(web: WebWorld, role: Role, language: str):
    account = await web.accounts.accounts.only(OPERATOR)
    await web.accounts.accounts.domains.add(OPERATOR, "correo.example.org", account.id)
    await web.accounts.bag.contracts.add(
        OPERATOR, account.id, "Contrato", 34_567, starts_on="2027-01-15"
    )
    mail = await _invite(web, role, language)
    (guide,) = mail.attachments
    assert guide.content_type == "text/html"
    html = guide.data.decode()
    assert "correo.example.org" in html
    assert "Principal" in html
    assert {"es": "34\N{NARROW NO-BREAK SPACE}567", "en": "34,567"}[language] in html
    manual = user_manual(load_manuals(), language)
    told = {c.title.partition(". ")[2]: c.permission for c in manual.chapters if c.permission}
    assert len(told) >= 9
    for title, permission in told.items():
        assert (f">{title}</h2>" in html) == (permission in PERMISSIONS[role]), title
    assert ("STARTTLS" in html) == bool({"mail.send", "credential.view"} & PERMISSIONS[role])


async def test_T_k_what_became_of_a_guide_is_shown_and_it_is_sent_again(web: WebWorld):
    await _invite(web)
    user = await web.accounts.accounts.users.get(OPERATOR, NEW)
    book = web.people.invitations.book
    first = await book.last(user.id)
    assert first is not None
    assert (first.message, first.role, first.state) == (1, Role.SENDER, "none")
    async with web.signed_in() as browser:
        async with browser.get(f"/users/{user.id}") as page:
            text = await page.text()
            assert "Guía de uso:" in text
            form = {"csrf": token_of(text), "action": "guide"}
        async with browser.post(f"/users/{user.id}/state", data=form) as response:
            assert response.status == 200
    mail = web.outbox.mails[-1]
    assert (mail.to, mail.attachments[0].name) == (NEW, "guia-de-uso.html")
    again = await book.last(user.id)
    assert again is not None
    assert again.message == len(web.outbox.mails) > first.message
    with sqlite3.connect(web.accounts.folder / "relevo.db") as other:
        asked = "SELECT object FROM audit_entry WHERE action = 'user.guide_sent'"
        assert other.execute(asked).fetchall() == [(NEW,)]


@pytest.mark.parametrize(
    ("state", "word"), [(1, "waiting"), (10, "delivered"), (11, "bounced"), (12, "bounced")]
)
async def test_T_k_the_end_of_a_guide_s_mail_outlives_the_log_of_mail(
    web: WebWorld, state: int, word: str
):
    book = web.people.invitations.book
    await book.sent(70, 7, 1, Role.SENDER, "es")
    with sqlite3.connect(web.accounts.folder / "relevo.db") as other:
        other.execute(
            "INSERT INTO delivery (id, message, n, flow, class, kind, site, domain, address, state,"
            " due_ms, changed_ms, last_reply) VALUES (71, 70, 0, 1, 1, 1, 1, 'x', 'a@x', ?, 0, 5, ?)",
            (state, "550 5.1.1 no such user"),
        )
    seen = await book.last(7)
    assert seen is not None
    assert seen.state == word
    await book.tidy()
    with sqlite3.connect(web.accounts.folder / "relevo.db") as other:
        other.execute("DELETE FROM delivery WHERE id = 71")
    kept = await book.last(7)
    assert kept is not None
    assert kept.state == ("none" if word == "waiting" else word)
    if word != "waiting":
        assert (kept.changed_ms, kept.reply) == (5, "550 5.1.1 no such user")


@pytest.mark.pdf
async def test_T_k_the_guide_is_a_pdf(web: WebWorld):
    (guide,) = (await _invite(web)).attachments
    assert guide.name == "guia-de-uso.pdf"
    assert guide.data.startswith(b"%PDF-")
    assert len(guide.data) < 1_000_000


async def test_a_document_fetches_nothing_and_may_fail():
    made = await pdf.make_pdf('<img src="file:///etc/passwd"><p>hola</p>')
    assert made is not None
    assert made.startswith(b"%PDF-")
    assert b"root:" not in made


def test_system_mail_says_that_a_program_wrote_it():
    mail = SystemMail(
        "ana@example.org",
        "es",
        "Invitación ñ",
        "Hola\n\nadiós",
        "<p>Hola</p>",
        (MailAttachment("guía.pdf", "application/pdf", b"%PDF-"),),
    )
    raw = compose(mail, parse_address("relevo@example.org"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(raw, policy=default)
    assert message["From"] == "Relevo <relevo@example.org>"
    assert message["Subject"] == "Invitación ñ"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "es"
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    assert [part.get_filename() for part in message.iter_attachments()] == ["guía.pdf"]


@pytest.mark.parametrize("subject", ["a\r\nBcc: x@example.org", "a\nb", "a\rb"])
def test_a_subject_cannot_add_a_header(subject: str):
    mail = SystemMail("ana@example.org", "es", subject, "x")
    with pytest.raises(PermanentError):
        compose(mail, parse_address("relevo@example.org"))
