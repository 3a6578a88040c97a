"""Clients that people use submit through the listener, with STARTTLS or implicit TLS and AUTH."""

import asyncio
import smtplib
import ssl
from base64 import b64encode
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from tests.integration.listener_stand import (
    PASSWORD,
    USER,
    Stand,
    on_both_loops,
    running,
    write_certificate,
)

# smtplib's own AUTH methods encode in ASCII only; the password here is not ASCII.
ANSWERS = {"PLAIN": [f"\0{USER}\0{PASSWORD}"], "LOGIN": [USER, PASSWORD]}
BODY = "Hola\n.una línea con punto\n..dos\nfin\n"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"))


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = USER
    mail["To"] = "user@example.net"
    mail["Subject"] = "prueba"
    mail.set_content(BODY, cte="8bit")
    return mail


def client_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def check(stand: Stand, protocol: str, tls: bool = True) -> None:
    (taken,) = stand.intake.taken
    assert taken.identity.name == "app"
    assert str(taken.envelope.sender) == USER
    assert [str(r.address) for r in taken.envelope.recipients] == ["user@example.net"]
    assert taken.origin.protocol == protocol
    assert taken.origin.peer == "127.0.0.1"
    assert taken.origin.tls.startswith("TLSv1.3") is tls
    assert b"\r\n.una l" in taken.content
    assert b"\r\n..dos\r\nfin\r\n" in taken.content


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@on_both_loops
async def test_smtplib_submits_with_starttls_and_auth(certificate, mechanism: str) -> None:
    async with running(certificate=certificate) as stand:

        def talk() -> None:
            with smtplib.SMTP("127.0.0.1", stand.port, timeout=10) as client:
                client.starttls(context=client_context(certificate))
                client.ehlo()
                code, _ = client.docmd("AUTH", mechanism)
                assert code == 334
                answers = ANSWERS[mechanism]
                for answer in answers:
                    code, _ = client.docmd(b64encode(answer.encode()).decode())
                assert code == 235
                client.send_message(message())

        await asyncio.to_thread(talk)
        check(stand, "ESMTPSA")


@on_both_loops
async def test_smtplib_submits_over_implicit_tls(certificate) -> None:
    async with running(certificate=certificate) as stand:

        def talk() -> None:
            context = client_context(certificate)
            with smtplib.SMTP_SSL("127.0.0.1", stand.tls_port, timeout=10, context=context) as c:
                c.ehlo()
                code, _ = c.docmd("AUTH PLAIN", plain_response())
                assert code == 235
                c.send_message(message())

        await asyncio.to_thread(talk)
        check(stand, "ESMTPSA")


def plain_response() -> str:
    return b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()


@on_both_loops
async def test_aiosmtplib_submits_with_starttls_and_auth(certificate) -> None:
    async with running(certificate=certificate) as stand:
        errors, reply = await aiosmtplib.send(
            message(),
            hostname="127.0.0.1",
            port=stand.port,
            start_tls=True,
            tls_context=client_context(certificate),
            username=USER,
            password=PASSWORD,
        )
        assert errors == {}
        assert "queued" in reply
        check(stand, "ESMTPSA")


@on_both_loops
async def test_trusted_network_submits_without_a_login() -> None:
    async with running(trusted_networks=["127.0.0.0/8"], trusted_account="app") as stand:
        await aiosmtplib.send(message(), hostname="127.0.0.1", port=stand.port, start_tls=False)
        check(stand, "ESMTP", tls=False)


async def run(*command: str, stdin: bytes = b"") -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate(stdin)
    text = output.decode("utf-8", "replace")
    assert process.returncode == 0, text
    return text


def message_file(folder: Path) -> Path:
    path = folder / "message.eml"
    path.write_bytes(message().as_bytes())
    return path


@pytest.mark.debian
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@on_both_loops
async def test_swaks_submits_with_starttls_and_auth(certificate, tmp_path, mechanism) -> None:
    async with running(certificate=certificate) as stand:
        await run(
            "swaks", "--server", f"127.0.0.1:{stand.port}", "--tls", "--auth", mechanism,
            "--auth-user", USER, "--auth-password", PASSWORD,
            "--from", USER, "--to", "user@example.net", "--pipeline",
            "--data", f"@{message_file(tmp_path)}",
        )  # fmt: skip
        check(stand, "ESMTPSA")


@pytest.mark.debian
@pytest.mark.parametrize("mechanism", ["scram-sha-256", "plain", "login"])
@on_both_loops
async def test_msmtp_submits_with_starttls_and_auth(certificate, tmp_path, mechanism) -> None:
    async with running(certificate=certificate) as stand:
        settings = tmp_path / "msmtprc"
        settings.write_text(
            "account default\nhost localhost\n"
            f"port {stand.port}\ntls on\ntls_trust_file {certificate[0]}\n"
            f"auth {mechanism}\nuser {USER}\npassword {PASSWORD}\nfrom {USER}\n"
        )
        settings.chmod(0o600)
        await run("msmtp", "-C", str(settings), "user@example.net", stdin=message().as_bytes())
        check(stand, "ESMTPSA")


@pytest.mark.debian
@pytest.mark.parametrize("implicit", [False, True])
@on_both_loops
async def test_curl_submits_with_tls_and_auth(certificate, tmp_path, implicit: bool) -> None:
    async with running(certificate=certificate) as stand:
        url = (
            f"smtps://127.0.0.1:{stand.tls_port}" if implicit else f"smtp://127.0.0.1:{stand.port}"
        )
        path = tmp_path / "message.eml"
        path.write_bytes(message().as_bytes().replace(b"\n", b"\r\n"))
        await run(
            "curl", "-sS", "--ssl-reqd", "--cacert", str(certificate[0]), url,
            "--user", f"{USER}:{PASSWORD}", "--mail-from", USER,
            "--mail-rcpt", "user@example.net", "--upload-file", str(path),
        )  # fmt: skip
        check(stand, "ESMTPSA")
