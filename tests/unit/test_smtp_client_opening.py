"""From greeting to readiness: EHLO, HELO, STARTTLS and AUTH without a socket."""

import base64

import pytest

from mta.model.outcome import OutcomeKind, Phase
from mta.smtp.client import ClientSession
from mta.smtp.client_options import ClientOptions, Credentials, TlsMode
from mta.smtp.client_states import State, Step

EHLO_TLS = b"250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
EHLO_PLAIN = b"250-mx.test\r\n250 PIPELINING\r\n"


def session(mode: TlsMode = TlsMode.OFF, **more: object) -> ClientSession:
    skip = bool(more.pop("skip_starttls", False))
    options = ClientOptions("out.example.com", mode, **more)  # type: ignore[arg-type]
    return ClientSession(options, "mx.test[192.0.2.1]", skip_starttls=skip)


def say(client: ClientSession, data: bytes) -> bytes:
    client.receive(data)
    output = b"".join(client.output)
    client.output.clear()
    return output


def test_greeting_then_ehlo_makes_ready():
    client = session()
    assert client.awaiting is Step.GREETING
    assert say(client, b"220 mx.test\r\n") == b"EHLO out.example.com\r\n"
    assert say(client, EHLO_PLAIN) == b""
    assert client.state is State.READY
    assert client.slots_free == 2
    assert client.extensions.pipelining


@pytest.mark.parametrize(
    "greeting", [b"554 5.7.1 blocked\r\n", b"521 no mail\r\n", b"450 later\r\n"]
)
def test_refusing_greeting_is_the_hosts_fault_and_never_bounces(greeting: bytes):
    client = session()
    assert say(client, greeting) == b"QUIT\r\n"
    assert client.state is State.CLOSED
    assert client.failure is not None
    assert client.failure.kind is OutcomeKind.DEFERRED
    assert client.failure.host_fault
    assert client.failure.phase is Phase.GREETING
    assert client.failure.reply.code == int(greeting[:3])


def test_421_greeting_ends_without_a_word():
    client = session()
    assert say(client, b"421 4.3.2 busy\r\n") == b""
    assert client.failure is not None
    assert client.failure.reply.code == 421


@pytest.mark.parametrize("refusal", [b"500 what\r\n", b"502 5.5.1 no\r\n", b"550 5.5.1 no\r\n"])
def test_server_that_knows_no_ehlo_gets_helo(refusal: bytes):
    client = session(TlsMode.OPPORTUNISTIC)
    say(client, b"220 mx.test\r\n")
    assert say(client, refusal) == b"HELO out.example.com\r\n"
    say(client, b"250 mx.test\r\n")
    assert client.state is State.READY
    assert not client.extensions.pipelining


def test_ehlo_refused_by_policy_fails_the_host():
    client = session()
    say(client, b"220 mx.test\r\n")
    say(client, b"550 5.7.1 go away\r\n")
    assert client.failure is not None
    assert (client.failure.phase, client.failure.kind) == (Phase.EHLO, OutcomeKind.DEFERRED)


def test_starttls_is_asked_for_when_offered_and_all_is_forgotten_after_it():
    client = session(TlsMode.OPPORTUNISTIC)
    say(client, b"220 mx.test\r\n")
    assert say(client, EHLO_TLS) == b"STARTTLS\r\n"
    assert say(client, b"220 go\r\n") == b""
    assert client.state is State.HANDSHAKE
    assert client.awaiting is None
    client.tls_started("TLSv1.3")
    assert b"".join(client.output) == b"EHLO out.example.com\r\n"
    client.output.clear()
    assert say(client, EHLO_PLAIN) == b""
    assert client.state is State.READY
    assert not client.extensions.starttls


def test_starttls_offered_again_inside_tls_is_ignored():
    client = session(TlsMode.OPPORTUNISTIC)
    say(client, b"220 mx.test\r\n")
    say(client, EHLO_TLS)
    say(client, b"220 go\r\n")
    client.tls_started("TLSv1.3")
    client.output.clear()
    assert say(client, EHLO_TLS) == b""
    assert client.state is State.READY


@pytest.mark.parametrize("injected", [b"2", b"250-mx.test\r\n250 AUTH PLAIN\r\n"])
def test_octets_behind_the_reply_to_starttls_end_the_connection(injected: bytes):
    client = session(TlsMode.OPPORTUNISTIC)
    say(client, b"220 mx.test\r\n")
    say(client, EHLO_TLS)
    assert say(client, b"220 go\r\n" + injected) == b""
    assert client.state is State.CLOSED
    assert client.failure is not None
    assert client.failure.phase is Phase.TLS
    assert "injection" in client.failure.reply.text


