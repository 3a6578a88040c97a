"""SASL of the server: SCRAM-SHA-256 by the RFC's own example, SASLprep, names and passwords."""

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest

from mta.model.reply import Reply
from mta.smtp.sasl import Challenge, LoginExchange, PasswordOffered, PlainExchange, decode_response
from mta.smtp.saslprep import saslprep
from mta.smtp.scram import ScramServer, decoy_keys, derive_keys
from tests.dialogue.driver import PASSWORD, USER, Driver

# RFC 7677 §3
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
KEYS = derive_keys("pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))


def started(message: bytes = CLIENT_FIRST) -> ScramServer:
    server = ScramServer.start(message)
    assert server is not None
    return server


def test_scram_follows_the_example_of_rfc_7677() -> None:
    server = started()
    assert server.username == "user"
    assert server.first(KEYS, SERVER_NONCE) == SERVER_FIRST
    assert server.final(CLIENT_FINAL) == SERVER_FINAL


@pytest.mark.parametrize(
    "final",
    [
        CLIENT_FINAL.replace(b"p=dHz", b"p=dHy"),
        CLIENT_FINAL.replace(b"r=rO", b"r=rP"),
        CLIENT_FINAL.replace(b"c=biws", b"c=eSws"),
        CLIENT_FINAL.partition(b",p=")[0],
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AAAA",
        b"\xff",
        b"",
    ],
)
def test_scram_refuses_a_wrong_proof(final: bytes) -> None:
    server = started()
    server.first(KEYS, SERVER_NONCE)
    assert server.final(final) is None


@pytest.mark.parametrize(
    "message",
    [
        b"p=tls-unique,,n=user,r=abc",  # channel binding is not offered
        b"n,,m=x,n=user,r=abc",  # a mandatory extension that we do not know
        b"n,a=other,n=user,r=abc",  # to act for another
        b"n,,n=us=er,r=abc",
        b"n,,n=,r=abc",
        b"n,,n=user,r=",
        b"n,,n=\xff,r=abc",
        b"",
    ],
)
def test_scram_refuses_a_malformed_start(message: bytes) -> None:
    assert ScramServer.start(message) is None


def test_scram_name_may_hold_comma_and_equals_sign() -> None:
    assert started(b"y,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=abc").username == "a,b=c"


def test_unknown_name_gets_the_same_salt_each_time_and_never_a_match() -> None:
    first = decoy_keys("nobody", b"secret")
    assert first == decoy_keys("nobody", b"secret")
    assert first.salt != decoy_keys("somebody", b"secret").salt
    assert len(first.salt) == 16
    server = started()
    server.first(first, SERVER_NONCE)
    assert server.final(CLIENT_FINAL) is None


def scram_client(driver: Driver, username: str, password: str) -> bytes:
    """Logs in as RFC 5802 says; returns the last reply."""
    bare = f"n={username},r=clientnonce"
    reply = driver.feed(b"AUTH SCRAM-SHA-256 " + b64encode(b"n,," + bare.encode()) + b"\r\n")
    server_first = b64decode(reply.split()[1]).decode()
    fields = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), b64decode(fields["s"]), int(fields["i"])
    )
    final = f"c=biws,r={fields['r']}"
    auth = f"{bare},{server_first},{final}".encode()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), auth, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    reply = driver.feed(b64encode(f"{final},p={b64encode(proof).decode()}".encode()) + b"\r\n")
    if not reply.startswith(b"334 "):
        return reply
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    expected = b"v=" + b64encode(hmac.digest(server_key, auth, "sha256"))
    assert b64decode(reply.split()[1]) == expected
    return driver.feed(b"\r\n")


def greeted() -> Driver:
    driver = Driver.new(secure=True, trusted=False)
    driver.feed(b"EHLO x\r\n")
    return driver


def test_scram_login_through_the_session() -> None:
    driver = greeted()
    assert scram_client(driver, USER, PASSWORD) == b"235 2.7.0 Authentication succeeded\r\n"
    assert driver.session.is_authenticated


@pytest.mark.parametrize(("username", "password"), [(USER, "wrong"), ("nobody", PASSWORD)])
def test_scram_fails_the_same_for_wrong_passwords_and_unknown_names(username, password) -> None:
    driver = greeted()
    reply = scram_client(driver, username, password)
    assert reply == b"535 5.7.8 Authentication credentials invalid\r\n"
    assert not driver.session.is_authenticated


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("user", "user"),
        ("I\u00adX", "IX"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("secreto-Ñ1", "secreto-Ñ1"),
        ("n\u0303", "ñ"),
        ("\u0007", None),
        ("\u0627\u0031", None),  # RFC 4013 §3: bidirectional check
        ("\u0627\u0628", "\u0627\u0628"),
        ("a\u0627", None),
        ("x\u200e", None),
        ("\ud800", None),
        ("", ""),
    ],
)
def test_saslprep_prepares_as_rfc_4013(text: str, prepared: str | None) -> None:
    assert saslprep(text) == prepared


def test_password_that_saslprep_forbids_gets_no_keys() -> None:
    with pytest.raises(ValueError, match="SASLprep"):
        derive_keys("a\x07", b"salt")


@pytest.mark.parametrize(
    "response",
    [b"", b"a\0b", b"\0a\0b\0c", b"\0\0b", b"\0a\0", b"\xff\0a\0b", b"\0a\x07\0b"],
)
def test_plain_refuses_a_malformed_response(response: bytes) -> None:
    step = PlainExchange().step(response)
    assert isinstance(step, Reply)
    assert step.code == 501


def test_plain_takes_an_equal_authorization_identity_and_utf8() -> None:
    step = PlainExchange().step("año\0año\0secreto-Ñ1".encode())
    assert step == PasswordOffered("PLAIN", "año", "secreto-Ñ1")


def test_names_may_have_255_characters_and_no_more() -> None:
    good = PlainExchange().step(b"\0" + b"a" * 255 + b"\0b")
    assert isinstance(good, PasswordOffered)
    bad = PlainExchange().step(b"\0" + b"a" * 256 + b"\0b")
    assert isinstance(bad, Reply)
    assert bad.code == 535


def test_login_challenges_have_no_nul() -> None:
    exchange = LoginExchange()
    assert exchange.step(None) == Challenge(b"Username:")
    assert exchange.step(b"a") == Challenge(b"Password:")
    assert exchange.step(b"b") == PasswordOffered("LOGIN", "a", "b")


@pytest.mark.parametrize("line", [b"YQ", b"YQ==YQ==", b"Y Q==", b"=", b"YQ=a", b"\xff\xff"])
def test_base64_is_strict(line: bytes) -> None:
    assert decode_response(line) is None
