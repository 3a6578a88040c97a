"""One client's connection: the session of `mta.smtp.server` on a socket.

Callback driven: no task, no timer and no log line per message. Octets go to the session, its events
are decided here by the intake and the authenticator, and what it has to say goes out in one write.
While an answer is outstanding (commit, slowed login, TLS handshake, a client that does not read)
the session stands still and reading pauses once more has come than may wait.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from functools import partial
from typing import cast

from mta.intake.ports import Receipt
from mta.listener import refusals
from mta.listener.clients import Client
from mta.listener.handshake import shake_hands
from mta.listener.login import Verdict
from mta.listener.shared import Shared
from mta.listener.tls import describe
from mta.model.envelope import Identity, Origin, Submission
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.sasl import PasswordOffered, ScramFinished, ScramStarted
from mta.smtp.server import ServerSession
from mta.smtp.server_events import (
    Closing,
    Event,
    MessageReceived,
    RecipientGiven,
    SenderGiven,
    SlowedDown,
    TlsRequested,
)


class Connection(asyncio.Protocol):
    """Protocol of one accepted socket."""

    def __init__(self, shared: Shared, client: Client | None = None) -> None:
        """`client`: known and counted already, in TLS from the start; None: found when connected."""
        self._shared = shared
        self._transport: asyncio.Transport
        self._session: ServerSession
        self._counted = client
        self._client: Client
        self.has_begun = False  # the connection was made, and counts itself out when it is lost
        self._identity: Identity | None = None
        self._tls = ""
        self._pending: asyncio.Future[Receipt] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._auth_failures = 0
        self._held_bytes = 0
        self._is_open = False
        self._is_reading = True
        self._is_write_paused = False
        self._has_ended = False  # the client sent its last octet
        self._is_shaking_hands = False
        self._opened_s = self._active_s = shared.clock.monotonic_s()
        self._receiving_since_s = 0.0
        self._received_bytes = 0
        self._taken = (0.0, 0)  # the message that is being stored: since when, for how many
        self._closing_s = 0.0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client, turn it away, or begin TLS."""
        shared = self._shared
        self._transport = cast(asyncio.Transport, transport)  # the stream servers give us no other
        with contextlib.suppress(OSError):  # AF_UNIX by socket activation
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = self._counted or shared.clients.identify(
            transport.get_extra_info("peername")
        )
        reason = "stopping" if shared.is_stopping else ""
        if self._counted is None:
            reason = reason or shared.clients.enter(self._client)
        if reason:
            self._turn_away(reason)
            return
        self.has_begun = self._is_open = True
        shared.connections.add(self)
        shared.metrics.connection_opened("in")
        if shared.trust_all or self._client.is_trusted:
            self._identity = shared.authenticator.trusted_identity(shared.trusted_account)
        self._session = ServerSession(
            shared.options,
            shared.clock,
            is_secure=self._counted is not None,
            is_trusted=self._identity is not None,
        )
        if self._counted is not None:
            self._note_tls()
        shared.wheel.add(self, self._active_s)
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Work on what came."""
        if not self._is_open:
            return
        session = self._session
        self._active_s = self._shared.clock.monotonic_s()
        session.receive(data)
        if self._is_shaking_hands:
            return  # decrypted octets may come before the handshake is reported
        if self._is_write_paused or session.is_waiting:
            if session.buffered_bytes > self._shared.limits.max_buffered:
                self._pause()
            return
        self._advance()
        if session.is_receiving:
            self._note_progress(len(data))
        elif self._receiving_since_s:  # it ended, and was refused
            self._receiving_since_s = 0.0
            self._hold(0)

    def eof_received(self) -> bool:
        """Keep a half-closed connection until all that it asked for is answered."""
        self._has_ended = True
        if self._timer is not None and self._session.is_slowed:  # nothing more can come of it
            self._timer.cancel()
            self._later(0.0, self._session.resume)
        return self._is_open and self._session.is_waiting and not self._session.is_secure

    def pause_writing(self) -> None:
        """The client does not read our replies: read no more commands."""
        self._is_write_paused = True
        self._pause()

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_write_paused = False
        if self._is_open and not self._session.is_waiting:
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client; a message handed to the intake stays with it."""
        self._forget()

    # Deadlines (`mta.listener.deadlines.Expiring`)

    def expires_s(self) -> float:
        """The deadline as of now (RFC 5321 §4.5.3.2; without a login less patience)."""
        limits = self._shared.limits
        if self._closing_s:
            return self._closing_s + limits.farewell_s
        if self._pending is not None and not self._is_write_paused:
            return self._shared.clock.monotonic_s() + limits.idle_s  # it waits for us
        if self._receiving_since_s and self._session.is_receiving:
            earned_s = limits.message_s + self._received_bytes / limits.min_rate
            return min(self._active_s + limits.block_s, self._receiving_since_s + earned_s)
        if self._identity is None:
            return min(self._active_s + limits.login_s, self._opened_s + limits.login_total_s)
        return self._active_s + limits.idle_s

    def expire(self) -> None:
        """421 4.4.2, or nothing more to say."""
        if self._closing_s or self._is_write_paused or self._is_shaking_hands:
            self.abort()
            return
        self._shared.metrics.connection_refused("timeout")
        self._session.close(refusals.TIMED_OUT, "timeout")
        self._finish()
        self._shared.wheel.add(self, self._shared.clock.monotonic_s())

    def shut_down(self) -> None:
        """Say 421 4.3.2 as soon as no message is under way."""
        if self._is_open and not self._closing_s and not self._is_busy():
            self._session.close(refusals.SHUTTING_DOWN, "shutdown")
            self._finish()

    def abort(self) -> None:
        """Cut the client off."""
        self._transport.abort()
        self._forget()

    # Work

    def _advance(self) -> None:
        session, intake = self._session, self._shared.intake
        while (event := session.next_event()) is not None:
            identity = self._identity
            if isinstance(event, RecipientGiven) and identity is not None:
                refusal = intake.check_recipient(identity, event.recipient, event.accepted + 1)
            elif isinstance(event, SenderGiven) and identity is not None:
                refusal = self._check_mail(identity, event)
            else:
                self._handle(event)
                continue
            if refusal is None:
                session.accept()
            else:
                self._shared.metrics.refused("smtp", refusal.enhanced)
                self._shared.refused(self._client, identity, event.command, refusal)
                session.answer(refusal)
        if self._closing_s or not self._is_open:
            return
        output = session.take_output()
        if output:
            self._transport.write(output)
        if session.is_waiting or self._is_write_paused:
            return
        if not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()
        if self._has_ended:
            self._finish()
        elif self._shared.is_stopping:
            self.shut_down()

    def _check_mail(self, identity: Identity, event: SenderGiven) -> Reply | None:
        shared = self._shared
        self._receiving_since_s = 0.0
        if shared.held_bytes + event.size_bytes > shared.limits.max_held:
            return refusals.NO_MEMORY
        refusal = shared.intake.check_capacity()
        return refusal or shared.intake.check_sender(identity, event.sender)

    def _handle(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self._submit(event)
        elif isinstance(event, Closing):
            if event.reason not in ("quit", "refused"):
                self._shared.metrics.connection_refused(event.reason)
            self._finish()
        elif isinstance(event, PasswordOffered):
            self._apply(self._shared.logins.password(event, self._client, self._auth_failures))
        elif isinstance(event, ScramStarted):
            self._find_keys(event)
        elif isinstance(event, ScramFinished):
            self._apply(self._shared.logins.proof(event, self._client, self._auth_failures))
        elif isinstance(event, TlsRequested):
            self._start_tls(event)
        elif isinstance(event, SlowedDown):
            delay_s = 0.0 if self._has_ended else self._shared.limits.error_delay_s
            self._later(delay_s, self._session.resume)
        else:  # MAIL or RCPT of nobody: the session asks for AUTH before
            self._session.answer(replies.NEED_AUTH)

    def _submit(self, event: MessageReceived) -> None:
        assert self._identity is not None
        session = self._session
        self._receiving_since_s = 0.0
        self._received_bytes = 0
        origin = Origin(
            session.protocol(smtputf8=event.envelope.smtputf8),
            self._client.address,
            session.helo,
            self._tls,
        )
        self._hold(len(event.content))
        self._taken = (self._active_s, len(event.envelope.recipients))
        future = self._shared.intake.submit(
            Submission(self._identity, event.envelope, event.content, origin)
        )
        if future.done():
            self._answer(future)
            return
        self._pending = future
        future.add_done_callback(self._submitted)

    def _submitted(self, future: asyncio.Future[Receipt]) -> None:
        self._pending = None
        self._answer(future)
        if self._is_open and not self._closing_s:
            self._active_s = self._shared.clock.monotonic_s()
            if not self._is_write_paused:
                self._advance()

    def _answer(self, future: asyncio.Future[Receipt]) -> None:
        self._hold(0)
        failed = future.cancelled() or future.exception() is not None
        reply = refusals.STORE_FAILED if failed else future.result().reply
        assert self._identity is not None
        self._shared.answered(self._client, self._identity, reply, self._taken)
        if self._is_open and not self._closing_s:
            self._session.answer(reply)

    # Logins

    def _find_keys(self, event: ScramStarted) -> None:
        keys = self._shared.logins.keys(event, self._client)
        if isinstance(keys, Verdict):
            self._apply(keys)
        else:
            self._session.use_keys(keys)

    def _apply(self, verdict: Verdict) -> None:
        if verdict.identity is not None:
            self._identity = verdict.identity
        elif verdict.reply.is_permanent or verdict.reply.code == 421:
            self._auth_failures += 1
        if verdict.delay_s:
            self._later(verdict.delay_s, partial(self._session.answer, verdict.reply))
        else:
            self._session.answer(verdict.reply)

    def _later(self, delay_s: float, step: Callable[[], None]) -> None:
        self._timer = self._shared.loop.call_later(delay_s, self._go_on, step)

    def _go_on(self, step: Callable[[], None]) -> None:
        self._timer = None
        if self._is_open and not self._closing_s:
            step()
            if not self._is_write_paused:
                self._advance()

    # TLS

    def _start_tls(self, event: TlsRequested) -> None:
        if event.discarded:
            self._shared.log.warning(
                "starttls_injection", peer=self._client.address, octets=event.discarded
            )
        # Nothing may be read between our 220 and the handshake.
        self._is_shaking_hands = True
        self._transport.pause_reading()
        self._transport.write(self._session.take_output())
        task = self._shared.loop.create_task(self._shake_hands())
        self._shared.handshakes.add(task)
        task.add_done_callback(self._shared.handshakes.discard)

    async def _shake_hands(self) -> None:
        shared = self._shared
        transport = await shake_hands(shared, self._transport, self, self._client.address)
        if transport is None or not self._is_open:
            self.abort()
            return
        self._is_shaking_hands = False
        self._transport = transport
        self._note_tls()
        self._active_s = shared.clock.monotonic_s()
        self._session.tls_started()
        self._advance()

    def _note_tls(self) -> None:
        self._tls = describe(self._transport.get_extra_info("ssl_object"))
        self._shared.metrics.tls_session("in", self._tls.partition(" ")[0])

    # Small steps

    def _turn_away(self, reason: str) -> None:
        self._shared.metrics.connection_refused(reason)
        reply = refusals.SHUTTING_DOWN if reason == "stopping" else refusals.TOO_MANY_CONNECTIONS
        self._transport.write(reply.encode())
        self._transport.close()

    def _note_progress(self, count: int) -> None:
        """Inside a message: when it began, how much came, and what all messages hold."""
        if not self._receiving_since_s:
            self._receiving_since_s = self._active_s
            self._received_bytes = 0
        self._received_bytes += count
        self._hold(self._session.content_bytes)
        shared = self._shared
        if shared.held_bytes > 2 * shared.limits.max_held:
            shared.metrics.connection_refused("memory")
            self._session.close(refusals.NO_MEMORY_LEFT, "memory")
            self._finish()

    def _hold(self, count: int) -> None:
        self._shared.held_bytes += count - self._held_bytes
        self._held_bytes = count

    def _is_busy(self) -> bool:
        session = self._session
        return session.is_waiting or session.is_receiving or self._is_shaking_hands

    def _pause(self) -> None:
        if self._is_reading and self._is_open:
            self._is_reading = False
            self._transport.pause_reading()

    def _finish(self) -> None:
        """Write what is left and close; whoever does not read it is cut off by the deadline."""
        if self._closing_s or not self._is_open:
            return
        self._closing_s = self._shared.clock.monotonic_s()
        output = self._session.take_output()
        if output:
            self._transport.write(output)
        self._transport.close()

    def _forget(self) -> None:
        if not self._is_open:
            return
        shared = self._shared
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        self._hold(0)
        shared.wheel.discard(self)
        shared.clients.leave(self._client)
        shared.connections.discard(self)
        shared.metrics.connection_closed("in")
        shared.on_closed()
