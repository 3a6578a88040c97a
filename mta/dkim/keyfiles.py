"""Makes keys and writes them so that a crash leaves a whole key or none, readable by its owner alone."""

import contextlib
import datetime as dt
import os
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mta.dkim.keys import DkimKey, check_names, read_key
from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError, ConfigurationError
from mta.settings.whole_file import sync_folder, write_whole

AWAITED = ".pem.new"  # suffix of keys whose record is not in the DNS yet


class KeyType(StrEnum):
    """What `relevo dkim new --type` takes."""

    RSA2048 = "rsa2048"
    ED25519 = "ed25519"


def generate_key(
    directory: Path,
    domain: str,
    *,
    today: dt.date,
    selector: str = "",
    key_type: KeyType = KeyType.RSA2048,
    is_awaited: bool = False,
) -> tuple[DkimKey, Path]:
    """Make a key and store it as `<directory>/<domain>/<selector>.pem`, mode 0600, on the disk for good.

    Without a selector it is `r202611` (Ed25519: `e202611`) after the month, `r202611b` if that is
    taken. An existing key is never replaced. `is_awaited`: it is stored as `<selector>.pem.new`, and
    signs nothing until `put_in_use`, when its record is in the DNS. Run by root, the files belong to the owner of
    `directory`, so that the server can read them. Raises `ConfigurationError`.
    """
    try:
        domain = parse_domain(domain)
    except AddressSyntaxError as error:
        raise ConfigurationError(str(error)) from None
    folder = directory / domain
    selector = selector or _free_selector(folder, key_type, today)
    check_names(domain, selector, str(folder))
    private = (
        Ed25519PrivateKey.generate()
        if key_type is KeyType.ED25519
        else rsa.generate_private_key(65537, 2048)
    )
    path = folder / f"{selector}{AWAITED if is_awaited else '.pem'}"
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        _make_folder(directory, folder)
        write_whole(path, pem, owner=_owner(directory))
    except FileExistsError:
        raise ConfigurationError(
            f"{path}: exists; choose another --selector, a published key is not replaced"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    return DkimKey(domain, selector, private), path


def awaited_keys(directory: Path, domain: str) -> tuple[DkimKey, ...]:
    """Keys of a domain that wait for their record. Raises `ConfigurationError`."""
    paths = sorted((directory / domain).glob(f"*{AWAITED}"))
    return tuple(read_key(path) for path in paths)


def put_in_use(directory: Path, domain: str, selector: str) -> None:
    """Let an awaited key sign from the next time the keys are read; again does nothing.

    Raises `ConfigurationError` when another key has its name or the folder cannot be written.
    """
    folder = directory / domain
    awaited, path = folder / f"{selector}{AWAITED}", folder / f"{selector}.pem"
    if not awaited.exists():
        return
    try:
        path.hardlink_to(awaited)  # unlike a rename it replaces nothing
        awaited.unlink()
        sync_folder(folder)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None


def remove_keys(directory: Path, domain: str) -> int:
    """Remove all keys of a domain, on the disk for good; gives how many there were.

    Whoever signs reads the keys again after that. Raises `ConfigurationError` for a name that is no
    domain, `OSError`.
    """
    try:
        folder = directory / parse_domain(domain)
    except AddressSyntaxError as error:
        raise ConfigurationError(str(error)) from None
    if not folder.is_dir():
        return 0
    paths = [*folder.glob("*.pem"), *folder.glob(f"*{AWAITED}")]
    for path in paths:
        path.unlink(missing_ok=True)
    sync_folder(folder)
    with contextlib.suppress(OSError):  # other files of the operator's keep it
        folder.rmdir()
        sync_folder(directory)
    return len(paths)


def _free_selector(folder: Path, key_type: KeyType, today: dt.date) -> str:
    kind = "e" if key_type is KeyType.ED25519 else "r"
    stem = f"{kind}{today.year:04}{today.month:02}"
    for name in (stem, *(stem + letter for letter in "bcdefghijklmnopqrstuvwxyz")):
        if not (folder / f"{name}.pem").exists():
            return name
    raise ConfigurationError(f"{folder}: too many keys of this month; give a --selector")


def _owner(directory: Path) -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    status = directory.stat()
    return status.st_uid, status.st_gid


def _make_folder(directory: Path, folder: Path) -> None:
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        sync_folder(directory.parent)
    if not folder.exists():
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        owner = _owner(directory)
        if owner is not None:
            os.chown(folder, *owner)
        sync_folder(directory)