def test_octets_in_clear_during_the_handshake_end_the_connection():
    client = session(TlsMode.OPPORTUNISTIC)
    say(client, b"220 mx.test\r\n")
    say(client, EHLO_TLS)
    say(client, b"220 go\r\n")
    say(client, b"250 hello\r\n")
    assert client.state is State.CLOSED


def test_454_to_starttls_goes_on_in_clear_when_that_is_allowed():
    client = session(TlsMode.OPPORTUNISTIC)
    say(client, b"220 mx.test\r\n")
    say(client, EHLO_TLS)
    assert say(client, b"454 4.7.0 TLS not available\r\n") == b""
    assert client.state is State.READY


@pytest.mark.parametrize("mode", [TlsMode.ENCRYPT, TlsMode.REQUIRED])
@pytest.mark.parametrize("ehlo", [EHLO_TLS, EHLO_PLAIN])
def test_mandatory_tls_never_goes_on_in_clear(mode: TlsMode, ehlo: bytes):
    client = session(mode, skip_starttls=True)
    say(client, b"220 mx.test\r\n")
    say(client, ehlo)
    if ehlo is EHLO_TLS:
        say(client, b"454 4.7.0 TLS not available\r\n")
    assert client.state is State.CLOSED
    assert client.failure is not None
    assert client.failure.kind is OutcomeKind.DEFERRED
    assert client.failure.phase is Phase.TLS


def test_broken_tls_that_is_known_is_not_asked_for():
    client = session(TlsMode.OPPORTUNISTIC, skip_starttls=True)
    say(client, b"220 mx.test\r\n")
    assert say(client, EHLO_TLS) == b""
    assert client.state is State.READY


def test_auth_plain_is_preferred():
    client = session(credentials=Credentials("user", "secreto-Ñ1"))
    say(client, b"220 mx.test\r\n")
    said = say(client, b"250-mx.test\r\n250 AUTH LOGIN PLAIN\r\n")
    assert base64.b64decode(said.split()[2]) == "\0user\0secreto-Ñ1".encode()
    say(client, b"235 2.7.0 ok\r\n")
    assert client.state is State.READY


def test_auth_login_answers_two_challenges():
    client = session(credentials=Credentials("user", "word"))
    say(client, b"220 mx.test\r\n")
    assert say(client, b"250-mx.test\r\n250 AUTH LOGIN\r\n") == b"AUTH LOGIN\r\n"
    assert base64.b64decode(say(client, b"334 VXNlcm5hbWU6\r\n")) == b"user"
    assert base64.b64decode(say(client, b"334 UGFzc3dvcmQ6\r\n")) == b"word"
    say(client, b"235 ok\r\n")
    assert client.state is State.READY


def test_wrong_password_defers_and_blames_the_host():
    client = session(credentials=Credentials("user", "word"))
    say(client, b"220 mx.test\r\n")
    say(client, b"250-mx.test\r\n250 AUTH PLAIN\r\n")
    say(client, b"535 5.7.8 no\r\n")
    assert client.failure is not None
    assert (client.failure.kind, client.failure.phase) == (OutcomeKind.DEFERRED, Phase.AUTH)


def test_password_is_not_said_in_clear_unless_tls_is_off():
    client = session(TlsMode.OPPORTUNISTIC, credentials=Credentials("user", "word"))
    say(client, b"220 mx.test\r\n")
    assert b"AUTH" not in say(client, b"250-mx.test\r\n250 AUTH PLAIN\r\n")
    assert client.failure is not None
    assert client.failure.phase is Phase.AUTH


def test_server_without_a_known_mechanism_fails_the_host():
    client = session(credentials=Credentials("user", "word"))
    say(client, b"220 mx.test\r\n")
    say(client, b"250-mx.test\r\n250 AUTH CRAM-MD5\r\n")
    assert client.failure is not None
    assert client.failure.phase is Phase.AUTH


def test_credentials_are_never_printed():
    assert "word" not in repr(ClientOptions("x", credentials=Credentials("user", "word")))


def test_quit_before_readiness_closes():
    client = session()
    client.quit()
    assert client.state is State.CLOSED


def test_connection_lost_while_opening_is_told_with_its_step():
    client = session()
    say(client, b"220 mx.test\r\n")
    client.connection_lost("reset by peer")
    assert client.failure is not None
    assert client.failure.phase is Phase.EHLO
    assert "EHLO" in client.failure.reply.text
    assert "reset by peer" in client.failure.reply.text
