"""TLS of every listener as a client finds it: versions, ciphers, groups, a certificate that changes.

What is offered is found by offering one thing at a time with OpenSSL's most lenient settings; where
`sslyze` is installed, it compares with Mozilla's intermediate profile, too.
"""

import contextlib
import importlib.util
import json
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from mta.listener.tls import CIPHERS
from tests.e2e.ground import free_port, until
from tests.e2e.server import RelevoServer

GOOD = frozenset(CIPHERS.split(":"))
TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
DOORS = ("submission", "implicit", "feedback", "console", "public")


@dataclass(frozen=True)
class Door:
    """Where one listens, and whether TLS begins with a command."""

    port: int
    is_starttls: bool = False


@dataclass(frozen=True)
class Served:
    """A server and its listeners by name."""

    server: RelevoServer
    doors: Mapping[str, Door]


@pytest.fixture(scope="module")
def served(ground) -> Iterator[Served]:
    feedback, public = free_port(), free_port()
    files = {}
    for section in ("CONSOLE", "PUBLIC"):
        files[f"{section}__TLS_CERTIFICATE"] = "certificate.pem"
        files[f"{section}__TLS_KEY"] = "key.pem"
    made = RelevoServer(
        ground, name="tls", INBOUND__LISTEN=json.dumps([f"127.0.0.1:{feedback}"]),
        PUBLIC__LISTEN=f"127.0.0.1:{public}", INBOUND__RETURN_PATH_DOMAIN="rp.sender.test", **files,
    )  # fmt: skip
    with made:
        made.start()
        doors = {
            "submission": Door(made.port, is_starttls=True),
            "implicit": Door(made.tls_port),
            "feedback": Door(feedback, is_starttls=True),
            "console": Door(made.console_port),
            "public": Door(public),
        }
        yield Served(made, doors)


def lenient(
    version: ssl.TLSVersion | None = None, ciphers: str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
) -> ssl.SSLContext:
    """A client that would take anything, or one version or cipher only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = version or ssl.TLSVersion.TLSv1
        context.maximum_version = version or ssl.TLSVersion.MAXIMUM_SUPPORTED
    return context


def connected(door: Door, context: ssl.SSLContext) -> tuple[str, str, bytes]:
    """Version, cipher and certificate (DER) of a handshake. Raises `OSError` when there is none."""
    with contextlib.ExitStack() as stack:
        if door.is_starttls:
            client = smtplib.SMTP("127.0.0.1", door.port, timeout=10)
            stack.callback(client.close)
            client.starttls(context=context)
            secure = client.sock
        else:
            plain = socket.create_connection(("127.0.0.1", door.port), timeout=10)
            secure = stack.enter_context(context.wrap_socket(plain))
        assert isinstance(secure, ssl.SSLSocket)
        cipher, certificate = secure.cipher(), secure.getpeercert(binary_form=True)
        assert cipher is not None
        assert certificate is not None
        return str(secure.version()), cipher[0], certificate


def shakes(door: Door, context: ssl.SSLContext) -> bool:
    try:
        connected(door, context)
    except (OSError, smtplib.SMTPException):
        return False
    return True


@pytest.mark.parametrize("name", DOORS)
def test_every_listener_speaks_tls_1_2_and_newer_only(served, name):
    door, versions = served.doors[name], ssl.TLSVersion
    offered = [v for v in (versions.TLSv1, versions.TLSv1_1, versions.TLSv1_2, versions.TLSv1_3)
               if shakes(door, lenient(v))]  # fmt: skip
    assert offered == [versions.TLSv1_2, versions.TLSv1_3]
    version, cipher, _ = connected(door, lenient())
    assert (version, cipher in TLS_1_3) == ("TLSv1.3", True)


@pytest.mark.parametrize("name", DOORS)
def test_every_listener_takes_no_weak_cipher(served, name):
    door = served.doors[name]
    known = [c["name"] for c in lenient().get_ciphers() if c["protocol"] != "TLSv1.3"]
    assert {"ECDHE-ECDSA-AES128-SHA", "AES128-SHA", "AECDH-NULL-SHA"} <= set(known)  # it can ask
    taken = {
        cipher for cipher in known
        if shakes(door, lenient(ssl.TLSVersion.TLSv1_2, f"{cipher}:@SECLEVEL=0"))
    }  # fmt: skip
    assert taken
    assert taken <= GOOD


@pytest.mark.parametrize("name", DOORS)
def test_every_listener_takes_the_groups_of_the_profile_only(served, name):
    door = served.doors[name]
    taken = []
    for curve in ("prime256v1", "secp384r1", "secp521r1", "secp256k1", "X25519", "X448"):
        context = lenient(ssl.TLSVersion.TLSv1_3)
        with contextlib.suppress(ssl.SSLError, ValueError):  # unknown to this OpenSSL
            context.set_ecdh_curve(curve)
            taken += [curve] if shakes(door, context) else []
    assert set(taken) <= {"prime256v1", "secp384r1", "X25519"}
    assert "prime256v1" in taken


def test_a_new_certificate_is_used_after_a_reload_by_every_listener(served):
    before = {name: connected(served.doors[name], lenient())[2] for name in DOORS}
    assert len(set(before.values())) == 1
    served.server.use_certificate()
    served.server.signal(signal.SIGHUP)
    for name in DOORS:
        old, door = before[name], served.doors[name]
        until(lambda d=door, o=old: connected(d, lenient())[2] != o, f"{name} has the new one")
    assert len({connected(served.doors[name], lenient())[2] for name in DOORS}) == 1


@pytest.mark.skipif(importlib.util.find_spec("sslyze") is None, reason="sslyze is not installed")
@pytest.mark.parametrize("name", DOORS)
def test_sslyze_finds_nothing_against_mozillas_intermediate_profile(served, name):
    door = served.doors[name]
    asked = ["--starttls=smtp"] if door.is_starttls else []
    done = subprocess.run(
        [sys.executable, "-m", "sslyze", "--mozilla_config=intermediate", *asked,
         f"127.0.0.1:{door.port}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    # Its certificates are of a private authority, which the profile forbids.
    wrong = [line for line in done.stdout.splitlines() if "* " in line and "not" in line]
    assert [line for line in wrong if "certificate" not in line.lower()] == []
