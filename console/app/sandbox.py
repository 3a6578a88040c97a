"""The set-up of `make run`: everything a newcomer needs, made if it is missing, told when it runs.

The sandbox is an ordinary installation whose mail goes to the built-in simulator. What differs
from the settings file is given through the environment, so `relevo check` shows where it is from.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from console.app.server import Server
from console.app.services import run_without_server
from mta.dkim import KeyRing, KeyType, generate_key
from mta.model.errors import ConfigurationError
from mta.settings import documents
from mta.settings.loading import Loaded, base_directory, load_settings
from mta.settings.whole_file import write_whole

DOMAIN = "sandbox.example"
CONTRACT = "Contrato de prueba"
BAG = 4_000_000  # mails in its bag, so that shares, costs and refunds can be tried
ACCOUNT = "Sandbox"
CONSOLE = "127.0.0.1:8080"
ADMINISTRATOR = f"admin@{DOMAIN}"
LOGIN_FILE = "sandbox.json"
CERTIFICATE_DAYS = 825


@dataclass(frozen=True, slots=True)
class Prepared:
    """Settings and logins of a sandbox that is ready to start."""

    loaded: Loaded
    logins: Mapping[str, str]

    def announce(self, server: Server) -> None:
        """Tell where everything is and how to send a first mail."""
        host, port = server.engine.listener.addresses[0]
        console = server.settings.console.listen
        user, password = self.logins["username"], self.logins["password"]
        command = (
            f".venv/bin/relevo send --server {host}:{port} --user {user} \\\n"
            f"  --password {password} \\\n"
            f"  --from hola@{DOMAIN} --to ok@example.com --subject 'Primer correo'"
        )
        if server.console is not None:
            server.console.first_mail = command
        simulator = server.simulator.addresses[0] if server.simulator else ("", 0)
        returns = server.engine.feedback.server
        feedback = returns.addresses[0] if returns else ("", 0)
        lines = (
            "",
            "Relevo runs as a sandbox: mail goes to the built-in simulator, never to the Internet.",
            "",
            f"  Console     http://{console}",
            f"  Login       {self.logins['email']}   password  {self.logins['admin_password']}",
            f"  Submission  {host}:{port} (STARTTLS), user {user}",
            f"  Simulator   {simulator[0]}:{simulator[1]} takes what is delivered",
            f"  Feedback    {feedback[0]}:{feedback[1]} takes bounces, complaints and unsubscribes",
            "",
            "Send a mail (in another terminal, in this directory):",
            "",
            *(f"  {line}" for line in command.split("\n")),
            "",
            "Then look at it in the console, or ask:  .venv/bin/relevo trace ok@example.com",
            "Other addresses answer otherwise: bounce@, full@, complain@, late-bounce@ … (docs/tutorial)",
            "Stop with Ctrl-C.",
            "",
        )
        click.echo("\n".join(lines))


def prepare_sandbox(config: Path, environ: Mapping[str, str]) -> Prepared:
    """Make what is missing: settings, certificate, account, administrator, credential, DKIM key.

    Raises `ConfigurationError`.
    """
    if not config.exists():
        config.parent.mkdir(parents=True, exist_ok=True)
        write_whole(config, documents.sample().encode(), mode=0o644)
    certificate, key = _certificate(base_directory(config) / "config" / "tls")
    overrides = {
        "RELEVO_DELIVERY__MODE": "sandbox",
        "RELEVO_SERVER__HOSTNAME": "relevo.sandbox.example",
        "RELEVO_SUBMISSION__LISTEN": "127.0.0.1:2587",
        "RELEVO_SUBMISSION__TLS_CERTIFICATE": str(certificate),
        "RELEVO_SUBMISSION__TLS_KEY": str(key),
        "RELEVO_CONSOLE__LISTEN": CONSOLE,
        "RELEVO_INBOUND__LISTEN": "127.0.0.1:2526",  # where complain@ and late-bounce@ report
        "RELEVO_INBOUND__RETURN_PATH_DOMAIN": f"b.{DOMAIN}",
    }
    console = environ.get("RELEVO_CONSOLE__LISTEN", CONSOLE)
    overrides["RELEVO_SERVER__PUBLIC_URL"] = f"http://{console}"
    loaded = load_settings(config, {**overrides, **environ})
    if loaded.settings.server.data_dir.is_dir():  # in a fresh clone it is there, open to all
        loaded.settings.server.data_dir.chmod(0o700)
    return Prepared(loaded, _logins(loaded))


def _logins(loaded: Loaded) -> Mapping[str, str]:
    """Logins of earlier starts, or new ones; kept in a file that only this user can read."""
    path = loaded.settings.server.data_dir / LOGIN_FILE
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {str(k): str(v) for k, v in known.items()}
    except FileNotFoundError:
        pass
    except ValueError:
        raise ConfigurationError(f"{path}: damaged; remove it and start again") from None

    def ask(operation: str, **arguments: Any) -> Any:
        return run_without_server(loaded, operation, arguments)

    accounts = [a for a in ask("account.list") if a["name"] == ACCOUNT]
    if accounts:  # the file with the logins was removed: make new ones
        account = accounts[0]
        user = ask("user.reset", email=ADMINISTRATOR)
    else:
        account = ask("account.add", name=ACCOUNT)
        ask("domain.add", domain=DOMAIN, account=account["id"])
        # A day earlier than here: it runs wherever the days of contracts begin.
        begin = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        ask(
            "contract.add", name=CONTRACT, size=BAG, starts=begin.isoformat(), account=account["id"]
        )
        user = ask("user.add", email=ADMINISTRATOR, role="owner", account=account["id"])
    credential = ask("credential.add", account=account["id"], name="sandbox")
    dkim_dir = loaded.settings.server.dkim_dir
    if not KeyRing.load(dkim_dir).keys(DOMAIN):
        today = dt.datetime.now(dt.UTC).date()
        generate_key(dkim_dir, DOMAIN, today=today, selector="", key_type=KeyType.RSA2048)
    logins = {
        "email": ADMINISTRATOR,
        "admin_password": str(user["password"]),
        "username": str(credential["username"]),
        "password": str(credential["password"]),
    }
    write_whole(path, json.dumps(logins, indent=1).encode(), replaces=True)
    return logins


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, made if it is missing."""
    certificate, key = folder / "sandbox.crt", folder / "sandbox.key"
    if certificate.exists() and key.exists():
        return certificate, key
    folder.mkdir(parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_whole(key, pem, replaces=True)
    public = made.public_bytes(serialization.Encoding.PEM)
    write_whole(certificate, public, mode=0o644, replaces=True)
    return certificate, key
