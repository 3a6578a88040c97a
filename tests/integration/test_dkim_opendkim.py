"""Our signatures verify with OpenDKIM: its test tool over DNS, and its filter with both algorithms.

`opendkim-testmsg` asks the name server of /etc/resolv.conf on port 53, so it runs in a network and
mount namespace of its own, beside a name server that knows the two keys.
"""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mta.dkim import DkimKey, KeyType, generate_key, record_text, sign

pytestmark = pytest.mark.debian

NOW_S = 1_763_800_000
HEAD = (
    b"From: =?utf-8?q?Organizaci=C3=B3n?= <avisos@example.org>\r\n"
    b"To: persona@recipient.example\r\n"
    b"Subject: Aviso\r\n"
    b"Date: Sat, 22 Nov 2025 09:00:00 -0500\r\n"
    b"Message-ID: <1@example.org>\r\n"
)
BODY = b"Hola,\r\n\r\nesto es una prueba.\r\n"

MESSAGES = {
    "plain": HEAD + b"\r\n" + BODY,
    "folded header": HEAD.replace(b"Aviso", b"Aviso\r\n  de\r\n\tprueba \r\n  ") + b"\r\n" + BODY,
    "empty header": HEAD.replace(b"Aviso", b"") + b"Reply-To: \r\nCc:\r\n\r\n" + BODY,
    "very long header": HEAD
    + b"References:"
    + b"".join(b"\r\n <%d.%s@example.org>" % (i, b"x" * 60) for i in range(200))
    + b"\r\n\r\n"
    + BODY,
    "long line": HEAD.replace(b"Aviso", b"A" * 980) + b"\r\n" + b"b" * 998 + b"\r\n",
    "duplicate headers": HEAD
    + b"List-Id: <1.example.org>\r\nX: y\r\nList-Id: <2.example.org>\r\nContent-Type: text/plain\r\n"
    b"Content-Type: text/html\r\nList-Id: <3.example.org>\r\n\r\n" + BODY,
    "non-ASCII header": HEAD.replace(b"Aviso", "Señal ñandú €".encode()) + b"\r\n" + BODY,
    "white space in headers": HEAD.replace(b"Subject: ", b"SUBJECT:\t \t") + b"\r\n" + BODY,
    "all signed headers": HEAD
    + b"Cc: c@recipient.example\r\nReply-To: r@example.org\r\nSender: s@example.org\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\nList-Id: <l.example.org>\r\nFeedback-ID: a:b:c:d\r\n"
    b"List-Unsubscribe: <https://example.org/u/1>, <mailto:u@example.org>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nIn-Reply-To: <0@example.org>\r\n\r\n"
    + BODY,
    "dots": HEAD + b"\r\n.\r\n..\r\n.leading\r\ntrailing.\r\n.\r\n",
    "empty body": HEAD + b"\r\n",
    "no body": HEAD,
    "only blank lines": HEAD + b"\r\n\r\n\r\n\r\n",
    "only spaces": HEAD + b"\r\n  \r\n\t\r\n \t \r\n",
    "trailing blank lines": HEAD + b"\r\n" + BODY + b"\r\n \r\n\r\n",
    "spaces": HEAD + b"\r\n a  b\t\tc \r\n\t \r\n  d\t\r\n",
    "eight-bit body": HEAD + b"\r\n" + "año ñ €\r\n".encode() * 100,
}

# Not for opendkim-testmsg, which refuses a message with two of these before it looks at signatures.
DOUBLED = HEAD + b"Subject: another\r\nTo: third@recipient.example\r\n\r\n" + BODY

# Run inside of the namespaces: brings the loopback up, answers DNS, calls the tool for each message.
DRIVER = r"""
import fcntl, json, pathlib, socket, struct, subprocess, sys, threading
import dns.message, dns.rdatatype, dns.rrset

folder = pathlib.Path(sys.argv[1])
records = json.loads((folder / "records.json").read_text())
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14s", b"lo", 1 | 64, b""))  # SIOCSIFFLAGS: up
(folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
subprocess.run(["mount", "--bind", folder / "resolv.conf", "/etc/resolv.conf"], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))

def serve():
    while True:
        data, client = server.recvfrom(4096)
        answer = dns.message.make_response(dns.message.from_wire(data))
        name = answer.question[0].name
        text = records.get(name.to_text(omit_final_dot=True))
        if text is not None:
            strings = " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255))
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", strings))
        server.sendto(answer.to_wire(), client)

threading.Thread(target=serve, daemon=True).start()
results = {}
for message in sorted(folder.glob("*.eml")):
    with message.open("rb") as file:
        done = subprocess.run(["opendkim-testmsg"], stdin=file, capture_output=True, timeout=30)
    results[message.stem] = [done.returncode, done.stderr.decode()]
print(json.dumps(results))
"""


