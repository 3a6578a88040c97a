"""Files that the settings name: what cannot be used is told before the server starts."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import console.app
from mta.settings import load_settings, unusable_files


def write_certificate(folder: Path, name: str, password: bytes | None = None) -> None:
    """`NAME.crt` and `NAME.key`, valid now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password)
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two certificates with their keys, a locked key, passwords."""
    made = tmp_path_factory.mktemp("files")
    write_certificate(made, "one")
    write_certificate(made, "two")
    write_certificate(made, "locked", b"secret")
    (made / "empty").touch()
    (made / "password").write_text("open sesame\n", encoding="utf-8")
    return made


def write_settings(folder: Path, text: str) -> Path:
    path = folder / "relevo.toml"
    path.write_text(text, encoding="utf-8")
    return path


def told(folder: Path, text: str) -> list[str]:
    loaded = load_settings(write_settings(folder, text), {})
    return [str(problem).replace(f"{folder}/", "") for problem in unusable_files(loaded.settings)]


def certificate(section: str, crt: str, key: str) -> str:
    return f'[{section}]\ntls_certificate = "{crt}"\ntls_key = "{key}"\n'


def smarthost(file: str) -> str:
    return (
        '[delivery]\nmode = "smarthost"\nsmarthost = "relay.example.org:587"\n'
        f'smarthost_user = "u"\nsmarthost_password_file = "{file}"\n'
    )


def test_good_files_and_none_at_all_are_fine(folder: Path):
    assert told(folder, "") == []
    good = (
        certificate("submission", "one.crt", "one.key")
        + certificate("console", "two.crt", "two.key")
        + smarthost("password")
    )
    assert told(folder, good) == []


@pytest.mark.parametrize("section", ["submission", "console"])
@pytest.mark.parametrize(
    ("crt", "key", "fact"),
    [
        ("absent.crt", "one.key", 'tls_certificate = "absent.crt": no such file; Create it'),
        ("one.crt", "absent.key", 'tls_key = "absent.key": no such file; Create it'),
        ("one.crt", ".", 'tls_key = "."'),
        ("one.crt", "two.key", "tls_key = two.key is not the key of this certificate; Expected"),
        ("one.crt", "locked.key", "cannot be used with tls_key = locked.key: "),
        ("one.key", "one.crt", "cannot be used with tls_key = one.crt: "),
    ],
)
def test_certificates_that_cannot_be_used_are_told(
    folder: Path, section: str, crt: str, key: str, fact: str
):
    (problem,) = told(folder, certificate(section, crt, key))
    assert problem.startswith(f"[{section}] ")
    assert fact.replace('"."', f'"{folder}"') in problem


@pytest.mark.parametrize(
    ("file", "fact"),
    [
        ("absent", "no such file"),
        ("empty", "its first line is empty"),
        (".", "cannot be read: Is a directory"),
    ],
)
def test_a_smarthost_password_that_cannot_be_used_is_told(folder: Path, file: str, fact: str):
    (problem,) = told(folder, smarthost(file))
    assert problem.startswith("[delivery] smarthost_password_file = ")
    assert fact in problem


def test_a_secret_that_others_can_read_is_told(tmp_path: Path):
    secret = tmp_path / "secret.key"
    secret.write_bytes(bytes(32))
    secret.chmod(0o640)
    text = f'[console]\nsecret_file = "{secret}"\n'
    (problem,) = told(tmp_path, text)
    assert problem.endswith("others can read the secret; Run chmod 600 secret.key")
    secret.chmod(0o600)
    assert told(tmp_path, text) == []


def test_check_reports_files_as_errors_and_serve_refuses_to_start(tmp_path: Path):
    text = f'[server]\ndata_dir = "{tmp_path}/data"\n'
    config = write_settings(tmp_path, text + certificate("submission", "no.crt", "no.key"))
    findings = console.app.check(config, dns=False)["findings"]
    errors = [finding["key"] for finding in findings if finding["severity"] == "error"]
    assert errors == ["submission.tls_certificate", "submission.tls_key"]
    command = [sys.executable, "-m", "mta", "serve", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert [line.partition(" =")[0] for line in ended.stderr.splitlines()] == [
        "relevo: [submission] tls_certificate",
        "relevo: [submission] tls_key",
    ]
    assert not (tmp_path / "data").exists()
