"""Tells which files that the settings name cannot be used: certificates, keys, passwords.

`relevo check` shows what is found, and the server does not start with any of it. Every file is read as
the user who asks: what root can read, the server's user may not.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mta.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that cannot be used; `str()` is the line that is shown."""

    key: str  # dotted name of the key that names the file
    path: Path
    fact: str
    remedy: str

    def __str__(self) -> str:
        section, _, name = self.key.partition(".")
        return f'[{section}] {name} = "{self.path}": {self.fact}; {self.remedy}'

    @property
    def text(self) -> str:
        """The fact with its file."""
        return f"{self.path}: {self.fact}."


def unusable_files(settings: Settings) -> list[FileProblem]:
    """All problems; reads the files, changes nothing."""
    submission, console = settings.submission, settings.console
    return [
        *_certificate("submission", submission.tls_certificate, submission.tls_key),
        *_certificate("console", console.tls_certificate, console.tls_key),
        *_certificate("public", settings.public.tls_certificate, settings.public.tls_key),
        *_password("delivery.smarthost_password_file", settings.delivery.smarthost_password_file),
        *_secret("console.secret_file", console.secret_file),
    ]


def _certificate(section: str, certificate: Path | None, key: Path | None) -> Iterator[FileProblem]:
    if certificate is None or key is None:
        return
    found = [
        *_unreadable(f"{section}.tls_certificate", certificate),
        *_unreadable(f"{section}.tls_key", key),
    ]
    if found:
        yield from found
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password: an encrypted key is an error and never a question at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            fact = f"tls_key = {key} is not the key of this certificate"
        else:
            fact = f"cannot be used with tls_key = {key}: {error}"
        yield FileProblem(
            f"{section}.tls_certificate",
            certificate,
            fact,
            "Expected a PEM chain, leaf first, and its private key without a password.",
        )


def _password(key: str, path: Path | None) -> Iterator[FileProblem]:
    if path is None:
        return
    found = list(_unreadable(key, path))
    yield from found
    if found:
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        yield FileProblem(key, path, "not UTF-8 text", "Expected the password in its first line.")
        return
    if not lines or not lines[0]:
        fact = "its first line is empty"
        yield FileProblem(key, path, fact, "Expected the password in its first line.")


def _secret(key: str, path: Path) -> Iterator[FileProblem]:
    """It is made when it is first needed; one that exists must be ours alone."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        yield FileProblem(key, path, f"cannot be read: {error.strerror}", "Correct its folder.")
        return
    if mode & 0o077:
        yield FileProblem(key, path, "others can read the secret", f"Run chmod 600 {path}")


def _unreadable(key: str, path: Path) -> Iterator[FileProblem]:
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        yield FileProblem(key, path, "no such file", "Create it, or leave the key empty.")
    except OSError as error:
        fact = f"cannot be read: {error.strerror}"
        yield FileProblem(key, path, fact, "The user that runs Relevo must be able to read it.")