def namespaces_are_allowed() -> bool:
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(["unshare", "-rmn", "true"], capture_output=True, check=False).returncode
        == 0
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> tuple[DkimKey, DkimKey]:
    folder = tmp_path_factory.mktemp("keys")
    today = dt.date(2026, 11, 1)
    rsa, _ = generate_key(folder, "example.org", today=today)
    ed25519, _ = generate_key(folder, "example.org", today=today, key_type=KeyType.ED25519)
    return rsa, ed25519


@pytest.fixture(scope="module")
def testmsg(keys, tmp_path_factory) -> dict[str, list]:
    """What `opendkim-testmsg` says of each message, signed with either key and spoiled."""
    if not namespaces_are_allowed():
        pytest.skip("network namespaces are not allowed here")
    folder = tmp_path_factory.mktemp("messages")
    records = {key.record_name: record_text(key) for key in keys}
    (folder / "records.json").write_text(json.dumps(records))
    for name, message in MESSAGES.items():
        for key in keys:
            signed = sign(message, (key,), NOW_S) + message
            (folder / f"{name} {key.algorithm}.eml").write_bytes(signed)
    for key in keys:
        good = sign(MESSAGES["plain"], (key,), NOW_S) + MESSAGES["plain"]
        variants = {
            "changed body": good.replace(b"prueba", b"estafa"),
            "changed subject": good.replace(b"Aviso", b"Otro"),
            "added cc": good.replace(b"To: ", b"Cc: x@evil.example\r\nTo: "),
            "added reply-to": good.replace(b"To: ", b"Reply-To: x@evil.example\r\nTo: "),
        }
        for name, spoiled in variants.items():
            (folder / f"{name} {key.algorithm}.eml").write_bytes(spoiled)
    done = subprocess.run(
        ["unshare", "-rmn", sys.executable, "-c", DRIVER, folder],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "ed25519-sha256"])
@pytest.mark.parametrize("name", MESSAGES)
def test_opendkim_testmsg_verifies(testmsg, name, algorithm):
    assert testmsg[f"{name} {algorithm}"] == [0, ""]


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "ed25519-sha256"])
@pytest.mark.parametrize("name", ["changed body", "changed subject", "added cc", "added reply-to"])
def test_opendkim_testmsg_sees_changes(testmsg, name, algorithm):
    status, _ = testmsg[f"{name} {algorithm}"]
    assert status != 0


@pytest.mark.parametrize("message", [*MESSAGES.values(), DOUBLED], ids=[*MESSAGES, "doubled"])
def test_the_filter_accepts_both_signatures_of_a_message(keys, tmp_path, message):
    (tmp_path / "m.eml").write_bytes(sign(message, keys, NOW_S) + message)
    (tmp_path / "keys").write_text("".join(f"{k.record_name} {record_text(k)}\n" for k in keys))
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {tmp_path / 'keys'}\nSyslog no\n")
    done = subprocess.run(
        ["opendkim", "-vvv", "-x", tmp_path / "conf", "-t", tmp_path / "m.eml"],
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
    )
    found = re.findall(r"dkim=(\w+).*?header\.a=([\w-]+)", done.stdout, re.DOTALL)
    assert found == [("pass", "rsa-sha256"), ("pass", "ed25519-sha256")], done.stdout + done.stderr


def test_keys_are_stored_where_opendkim_can_use_them(keys, tmp_path):
    key, path = generate_key(tmp_path, "example.com", today=dt.date(2026, 11, 1))
    done = subprocess.run(
        ["opendkim-testmsg", "-C", "-d", key.domain, "-s", key.selector, "-k", path],
        input=MESSAGES["plain"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert b"d=example.com" in done.stdout
    assert Path(path).name == "r202611.pem"
