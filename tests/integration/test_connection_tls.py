"""STARTTLS of MxConnection: opportunistic, mandatory, broken in every way."""

import ssl

import pytest

from mta.delivery.connection import MxConnection
from mta.delivery.handshake import should_retry_in_clear
from mta.delivery.target import Credentials, Timeouts, TlsMode
from mta.delivery.tls import TlsContexts
from mta.model.outcome import Outcome, OutcomeKind, Phase
from tests.evil.behaviour import Behaviour, Fault
from tests.evil.certificates import Authority
from tests.evil.loops import on_both_loops
from tests.evil.server import EvilServer
from tests.integration.test_connection_evil import Owner, mail

DELIVERED, DEFERRED, RETURNED = (
    OutcomeKind.DELIVERED,
    OutcomeKind.DEFERRED,
    OutcomeKind.RETURNED,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def good(authority: Authority) -> ssl.SSLContext:
    return authority.issue("mx.test").server_context()


@pytest.fixture(scope="module")
def expired(authority: Authority) -> ssl.SSLContext:
    return authority.issue("mx.test", expired=True).server_context()


@pytest.fixture(scope="module")
def misnamed(authority: Authority) -> ssl.SSLContext:
    return authority.issue("other.test").server_context()


@pytest.fixture(scope="module")
def contexts(authority: Authority) -> TlsContexts:
    return TlsContexts(str(authority.ca_file))


@pytest.fixture(scope="module")
def old_tls(authority: Authority) -> ssl.SSLContext:
    """A server that the client cannot agree with: no common cipher."""
    context = authority.issue("mx.test").server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")  # RSA key exchange, but the certificate is ECDSA
    return context


def owner_with(contexts: TlsContexts, timeouts: Timeouts | None = None) -> Owner:
    owner = Owner(timeouts)
    owner.config = type(owner.config)(owner.config.timeouts, contexts, owner.config.tls_memory)
    return owner


@on_both_loops
async def test_opportunistic_mail_travels_encrypted(good: ssl.SSLContext, contexts: TlsContexts):
    async with EvilServer(Behaviour(tls=good)) as server:
        owner = owner_with(contexts)
        connection = await owner.ready(server, tls_mode=TlsMode.OPPORTUNISTIC)
        assert connection.tls.startswith("TLSv1.3 ")
        await owner.deliver(connection, mail(), mail(), mail())
        assert owner.kinds == [[DELIVERED]] * 3
        assert all(message.is_tls for message in server.received)
        assert owner.done[0][1][0].tls == "TLSv1.3"


@on_both_loops
async def test_megabytes_travel_encrypted(good: ssl.SSLContext, contexts: TlsContexts):
    content = b"Subject: big\r\n\r\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 60_000
    async with EvilServer(Behaviour(tls=good)) as server:
        owner = owner_with(contexts)
        connection = await owner.ready(server, tls_mode=TlsMode.OPPORTUNISTIC)
        await owner.deliver(connection, mail(content=content), mail())
        assert owner.kinds == [[DELIVERED], [DELIVERED]]
        assert server.received[0].content == content


@on_both_loops
@pytest.mark.parametrize("kind", ["expired", "misnamed"])
async def test_opportunistic_mode_takes_any_certificate(
    kind: str, request_context: dict[str, ssl.SSLContext], contexts: TlsContexts
):
    async with EvilServer(Behaviour(tls=request_context[kind])) as server:
        owner = owner_with(contexts)
        connection = await owner.ready(server, tls_mode=TlsMode.OPPORTUNISTIC)
        await owner.deliver(connection, mail())
        assert server.received[0].is_tls


@pytest.fixture
def request_context(
    good: ssl.SSLContext, expired: ssl.SSLContext, misnamed: ssl.SSLContext
) -> dict[str, ssl.SSLContext]:
    return {"good": good, "expired": expired, "misnamed": misnamed}


@on_both_loops
@pytest.mark.parametrize("kind", ["expired", "misnamed"])
async def test_required_mode_refuses_a_bad_certificate(
    kind: str, request_context: dict[str, ssl.SSLContext], contexts: TlsContexts
):
    async with EvilServer(Behaviour(tls=request_context[kind])) as server:
        owner = owner_with(contexts)
        outcome = await owner.open(server, tls_mode=TlsMode.REQUIRED)
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, Phase.TLS, True)
        assert outcome.reply.enhanced == "4.7.5"
        assert not should_retry_in_clear(outcome)
        assert owner.config.tls_memory.entries() == ()


