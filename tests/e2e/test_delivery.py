"""From port 587 to other people's servers: the octets, the header, the signatures, the transport."""

import email
import email.policy
import email.utils
import json
import re
import smtplib
import subprocess
import sys
import time

import dkim
import pytest

from tests.e2e import clients
from tests.e2e.conftest import CLEAR_DOMAIN, OTHER_CLEAR_DOMAIN, SANDBOX_DOMAIN, TLS_DOMAIN
from tests.e2e.ground import DEADLINE_S
from tests.e2e.server import HOSTNAME, SENDER, SENDER_DOMAIN
from tests.integration.test_dkim_opendkim import DRIVER, namespaces_are_allowed

ANA = f"ana@{CLEAR_DOMAIN}"
HEAD = f"From: {SENDER}\r\nTo: {ANA}\r\n".encode()
EIGHT_BIT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
EIGHT_BIT += b"Content-Transfer-Encoding: 8bit\r\n"
BODIES = {
    "dots": b".\r\n..\r\n.leading\r\n...three\r\ntrailing.\r\n. \r\n.\r\n",
    "first line is a dot": b".\r\n",
    "long lines": b"a" * 998 + b"\r\n" + b"." * 998 + b"\r\n" + b"b" * 997 + b"\r\n",
    "utf-8": "Señor ñandú €uro 日本語 😀\r\n".encode() * 40,
    "utf-8 in long lines": "ñ".encode() * 499 + b"\r\n",
    "empty lines": b"\r\n\r\n\r\na\r\n\r\n\r\nb\r\n\r\n\r\n",
    "only empty lines": b"\r\n\r\n",
    "white space": b" leading\r\n\ttab\r\ntrailing \t \r\n \r\n",
    "looks like mbox": b"From ana Mon Jan  1 00:00:00 2026\r\n>From escaped\r\nFrom again\r\n",
    "looks like commands": b"QUIT\r\nRSET\r\n250 ok\r\nMAIL FROM:<x@y.test>\r\n",
    "no body": b"",
    "large": b"0123456789abcdef" * 60 + b"\r\n" + b"\r\n".join([b"line " * 15] * 30_000) + b"\r\n",
}


def header_of(mail: bytes) -> email.message.EmailMessage:
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(parsed, email.message.EmailMessage)
    return parsed


@pytest.mark.debian
@pytest.mark.parametrize("name", BODIES)
def test_a_body_arrives_as_it_was_sent(relay, postfix, name) -> None:
    content = HEAD + f"Subject: body {name}\r\n".encode() + EIGHT_BIT + b"\r\n" + BODIES[name]
    clients.submit(relay, content, ANA)
    (mail,) = postfix.wait(ANA, f"Subject: body {name}\r\n")
    assert mail.partition(b"\r\n\r\n")[2] == BODIES[name]
    assert content.partition(b"\r\n\r\n")[0] in mail, "the author's own fields are changed"


# What some servers take for the end of a message, and others not (CVE-2023-51764, -51765, -51766,
# CVE-2024-27305).
SEQUENCES = (
    b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\r\n",
    b"\r\n.\v\r\n", b"\r\n.\f\r\n", b"\r\n.\xc2\x85\r\n", b"\r\n.\xe2\x80\xa8\r\n",
    b"\r\n. \r\n", b"\x85.\x85", b"\n\r.\n\r",
)  # fmt: skip


@pytest.mark.debian
@pytest.mark.parametrize("way", ["DATA", "BDAT"])
def test_no_sequence_makes_two_messages_of_one(relay, postfix, way) -> None:
    victim = f"luis@{OTHER_CLEAR_DOMAIN}"
    clients.submit(relay, clients.message(f"before {way}", victim), victim)
    postfix.wait(victim, f"Subject: before {way}\r\n")
    # In BDAT even the true end of data is content, and must not become an end behind the relay.
    sequences = SEQUENCES if way == "DATA" else (*SEQUENCES, b"\r\n.\r\n")
    already, begun = len(postfix.mails(victim)), postfix.log().count(" client=")
    taken = []
    for number, sequence in enumerate(sequences):
        head = f"From: {SENDER}\r\nTo: {ANA}\r\nSubject: {way} attack {number}\r\n\r\nfirst"
        smuggled = (
            f"MAIL FROM:<evil@{SENDER_DOMAIN}>\r\nRCPT TO:<{victim}>\r\nDATA\r\n"
            f"From: {SENDER}\r\nSubject: smuggled {number}\r\n\r\nsmuggled\r\n.\r\n"
        )
        # Unlike `hand_in`, nothing is stuffed: this is what an attacker writes to the socket.
        if _attack(relay, way, head.encode() + sequence + smuggled.encode()):
            taken.append(number)
    for number in taken:
        (mail,) = postfix.wait(ANA, f"Subject: {way} attack {number}\r\n")
        assert f"Subject: smuggled {number}\r\n".encode() in mail, "the rest is part of the body"
    clients.submit(relay, clients.message(f"after {way}", victim), victim)
    postfix.wait(victim, f"Subject: after {way}\r\n")
    assert len(taken) == len(sequences) - 2, "those with NUL are refused"
    assert len(postfix.mails(victim)) == already + 1, "a smuggled message arrived"
    assert postfix.log().count(" client=") == begun + len(taken) + 1, "as Postfix counts them"


