"""Whatever an application hands in, one mail goes out as one mail, and no line of it is bare."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import clients
from tests.e2e.api_client import ApiClient
from tests.e2e.ground import until
from tests.e2e.raw_sink import BARE, RawSink
from tests.e2e.server import SENDER, RelevoServer, serving

TO = "ana@receiver.example"
MAX_LINE = 998  # RFC 5322 §2.1.1
SMUGGLED = (
    "MAIL FROM:<evil@sender.test>\r\nRCPT TO:<luis@victim.example>\r\nDATA\r\nSubject: evil\r\n"
)
ENDS = (
    "\r\n.\r\n", "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\r\n.\r\r\n",
    "\r\n\0.\r\n", "\r\n.\0\r\n", "\x0b.\x0b", "\x0c.\x0c", "\u2028.\u2028", "\x85.\x85",
    "\r\n..\r\n.\r\n", "\r", "\n", "\0", "\r\n\r\n",
)  # fmt: skip
EVIL = [f"uno{end}{SMUGGLED}X-Injected: 1\r\n\r\n.\r\ndos" for end in ENDS]


@pytest.fixture(scope="module")
def sink() -> Iterator[RawSink]:
    with RawSink() as made:
        yield made


@pytest.fixture(scope="module")
def server(ground, sink) -> Iterator[RelevoServer]:
    smarthost = {"DELIVERY__MODE": "smarthost", "DELIVERY__SMARTHOST": f"127.0.0.1:{sink.port}"}
    with serving(ground, "outward", **smarthost) as made:
        yield made


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def requests(evil: str) -> Iterator[dict[str, Any]]:
    """One for each place of a message that takes text."""
    yield {"text": evil}
    yield {"html": f"<p>{evil}</p>"}
    yield {"text": "x", "html": evil}
    yield {"subject": evil, "text": "x"}
    yield {"from": {"email": SENDER, "name": evil}, "text": "x"}
    yield {"to": [{"email": TO, "name": evil}], "text": "x"}
    yield {"to": [{"email": evil}], "text": "x"}
    yield {"headers": {"X-Own": evil}, "text": "x"}
    yield {"headers": {evil: "x"}, "text": "x"}
    yield {"text": "x", "tags": [evil]}
    yield {"text": "x", "metadata": {"a": evil}}
    attachment = {"filename": "a.bin", "content_type": "text/plain", "content": encoded(evil)}
    yield {"text": "x", "attachments": [attachment]}
    yield {"text": "x", "attachments": [attachment | {"content_type": "message/rfc822"}]}
    yield {"text": "x", "attachments": [attachment | {"filename": evil}]}
    yield {"text": "x", "attachments": [attachment | {"content_type": evil}]}
    image = attachment | {"content_type": "image/png", "content_id": "i1"}
    yield {"html": '<img src="cid:i1">', "attachments": [image]}
    yield {"html": '<img src="cid:i1">', "attachments": [image | {"content_id": evil}]}
    merged = [{"email": TO, "merge": {"v": evil}}]
    yield {"recipients": merged, "text": "{{ v }}", "html": "<p>{{ v }}</p>"}
    yield {"recipients": merged, "subject": "{{ v }}", "text": "x"}
    yield {"recipients": merged, "text": "x", "from": {"email": SENDER, "name": "{{ v }}"}}
    yield {"recipients": merged, "text": "x", "headers": {"X-Own": "{{ v }}"}}


def arrived(sink: RawSink, count: int) -> list[bytes]:
    until(lambda: len(sink.mails) >= count, f"{count} mails arrived", 15)
    return sink.mails


def check(sink: RawSink, expected: int) -> None:
    """So many mails came, each of them whole, and nothing else was said."""
    mails = arrived(sink, expected)
    assert sink.faults == []
    assert len(mails) == expected
    for mail in mails:
        assert BARE.search(mail) is None, mail
        assert max(map(len, mail.split(b"\r\n"))) <= MAX_LINE
        head = mail.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nx-injected" not in head
        assert head.count(b"\r\nsubject:") <= 1


def test_nothing_handed_in_over_the_api_makes_two_mails_or_another_header(server, sink):
    api = ApiClient(server)
    before, taken, refused = len(sink.mails), 0, 0
    for evil in EVIL:
        for request in requests(evil):
            message = {"to": [{"email": TO}], "subject": "Prueba"} | request
            if "recipients" in request:
                del message["to"]
            answer = api.send(**message)
            assert answer.status in (202, 400, 422), (request, answer.body)
            taken += answer.status == 202
            refused += answer.status != 202
    assert taken > 5 * len(EVIL)
    assert refused > 3 * len(EVIL)
    check(sink, before + taken)


@pytest.mark.parametrize("way", ["DATA", "BDAT", "BDAT in pieces"])
def test_nothing_handed_in_over_smtp_makes_two_mails(server, sink, way):
    before, taken = len(sink.mails), 0
    for evil in EVIL:
        if way == "DATA" and "\r\n.\r\n" in evil.partition("dos")[0].replace(SMUGGLED, ""):
            evil = evil.replace("\r\n.\r\n", "\r\n..\r\n")  # stuffed, as a client has to
        content = f"From: {SENDER}\r\nTo: {TO}\r\nSubject: x\r\n\r\n{evil}\r\n".encode()
        taken += hand_in(server, way, content)
    assert taken > len(EVIL) // 2
    check(sink, before + taken)


def hand_in(server: RelevoServer, way: str, content: bytes) -> bool:
    """Send octets as they are; whether they were taken, as one message."""
    with clients.connect(server) as client:
        assert client.mail(SENDER)[0] == 250
        assert client.rcpt(TO)[0] == 250
        if way == "DATA":
            assert client.docmd("DATA")[0] == 354
            client.send(content + b".\r\n")
        elif way == "BDAT":
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        else:
            for piece in (content[n : n + 7] for n in range(0, len(content), 7)):
                client.send(b"BDAT %d\r\n" % len(piece) + piece)
                code, _ = client.getreply()
                if code != 250:
                    break
            client.send(b"BDAT 0 LAST\r\n")
        code, _ = client.getreply()
        assert client.noop()[0] == 250, "there was more than one reply"
        return code == 250