@on_both_loops
async def test_required_mode_refuses_an_unknown_authority(good: ssl.SSLContext):
    async with EvilServer(Behaviour(tls=good)) as server:
        outcome = await Owner().open(server, tls_mode=TlsMode.REQUIRED)
        assert isinstance(outcome, Outcome)
        assert "certificate" in outcome.reply.text


@on_both_loops
async def test_required_mode_takes_a_good_certificate(good: ssl.SSLContext, contexts: TlsContexts):
    async with EvilServer(Behaviour(tls=good)) as server:
        owner = owner_with(contexts)
        await owner.deliver(await owner.ready(server, tls_mode=TlsMode.REQUIRED), mail())
        assert owner.kinds == [[DELIVERED]]


@on_both_loops
async def test_encrypt_mode_takes_an_expired_certificate(
    expired: ssl.SSLContext, contexts: TlsContexts
):
    async with EvilServer(Behaviour(tls=expired)) as server:
        owner = owner_with(contexts)
        await owner.deliver(await owner.ready(server, tls_mode=TlsMode.ENCRYPT), mail())
        assert server.received[0].is_tls


@on_both_loops
@pytest.mark.parametrize("mode", [TlsMode.ENCRYPT, TlsMode.REQUIRED])
async def test_stripped_starttls_defers_where_tls_is_mandatory(mode: TlsMode):
    async with EvilServer() as server:
        outcome = await Owner().open(server, tls_mode=mode)
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.phase) == (DEFERRED, Phase.TLS)


@on_both_loops
async def test_off_never_asks_for_tls(good: ssl.SSLContext):
    async with EvilServer(Behaviour(tls=good)) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server, tls_mode=TlsMode.OFF), mail())
        assert "STARTTLS" not in server.dialogues[0].commands


@on_both_loops
async def test_454_goes_on_in_clear_and_is_not_remembered(good: ssl.SSLContext):
    behaviour = Behaviour(tls=good, replies={"STARTTLS": b"454 4.7.0 Not now\r\n"})
    async with EvilServer(behaviour) as server:
        owner = Owner()
        connection = await owner.ready(server, tls_mode=TlsMode.OPPORTUNISTIC)
        await owner.deliver(connection, mail())
        assert owner.kinds == [[DELIVERED]]
        assert owner.config.tls_memory.entries() == ()


async def assert_falls_back_to_clear(server: EvilServer, owner: Owner) -> None:
    outcome = await owner.open(server, tls_mode=TlsMode.OPPORTUNISTIC)
    assert isinstance(outcome, Outcome)
    assert should_retry_in_clear(outcome)
    assert outcome.kind is RETURNED
    assert owner.config.tls_memory.is_broken("127.0.0.1", server.port)
    connection = await owner.ready(server, tls_mode=TlsMode.OPPORTUNISTIC)
    assert connection.tls == ""
    await owner.deliver(connection, mail())
    assert owner.kinds == [[DELIVERED]]


@on_both_loops
async def test_no_tls_after_220_is_remembered_and_the_next_try_is_in_clear():
    async with EvilServer(Behaviour(tls_garbage=True)) as server:
        await assert_falls_back_to_clear(server, Owner())


@on_both_loops
async def test_failed_handshake_is_remembered_and_the_next_try_is_in_clear(
    old_tls: ssl.SSLContext,
):
    async with EvilServer(Behaviour(tls=old_tls)) as server:
        await assert_falls_back_to_clear(server, Owner())


@on_both_loops
async def test_connection_dropped_at_the_handshake_is_remembered_too(good: ssl.SSLContext):
    behaviour = Behaviour(tls=good, faults={"STARTTLS": Fault.THEN_DROP})
    async with EvilServer(behaviour) as server:
        await assert_falls_back_to_clear(server, Owner())


@on_both_loops
async def test_silent_handshake_is_given_up(good: ssl.SSLContext):
    behaviour = Behaviour(tls=good, tls_silent=True)
    async with EvilServer(behaviour) as server:
        await assert_falls_back_to_clear(server, Owner(Timeouts(tls=0.2)))