@pytest.mark.debian
def test_the_receiver_of_that_proof_falls_for_it(ground, postfix) -> None:
    victim = f"rosa@{OTHER_CLEAR_DOMAIN}"
    with smtplib.SMTP(postfix.address, ground.mx_port, timeout=DEADLINE_S) as client:
        client.ehlo("evil.test")
        assert client.mail(SENDER)[0] == 250
        assert client.rcpt(ANA)[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(
            b"Subject: control\r\n\r\nfirst\n.\nMAIL FROM:<evil@sender.test>\r\n"
            b"RCPT TO:<" + victim.encode() + b">\r\nDATA\r\nSubject: smuggled control\r\n\r\n.\r\n"
        )
        assert [client.getreply()[0] for _ in range(5)] == [250, 250, 250, 354, 250]
    postfix.wait(victim, "Subject: smuggled control\r\n")


def _attack(relay, way: str, wire: bytes) -> bool:
    """Send octets as they are; whether they were taken, as one message."""
    with clients.connect(relay) as client:
        assert client.mail(SENDER)[0] == 250
        assert client.rcpt(ANA)[0] == 250
        if way == "DATA":
            assert client.docmd("DATA")[0] == 354
            client.send(wire)
        else:
            client.send(b"BDAT %d LAST\r\n" % len(wire) + wire)
        code, _ = client.getreply()
        assert client.noop()[0] == 250, "there was more than one reply"
        return code == 250


@pytest.mark.debian
def test_the_header_gets_what_is_missing_and_loses_what_is_secret(relay, postfix) -> None:
    content = (
        HEAD + b"Bcc: rosa@" + CLEAR_DOMAIN.encode() + b"\r\nSubject: header work\r\n"
        b"X-Relevo-Tag: secret-tag\r\nX-Relevo-Metadata: {}\r\nX-Mailer: kept\r\n\r\nhi\r\n"
    )
    rosa = f"rosa@{CLEAR_DOMAIN}"
    before_s = time.time()
    message_id = clients.submit(relay, content, ANA, rosa)
    for recipient in (ANA, rosa):
        (mail,) = postfix.wait(recipient, "Subject: header work\r\n")
        header = header_of(mail)
        assert header["Bcc"] is None
        assert not [name for name in header if name.lower().startswith("x-relevo")]
        assert b"secret-tag" not in mail
        assert rosa.encode() not in _without_postfix_fields(mail), "Bcc is told"
        assert header["X-Mailer"] == "kept"
        assert re.fullmatch(rf"<[^<>@\s]+@{re.escape(HOSTNAME)}>", header["Message-ID"])
        for name in ("From", "To", "Subject", "Date", "Message-ID"):
            assert len(header.get_all(name)) == 1, name
        sent_s = email.utils.parsedate_to_datetime(header["Date"]).timestamp()
        assert before_s - 2 <= sent_s <= time.time() + 2
        received = header.get_all("Received")
        assert len(received) == 2, "one of ours, one of Postfix's"
        assert f"id {message_id};" in received[1], "and no `for`, since there are two recipients"
        assert received[1].startswith("from ")
        assert "[127.0.0.1]" in received[1]
        at_s = email.utils.parsedate_to_datetime(received[1].rpartition(";")[2]).timestamp()
        assert before_s - 2 <= at_s <= time.time() + 2


def _without_postfix_fields(mail: bytes) -> bytes:
    """The mail as it came to Postfix: without what its delivery put on top."""
    return mail[mail.index(b"Received: from " + HOSTNAME.encode()) :].partition(b"\r\nDKIM-")[2]


@pytest.mark.debian
def test_date_and_message_id_of_the_author_are_kept(relay, postfix) -> None:
    date, identifier = "Sat, 21 Nov 2026 10:00:00 -0500", "<own.id@sender.test>"
    own = f"Subject: own id\r\nDate: {date}\r\nMessage-ID: {identifier}\r\n\r\nhi\r\n"
    clients.submit(relay, HEAD + own.encode(), ANA)
    (mail,) = postfix.wait(ANA, "Subject: own id\r\n")
    header = header_of(mail)
    assert header.get_all("Date") == [date]
    assert header.get_all("Message-ID") == [identifier]


def test_every_recipient_is_written_to_by_envelope(relay, sandbox) -> None:
    names = [f"many{n}@{SANDBOX_DOMAIN}" for n in range(5)]
    clients.submit(relay, clients.message("many", "nobody@elsewhere.test"), *names)
    for name in names:
        (message,) = sandbox.wait(name)
        assert message.mail_from == SENDER
        assert message.header("To") == "nobody@elsewhere.test"


@pytest.mark.debian
def test_a_server_that_insists_on_tls_gets_it(relay, tls_postfix) -> None:
    recipient = f"ana@{TLS_DOMAIN}"
    clients.submit(relay, clients.message("encrypted", recipient), recipient)
    (mail,) = tls_postfix.wait(recipient, "Subject: encrypted\r\n")
    by_postfix, by_relevo = header_of(mail).get_all("Received")
    assert "using TLSv1.3 with cipher" in by_postfix
    assert f"from {HOSTNAME}" in by_postfix
    assert f"by {HOSTNAME} (Relevo)" in by_relevo


@pytest.mark.debian
def test_one_message_reaches_several_servers(relay, postfix, tls_postfix, sandbox) -> None:
    recipients = [f"luis@{CLEAR_DOMAIN}", f"luis@{TLS_DOMAIN}", f"luis@{SANDBOX_DOMAIN}"]
    message_id = clients.submit(relay, clients.message("to all", *recipients), *recipients)
    (clear,) = postfix.wait(recipients[0], "Subject: to all\r\n")
    (tls,) = tls_postfix.wait(recipients[1], "Subject: to all\r\n")
    (simulated,) = sandbox.wait(recipients[2])
    bodies = {m.partition(b"\r\n\r\n")[2] for m in (clear, tls, simulated.raw)}
    assert bodies == {b"hola\r\n"}
    rows = relay.wait_states(message_id, *["delivered"] * 3)
    assert sorted(row["recipient"] for row in rows) == sorted(recipients)


# -- signatures ------------------------------------------------------------------------------------

SIGNED = {
    "plain": clients.message("signed plain", ANA),
    "folded": HEAD + b"Subject: signed\r\n folded \r\n\theader\r\n\r\nhi\r\n",
    "long": HEAD
    + b"Subject: signed long\r\nReferences:"
    + b"".join(b"\r\n <%d.%s@sender.test>" % (n, b"x" * 60) for n in range(100))
    + b"\r\n\r\nhi\r\n",
    "non-ascii": HEAD + "Subject: signed señal ñandú €\r\n\r\nhi\r\n".encode(),
    "dots": HEAD + b"Subject: signed dots\r\n\r\n.\r\n..\r\n.leading\r\n.\r\n",
    "eight-bit": HEAD + b"Subject: signed 8bit\r\n" + EIGHT_BIT + b"\r\n" + BODIES["utf-8"],
    "white space": HEAD + b"Subject:\tsigned  space \t\r\n\r\n a  b\t\tc \r\n\t \r\n\r\n\r\n",
    "empty": HEAD + b"Subject: signed empty\r\nReply-To: \r\n\r\n",
}


@pytest.fixture(scope="module")
def signed(relay, postfix) -> dict[str, bytes]:
    """Mails as they lie in Postfix's maildir."""
    found = {}
    with clients.connect(relay) as client:
        for name, content in SIGNED.items():
            marker = f"X-Case: {name}\r\n"
            clients.hand_in(client, marker.encode() + content, ANA)
            (found[name],) = postfix.wait(ANA, marker)
    return found


@pytest.fixture(scope="module")
def records(relay) -> dict[str, str]:
    """What `relevo dkim show` wants published, by name."""
    return {key["name"]: key["text"] for key in relay.cli("dkim", "show", SENDER_DOMAIN)}


@pytest.mark.debian
@pytest.mark.parametrize("name", SIGNED)
def test_both_signatures_verify_with_dkimpy(signed, records, name) -> None:
    def published(asked: bytes, timeout: int = 5) -> bytes | None:
        text = records.get(asked.decode().rstrip("."))
        return text and text.encode()

    verifier = dkim.DKIM(signed[name])
    algorithms = set()
    for index in range(2):
        assert verifier.verify(idx=index, dnsfunc=published)
        assert verifier.domain == SENDER_DOMAIN.encode()
        algorithms.add(verifier.signature_fields[b"a"])
        covered = {name.strip().lower() for name in verifier.signature_fields[b"h"].split(b":")}
        assert {b"from", b"to", b"subject", b"date", b"message-id"} <= covered
    assert algorithms == {b"rsa-sha256", b"ed25519-sha256"}
    assert not verifier.verify(idx=2), "there is no third one"


@pytest.mark.debian
def test_the_signatures_verify_with_opendkim(signed, records, tmp_path) -> None:
    if not namespaces_are_allowed():
        pytest.skip("user, mount and network namespaces are not allowed here")
    (tmp_path / "records.json").write_text(json.dumps(records))
    for name, mail in signed.items():
        (tmp_path / f"{name.replace(' ', '-')}.eml").write_bytes(mail)
    done = subprocess.run(
        ["unshare", "-rmn", sys.executable, "-c", DRIVER, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == len(SIGNED)
    assert {name: result for name, result in results.items() if result != [0, ""]} == {}


def test_the_published_records_satisfy_dkim_check(relay) -> None:
    results = relay.cli("dkim", "check", SENDER_DOMAIN)
    assert [result["ok"] for result in results] == [True, True], results
