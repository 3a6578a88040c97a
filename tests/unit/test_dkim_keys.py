"""Keys on disk: making, reading, refusing, choosing."""

import datetime as dt
import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from mta.dkim import KeyRing, KeyType, generate_key
from mta.model.errors import ConfigurationError

TODAY = dt.date(2026, 11, 22)


def pem(private, encryption=None):
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def put(directory, domain, selector, data, mode=0o600):
    path = directory / domain / f"{selector}.pem"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


def refusal(directory):
    with pytest.raises(ConfigurationError) as caught:
        KeyRing.load(directory)
    return str(caught.value)


def test_a_new_key_is_private_and_can_be_loaded(tmp_path):
    key, path = generate_key(tmp_path, "Example.org", today=TODAY)
    assert path == tmp_path / "example.org" / "r202611.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["r202611.pem"]
    (loaded,) = KeyRing.load(tmp_path).signers("example.org")
    assert (loaded.domain, loaded.selector, loaded.algorithm) == (
        "example.org",
        "r202611",
        "rsa-sha256",
    )
    assert loaded.bits == 2048
    assert loaded.public_text == key.public_text


def test_the_key_directory_is_made_when_it_is_missing(tmp_path):
    _, path = generate_key(tmp_path / "new" / "keys", "example.org", today=TODAY)
    assert path.exists()


def test_selectors_carry_the_month_and_never_collide(tmp_path):
    made = [
        generate_key(tmp_path, "example.org", today=TODAY, key_type=KeyType.ED25519)[0]
        for _ in range(3)
    ]
    assert [key.selector for key in made] == ["e202611", "e202611b", "e202611c"]


def test_an_existing_key_is_never_replaced(tmp_path):
    _, path = generate_key(
        tmp_path, "example.org", today=TODAY, selector="s1", key_type=KeyType.ED25519
    )
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="exists; choose another --selector"):
        generate_key(tmp_path, "example.org", today=TODAY, selector="s1")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["s1.pem"]


@pytest.mark.parametrize("selector", ["a b", "-a", "a-", "a..b", "../x", "é", "x" * 64, ".a"])
def test_a_selector_must_fit_into_dns(tmp_path, selector):
    with pytest.raises(ConfigurationError, match="is not a selector"):
        generate_key(tmp_path, "example.org", today=TODAY, selector=selector)


@pytest.mark.parametrize("domain", ["", "a b", "../etc", "[192.0.2.1]"])
def test_a_domain_must_be_one(tmp_path, domain):
    with pytest.raises(ConfigurationError):
        generate_key(tmp_path, domain, today=TODAY, selector="s")
    assert os.listdir(tmp_path) == []


def test_an_international_domain_is_stored_as_a_labels(tmp_path):
    key, path = generate_key(tmp_path, "ñandú.example", today=TODAY, key_type=KeyType.ED25519)
    assert key.domain == path.parent.name == "xn--and-6ma2c.example"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    _, path = generate_key(tmp_path, "example.org", today=TODAY, key_type=KeyType.ED25519)
    path.chmod(mode)
    assert refusal(tmp_path).startswith(f"{path}: mode {mode:04o} lets others read the private key")
    assert refusal(tmp_path).endswith(f"chmod 600 {path}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is not a private key in PEM form"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is not a private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is neither an RSA nor an Ed25519 key"),
        (
            pem(rsa.generate_private_key(65537, 1024), BestAvailableEncryption(b"x")),
            "is encrypted; store it without passphrase",
        ),
    ],
)  # fmt: skip
def test_what_is_no_usable_key_is_refused(tmp_path, data, expected):
    path = put(tmp_path, "example.org", "s1", data)
    assert refusal(tmp_path).startswith(f"{path}: {expected}")


def test_a_damaged_rsa_key_is_refused(tmp_path):
    numbers = rsa.generate_private_key(65537, 1024).private_numbers()
    broken = rsa.RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        numbers.d + 2,
        numbers.dmp1 + 2,
        numbers.dmq1,
        numbers.iqmp,
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    put(tmp_path, "example.org", "s1", pem(broken))
    assert "s1.pem: is " in refusal(tmp_path)


def test_all_bad_files_are_told_together(tmp_path):
    put(tmp_path, "example.org", "s1", b"")
    put(tmp_path, "example.org", "bad selector", b"")
    put(tmp_path, "Example.com", "s1", b"")
    assert len(refusal(tmp_path).splitlines()) == 3


def test_other_files_are_left_alone(tmp_path):
    generate_key(tmp_path, "example.org", today=TODAY, key_type=KeyType.ED25519)
    (tmp_path / "README.md").write_text("keys")
    (tmp_path / "example.org" / "e202611.txt").write_text("record")
    (tmp_path / "example.org" / ".e202612.pem.0a1b2c3d").write_text("left by a crash")
    (tmp_path / "example.org" / ".hidden.pem").write_text("")
    assert KeyRing.load(tmp_path).domains == ("example.org",)


def test_no_directory_means_no_keys(tmp_path):
    ring = KeyRing.load(tmp_path / "none")
    assert ring.domains == ()
    assert ring.signers("example.org") == ()


def test_every_key_of_a_domain_signs_rsa_first(tmp_path):
    generate_key(tmp_path, "example.org", today=TODAY, key_type=KeyType.ED25519, selector="a")
    generate_key(tmp_path, "example.org", today=TODAY, selector="z")
    keys = KeyRing.load(tmp_path).signers("example.org")
    assert [(key.selector, key.algorithm) for key in keys] == [
        ("z", "rsa-sha256"),
        ("a", "ed25519-sha256"),
    ]


def test_the_nearest_parent_domain_signs(tmp_path):
    for domain in ("example.org", "b.example.org"):
        generate_key(tmp_path, domain, today=TODAY, key_type=KeyType.ED25519)
    ring = KeyRing.load(tmp_path)

    def signer(domain):
        return [key.domain for key in ring.signers(domain)]

    assert signer("example.org") == ["example.org"]
    assert signer("a.example.org") == ["example.org"]
    assert signer("a.b.example.org") == ["b.example.org"]
    assert signer("notexample.org") == []
    assert signer("org") == []
    assert signer("") == []
    assert ring.keys("a.example.org") == ()


def test_reload_sees_new_keys_and_keeps_the_old_ones_when_it_fails(tmp_path):
    ring = KeyRing.load(tmp_path)
    _, path = generate_key(tmp_path, "example.org", today=TODAY, key_type=KeyType.ED25519)
    assert ring.signers("example.org") == ()
    ring.reload()
    assert len(ring.signers("example.org")) == 1
    path.chmod(0o644)
    with pytest.raises(ConfigurationError):
        ring.reload()
    assert len(ring.signers("example.org")) == 1


def test_a_private_key_is_not_shown(tmp_path):
    key, _ = generate_key(tmp_path, "example.org", today=TODAY, key_type=KeyType.ED25519)
    assert repr(key) == "DkimKey(domain='example.org', selector='e202611')"
