"""Messages that an application wrote, with tracked links put in: nothing else of them changes."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from console.content.raw_tracking import RawTracker
from console.tracking.instrumenting import TrackingOptions
from console.tracking.tokens import LENGTH, Purpose, Target, TrackingTokens

TOKENS = TrackingTokens({1: bytes(32), 2: bytes(range(32))}, current=1)
BASE = "https://t.example.org"
HTML = (
    '<html><body><p>Señora</p><a href="https://a.example/ñ?x=1&amp;y=2">uno</a>\r\n'
    '<a href="https://a.example/{{ x }}">dos</a></body></html>\r\n'
)


def tracker(**changes) -> RawTracker:
    found = RawTracker()
    found.begin(TOKENS, lambda _a, opens, clicks: TrackingOptions(BASE, opens, clicks, **changes))
    return found


def mail(html: str = HTML, *, charset: str = "utf-8", cte: str = "8bit", files: int = 1) -> bytes:
    made = EmailMessage(policy=policy.SMTP.clone(cte_type="8bit"))
    made["From"], made["To"], made["Subject"] = "app@x.test", "r@y.test", "Aviso"
    made.set_content("Señora\r\n", cte="8bit")
    made.add_alternative(html, subtype="html", charset=charset, cte=cte)
    for n in range(files):
        made.add_attachment(
            b'<a href="https://f.example">' + bytes(200), "text", "html", filename=f"{n}.html"
        )
    return made.as_bytes()


def html_of(content: bytes) -> str:
    found = message_from_bytes(content, policy=policy.default)
    assert not found.defects
    return found.get_body(("html",)).get_content()


def marked(content: bytes, **changes):
    return tracker(**changes).mark(content, 7, opens=True, clicks=True)


@pytest.mark.parametrize("cte", ["8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252"])
def test_each_recipient_has_links_of_their_own_and_nothing_else_changes(charset, cte):
    content = mail(charset=charset, cte=cte)
    found = marked(content)
    ((statement, rows),) = found.companions(3)
    assert statement == "campaign_link_insert"
    assert rows == [(3, 0, "https://a.example/ñ?x=1&y=2")]
    for delivery in (5, 6):
        sent = tracker().personal(found.content, delivery, 3)
        html = html_of(sent)
        (click,) = re.findall(rf'href="{BASE}/c/([\w-]{{{LENGTH}}})"', html)
        (opened,) = re.findall(rf'src="{BASE}/o/([\w-]{{{LENGTH}}})\.gif"', html)
        assert TOKENS.target(Purpose.CLICK, click) == Target(delivery, 3, 0)
        assert TOKENS.target(Purpose.OPEN, opened) == Target(delivery, 3, 0)
        plain = re.sub("<img[^>]*>", "", html).replace(
            f"{BASE}/c/{click}", "https://a.example/ñ?x=1&amp;y=2"
        )
        assert plain.replace("\r\n", "\n").strip() == HTML.replace("\r\n", "\n").strip()
        assert len(sent) == len(found.content)
        assert max(map(len, sent.split(b"\r\n"))) <= 998
    before, after = (message_from_bytes(one, policy=policy.default) for one in (content, sent))
    assert before.items() == after.items()
    parts = [list(one.walk()) for one in (before, after)]
    assert [p.get_content_type() for p in parts[0]] == [p.get_content_type() for p in parts[1]]
    assert parts[0][2].as_bytes() == parts[1][2].as_bytes()
    assert parts[0][-1].as_bytes() == parts[1][-1].as_bytes()


def test_a_message_that_is_nothing_but_html():
    content = (
        b"From: a@x.test\r\nContent-Transfer-Encoding: 7bit\r\nContent-Type: text/html\r\n"
        b'Subject: x\r\n\r\n<a href="https://a.example">x</a>\r\n'
    )
    sent = tracker().personal(marked(content).content, 5, 3)
    assert sent.startswith(b"From: a@x.test\r\nContent-Type: text/html\r\nSubject: x\r\nContent-Tr")
    assert f"{BASE}/c/" in html_of(sent)


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\nhttps://a.example\r\n",
        b"Subject: x\r\n",
        b"",
        b"Content-Type: multipart/alternative\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\nx\r\n--x--\r\n",
        b'Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<a href="https://a.example">\r\n--x--\r\n',
        b'Content-Type: text/html; charset=utf-16\r\n\r\n<a href="https://a.example">\r\n',
        b'Content-Type: text/html\r\nContent-Transfer-Encoding: x-odd\r\n\r\n<a href="https://a.example">\r\n',
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n",
        b'Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n<a href="https://a.example">\r\n',
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 3_000,
    ],
)
def test_what_cannot_be_tracked_stays_as_it_is(content):
    assert marked(content) is None


def test_html_without_links_is_tracked_by_its_pixel_only_if_wanted():
    content = mail("<p>x</p>\r\n")
    assert tracker().mark(content, 7, opens=False, clicks=True) is None
    assert tracker().mark(content, 7, opens=True, clicks=False).companions(3) == []


def test_anonymous_copies_name_nobody():
    sent = tracker().personal(marked(mail(), is_anonymous=True).content, 5, 3)
    (click,) = re.findall(rf'href="{BASE}/c/([\w-]{{{LENGTH}}})"', html_of(sent))
    assert TOKENS.target(Purpose.CLICK, click) == Target(0, 3, 0)


def test_placeholders_of_an_older_key_are_filled_in():
    found = marked(mail())
    younger = RawTracker()
    younger.begin(TrackingTokens({1: bytes(32), 2: bytes(range(32))}), lambda *_: None)
    (click,) = re.findall(
        rf'/c/([\w-]{{{LENGTH}}})"', html_of(younger.personal(found.content, 5, 3))
    )
    assert TOKENS.target(Purpose.CLICK, click) == Target(5, 3, 0)


def test_nobody_else_can_write_a_placeholder():
    beginning = TOKENS.beginnings(0, 0)[0].decode()
    html = f'<a href="{BASE}/c/{beginning:A<47}">x</a>'
    assert beginning in TOKENS.token(Purpose.CLICK, Target(0, 0, 9))
    content = mail(html, cte="7bit", files=0)
    assert tracker().personal(content, 5, 3) == content


def test_before_it_has_begun_nothing_is_tracked():
    assert RawTracker().mark(mail(), 7, opens=True, clicks=True) is None
    assert RawTracker().personal(b"x", 5, 3) == b"x"


def test_no_public_address_means_no_tracking():
    off = RawTracker()
    off.begin(TOKENS, lambda *_: None)
    assert off.mark(mail(), 7, opens=True, clicks=True) is None