@on_both_loops
@pytest.mark.parametrize("mode", [TlsMode.ENCRYPT, TlsMode.REQUIRED])
async def test_failed_handshake_never_falls_back_where_tls_is_mandatory(
    mode: TlsMode, old_tls: ssl.SSLContext
):
    async with EvilServer(Behaviour(tls=old_tls)) as server:
        owner = Owner()
        for _ in range(2):
            outcome = await owner.open(server, tls_mode=mode)
            assert isinstance(outcome, Outcome)
            assert (outcome.kind, outcome.phase) == (DEFERRED, Phase.TLS)
            assert not should_retry_in_clear(outcome)


@on_both_loops
async def test_injected_reply_behind_220_aborts_the_connection():
    behaviour = Behaviour(tls_inject=b"250-evil.test\r\n250 AUTH PLAIN\r\n")
    async with EvilServer(behaviour) as server:
        owner = Owner()
        outcome = await owner.open(server, tls_mode=TlsMode.OPPORTUNISTIC)
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, Phase.TLS, True)
        assert "injection" in outcome.reply.text
        assert owner.config.tls_memory.entries() == ()


@on_both_loops
async def test_message_lost_after_the_dot_is_uncertain_inside_tls_too(
    good: ssl.SSLContext, contexts: TlsContexts
):
    behaviour = Behaviour(tls=good, faults={"DOT": Fault.DROP})
    async with EvilServer(behaviour) as server:
        owner = owner_with(contexts)
        connection = await owner.ready(server, tls_mode=TlsMode.OPPORTUNISTIC)
        await owner.deliver(connection, mail())
        assert owner.kinds == [[OutcomeKind.UNCERTAIN]]


@on_both_loops
@pytest.mark.parametrize("mechanisms", ["AUTH PLAIN LOGIN", "AUTH LOGIN"])
async def test_smarthost_takes_the_password_inside_tls(
    mechanisms: str, good: ssl.SSLContext, contexts: TlsContexts
):
    extensions = (*Behaviour().extensions, mechanisms)
    behaviour = Behaviour(tls=good, password="secreto-Ñ1", extensions=extensions)
    async with EvilServer(behaviour) as server:
        owner = owner_with(contexts)
        connection = await owner.ready(
            server, tls_mode=TlsMode.ENCRYPT, credentials=Credentials("relevo", "secreto-Ñ1")
        )
        assert isinstance(connection, MxConnection)
        await owner.deliver(connection, mail())
        assert owner.kinds == [[DELIVERED]]
        assert server.dialogues[0].user == "relevo"


@on_both_loops
async def test_wrong_password_defers(good: ssl.SSLContext, contexts: TlsContexts):
    async with EvilServer(Behaviour(tls=good, password="right")) as server:
        outcome = await owner_with(contexts).open(
            server, tls_mode=TlsMode.ENCRYPT, credentials=Credentials("relevo", "wrong")
        )
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.phase, outcome.reply.code) == (DEFERRED, Phase.AUTH, 535)


@on_both_loops
async def test_connection_by_address_verifies_the_address(
    authority: Authority, contexts: TlsContexts
):
    context = authority.issue("127.0.0.1").server_context()
    async with EvilServer(Behaviour(tls=context)) as server:
        owner = owner_with(contexts)
        connection = await owner.ready(server, tls_mode=TlsMode.REQUIRED, host_name="127.0.0.1")
        await owner.deliver(connection, mail())
        assert owner.kinds == [[DELIVERED]]


def test_contexts_are_made_once_and_only_required_checks(contexts: TlsContexts):
    verified = contexts.for_mode(TlsMode.REQUIRED)
    unverified = contexts.for_mode(TlsMode.OPPORTUNISTIC)
    assert contexts.for_mode(TlsMode.REQUIRED) is verified
    assert contexts.for_mode(TlsMode.ENCRYPT) is unverified
    assert verified.verify_mode is ssl.CERT_REQUIRED
    assert verified.check_hostname
    assert unverified.verify_mode is ssl.CERT_NONE
    assert unverified.minimum_version is ssl.TLSVersion.TLSv1_2
