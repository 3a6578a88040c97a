"""Programs that people hand mail in with: each sends one finished message as its user would have it.

All check the server's certificate against the ground's authority, and log in.
"""

import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

from tests.e2e.ground import DEADLINE_S
from tests.e2e.server import SENDER, RelevoServer


def message(subject: str, *recipients: str, body: str = "hola\n", sender: str = SENDER) -> bytes:
    """A message as a program makes it, with Date and Message-ID left to the relay."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, ", ".join(recipients), subject
    made.set_content(body)
    return made.as_bytes().replace(b"\n", b"\r\n")


def is_installed(program: str) -> bool:
    """Whether the program is there."""
    return shutil.which(program) is not None


def context(server: RelevoServer) -> ssl.SSLContext:
    """Trusts the ground's authority and nobody else."""
    return ssl.create_default_context(cafile=server.ground.authority.ca_file)


def connect(server: RelevoServer, *, is_implicit: bool = False) -> smtplib.SMTP:
    """A Python client that has logged in over TLS."""
    if is_implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.tls_port, timeout=DEADLINE_S, context=context(server)
        )
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=DEADLINE_S)
        client.starttls(context=context(server))
    client.login(server.username, server.password)
    return client


def queued_id(reply: bytes | str) -> str:
    """The id in `2.0.0 <id> queued`."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    status, identifier, queued = text.strip().split()[:3]
    assert (status, queued) == ("2.0.0", "queued"), text
    assert identifier.isdigit(), text
    return identifier


def hand_in(
    client: smtplib.SMTP,
    content: bytes,
    *recipients: str,
    sender: str = SENDER,
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> str:
    """One transaction on an open connection; the message's id.

    Not `sendmail`, which changes line ends and hides the reply.
    """
    code, text = client.mail(sender, mail)
    assert code == 250, text
    for recipient in recipients:
        code, text = client.rcpt(recipient, rcpt)
        assert code == 250, text
    code, text = client.docmd("DATA")
    assert code == 354, text
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    client.send(stuffed + b".\r\n")
    code, text = client.getreply()
    assert code == 250, text
    return queued_id(text)


def submit(server: RelevoServer, content: bytes, *recipients: str, sender: str = SENDER) -> str:
    """One message over a connection of its own; its id."""
    with connect(server) as client:
        return hand_in(client, content, *recipients, sender=sender)


def by_smtplib(server: RelevoServer, content: bytes, recipient: str, *, is_implicit: bool) -> None:
    """Python's smtplib, as most scripts use it."""
    with connect(server, is_implicit=is_implicit) as client:
        refused = client.sendmail(SENDER, [recipient], content)
    assert not refused


def by_curl(server: RelevoServer, content: bytes, recipient: str, *, is_implicit: bool) -> None:
    """curl; SASL PLAIN."""
    scheme, port = ("smtps", server.tls_port) if is_implicit else ("smtp", server.port)
    command = [
        "curl", "--silent", "--show-error", "--ssl-reqd", "--crlf",
        "--cacert", str(server.ground.authority.ca_file),
        "--url", f"{scheme}://{server.host}:{port}/client.test",
        "--user", f"{server.username}:{server.password}",
        "--mail-from", SENDER, "--mail-rcpt", recipient, "--upload-file", "-",
    ]  # fmt: skip
    _run(command, content.replace(b"\r\n", b"\n"))


def by_swaks(
    server: RelevoServer, content: bytes, recipient: str, *, is_implicit: bool, auth: str
) -> None:
    """swaks; `auth` is LOGIN or PLAIN. It ends the last line itself."""
    port = server.tls_port if is_implicit else server.port
    command = [
        "swaks", "--server", f"{server.host}:{port}", "--timeout", str(int(DEADLINE_S)),
        "--tls-on-connect" if is_implicit else "--tls",
        "--tls-verify", "--tls-ca-path", str(server.ground.authority.ca_file),
        "--auth", auth, "--auth-user", server.username, "--auth-password", server.password,
        "--ehlo", "client.test", "--from", SENDER, "--to", recipient, "--data", "-",
    ]  # fmt: skip
    done = _run(command, content.replace(b"\r\n", b"\n").removesuffix(b"\n"))
    assert f"AUTH {auth}" in done, done
    assert " queued" in done, done


def by_msmtp(
    server: RelevoServer, content: bytes, recipient: str, *, is_implicit: bool, auth: str
) -> None:
    """msmtp; `auth` is plain, login or scram-sha-256."""
    settings = _msmtp_settings(server, is_implicit=is_implicit, auth=auth)
    done = _run(
        ["msmtp", "--debug", "-C", str(settings), "-a", "relay", "-f", SENDER, recipient],
        content.replace(b"\r\n", b"\n"),
    )
    assert f"--> AUTH {auth.upper()}" in done, done


def _msmtp_settings(server: RelevoServer, *, is_implicit: bool, auth: str) -> Path:
    path = server.directory / "msmtprc"
    lines = {
        "account": "relay",
        "host": server.host,
        "port": server.tls_port if is_implicit else server.port,
        "domain": "client.test",
        "tls": "on",
        "tls_starttls": "off" if is_implicit else "on",
        "tls_trust_file": server.ground.authority.ca_file,
        "auth": auth,
        "user": server.username,
        "password": server.password,
    }
    path.write_text("".join(f"{key} {value}\n" for key, value in lines.items()))
    path.chmod(0o600)
    return path


def _run(command: list[str], given: bytes) -> str:
    done = subprocess.run(
        command, input=given, capture_output=True, timeout=DEADLINE_S, check=False
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{output}"
    return output
