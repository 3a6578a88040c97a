"""One connection to a mail server: the sans-IO client behind `asyncio.Protocol`.

Callback driven: no task and no timer per message. What a reply makes due (a body, its final dot,
the next transaction's commands) leaves in one write, after the owner was told of finished
transactions, so that what it hands over in that moment still joins the write.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from mta.delivery.deadline import NEVER, Deadline
from mta.delivery.egress_socket import connect_socket
from mta.delivery.target import Target, Timeouts
from mta.delivery.tls import TlsContexts
from mta.delivery.tls_memory import TlsMemory
from mta.delivery.transaction import Transaction
from mta.model.errors import InternalError
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.smtp.client import ClientSession
from mta.smtp.client_options import ClientOptions
from mta.smtp.client_states import State

# What is handed to the transport at once; of bigger bodies the rest waits until that is with the
# kernel. At 64 KiB a peer that takes 400 octets a second still makes progress in `Timeouts.block`.
SLICE_OCTETS = 65_536


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """What all connections of a process share."""

    timeouts: Timeouts
    tls_contexts: TlsContexts
    tls_memory: TlsMemory


OnDone = Callable[["MxConnection", Transaction, list[Outcome]], None]
OnSlot = Callable[["MxConnection"], None]
OnClosed = Callable[["MxConnection", list[Transaction]], None]


def should_retry_in_clear(outcome: Outcome) -> bool:
    """True for the outcome of `open` when TLS failed in opportunistic mode.

    The peer is remembered: opening the same target again goes in clear (RFC 7435 §3).
    """
    return outcome.kind is OutcomeKind.RETURNED and outcome.phase is Phase.TLS


class MxConnection(asyncio.Protocol):
    """A connection that is ready for mail; made by `open`, ended by `quit`, the peer or a deadline.

    The callbacks run on the loop and must not raise. `on_done` comes once for each transaction,
    with one outcome per recipient, except for those that `on_closed` gives back unsent. `on_slot`
    comes after `on_done` when a further transaction may be handed over. `on_closed` comes once,
    last. None of them runs inside `send` or `quit`.
    """

    def __init__(
        self,
        target: Target,
        config: ConnectionConfig,
        *,
        on_done: OnDone,
        on_slot: OnSlot,
        on_closed: OnClosed,
    ) -> None:
        """Use `open`."""
        options = ClientOptions(target.ehlo, target.tls_mode, target.credentials)
        skip_starttls = config.tls_memory.is_broken(target.address, target.port)
        self.target = target
        self.peer = target.peer
        self.tls = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", empty in clear
        self._session = ClientSession(options, target.host, skip_starttls=skip_starttls)
        self._config = config
        self._on_done = on_done
        self._on_slot = on_slot
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._change: asyncio.Future[None] = self._loop.create_future()  # OPENING was left
        self._is_open = False  # `open` has returned it: the callbacks are owed
        self._is_pumping = False
        self._is_closing = False
        self._is_paused = False
        self._backlog: deque[bytes | memoryview] = deque()
        self._step_timeouts = config.timeouts.by_step(is_known=target.is_known)
        shortest_s = min(*self._step_timeouts, config.timeouts.block)
        self._deadline = Deadline(self._loop, shortest_s, self._on_deadline)
        self._transaction_deadline = NEVER
        self._waiting_since = 0.0
        self._progress = -1  # of the session when the wait began; -1: begin anew

    # For the owner

    @classmethod
    async def open(
        cls,
        target: Target,
        config: ConnectionConfig,
        *,
        on_done: OnDone,
        on_slot: OnSlot,
        on_closed: OnClosed,
    ) -> "MxConnection | Outcome":
        """Connect, greet, encrypt and authenticate as the target says.

        Returns the connection, ready for two transactions, or the outcome that ended it; then no
        callback was or will be called. Cancelling closes the socket. See `should_retry_in_clear`.
        """
        sock = await connect_socket(target, config.timeouts.connect)
        if isinstance(sock, Outcome):
            return sock
        connection = cls(target, config, on_done=on_done, on_slot=on_slot, on_closed=on_closed)
        try:
            await connection._loop.create_connection(lambda: connection, sock=sock)
            outcome = await connection._become_ready()
        except BaseException:
            connection._abort()
            if connection._transport is None:
                sock.close()
            raise
        if outcome is not None:
            connection._abort()
            return outcome
        connection._is_open = True
        return connection

    @property
    def slots_free(self) -> int:
        """How many further transactions may be handed over now: 0 to 2."""
        return self._session.slots_free

    @property
    def is_idle(self) -> bool:
        """True while open and nothing is under way: only then a pool may hold it."""
        return self._session.slots_free > 0 and not self._session.has_flights

    @property
    def messages_sent(self) -> int:
        """Messages that the peer has taken on this connection."""
        return self._session.messages_sent

    @property
    def offers_dsn(self) -> bool:
        """True when NOTIFY, ORCPT, RET and ENVID are passed on (RFC 3461)."""
        return self._session.extensions.dsn

    @property
    def offers_pipelining(self) -> bool:
        """True when the peer takes commands without waiting (RFC 2920)."""
        return self._session.extensions.pipelining

    def send(self, transaction: Transaction) -> None:
        """Send now, or right behind the transaction under way; `slots_free` must not be 0.

        On a connection that was closed meanwhile the transaction comes back RETURNED.
        Raises `InternalError` when the slots are taken.
        """
        session = self._session
        if session.slots_free:
            session.submit(transaction)
        elif session.state is State.READY and not session.is_quitting:
            raise InternalError(f"{self.peer}: no slot is free")
        else:
            reply = Reply.of(451, "4.4.2", "the connection had ended")
            outcome = session.verdicts.returned(reply, Phase.MAIL)
            outcomes = [outcome] * len(transaction.recipients)
            self._loop.call_soon(self._on_done, self, transaction, outcomes)
            return
        if not self._is_pumping:
            self._flush()
            if session.has_finished:
                self._loop.call_soon(self._pump)

    def quit(self) -> None:
        """Take no more; finish what is under way, say QUIT, close. Safe to call twice."""
        self._session.quit()
        if not self._is_pumping:
            self._flush()

    def abort(self) -> None:
        """Drop the connection now; what is under way ends as if the peer had dropped it."""
        self._abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; every unsent octet counts as back-pressure."""
        # uvloop's transports are no subclasses of asyncio's, so this cannot be an isinstance.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Let the session read, then tell and write what follows from it."""
        self._session.receive(data, dot_is_out=not self._backlog)
        self._pump()

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self._is_paused = True
        self._progress = -1

    def resume_writing(self) -> None:
        """All that was written is with the kernel: that is progress."""
        self._is_paused = False
        self._progress = -1
        self._drain()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: whatever was open gets its outcome."""
        detail = "" if exc is None else str(exc)
        self._session.connection_lost(detail, dot_is_out=not self._backlog)
        self._is_closing = True
        self._backlog.clear()
        self._pump()
        self._deadline.cancel()
        if self._is_open:
            self._is_open = False
            self._on_closed(self, self._session.take_unsent())

    # Opening

    async def _become_ready(self) -> Outcome | None:
        """Wait until mail can be sent; the outcome that prevents it, or None."""
        session = self._session
        while True:
            await self._change  # its deadline is the timer's
            if session.state is not State.HANDSHAKE:
                break
            self._change = self._loop.create_future()
            failure = await self._encrypt()
            if failure is not None:
                return failure
        if session.state is State.READY:
            return None
        return session.failure or session.verdicts.host_failed(
            Reply.of(451, "4.4.2", "connection closed"), Phase.CONNECT
        )

    async def _encrypt(self) -> Outcome | None:
        """TLS over the open connection (RFC 3207); the outcome when it fails."""
        target, transport, session = self.target, self._transport, self._session
        assert transport is not None
        context = self._config.tls_contexts.for_mode(target.tls_mode)
        try:
            secured = await self._loop.start_tls(
                transport,
                self,
                context,
                server_hostname=target.host_name.rstrip(".") or target.address,
                ssl_handshake_timeout=self._config.timeouts.tls,
                ssl_shutdown_timeout=self._config.timeouts.quit,
            )
            if secured is None or session.state is not State.HANDSHAKE:
                raise ConnectionResetError("connection lost in the handshake")
            self._transport = secured
            cipher = secured.get_extra_info("cipher")
            if cipher is None:
                raise ConnectionResetError("connection lost in the handshake")
        except OSError as error:  # ssl.SSLError and TimeoutError are
            if session.failure is not None:
                return session.failure
            return self._handshake_failed(error)
        secured.set_write_buffer_limits(high=0)
        self._is_paused = False
        self.tls = f"{cipher[1]} {cipher[0]}"
        session.tls_started(cipher[1])
        self._flush()
        return None

    def _handshake_failed(self, error: OSError) -> Outcome:
        verdicts, target = self._session.verdicts, self.target
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = error.verify_message
        else:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        reply = Reply.of(454, "4.7.5", f"TLS handshake failed: {reason}")
        if target.tls_mode.is_mandatory:
            return verdicts.host_failed(reply, Phase.TLS)
        self._config.tls_memory.remember(target.address, target.port, reason)
        return verdicts.returned(reply, Phase.TLS)

    # Replies out, commands in

    def _pump(self) -> None:
        """Tell the owner what is finished, then write what is due, in one go."""
        if self._is_pumping:
            return
        session = self._session
        self._is_pumping = True
        try:
            while finished := session.take_finished():
                for transaction, outcomes in finished:
                    self._transaction_deadline = NEVER
                    self._on_done(self, transaction, outcomes)
                if session.slots_free:
                    self._on_slot(self)
        finally:
            self._is_pumping = False
        self._flush()
        if session.state is not State.OPENING and not self._change.done():
            self._change.set_result(None)

    def _flush(self) -> None:
        """Write the session's output, look after the deadline, close when it is over."""
        session = self._session
        output = session.take_output()
        if output:
            self._write(output)
        if session.state is State.CLOSED:
            self._close()
        elif session.progress != self._progress:
            self._watch()

    def _write(self, pieces: Sequence[bytes]) -> None:
        transport = self._transport
        if transport is None or self._is_closing:
            return
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if len(data) <= SLICE_OCTETS and not self._backlog:
            transport.write(data)
            return
        view = memoryview(data)
        self._backlog.extend(
            view[start : start + SLICE_OCTETS] for start in range(0, len(data), SLICE_OCTETS)
        )
        self._drain()

    def _drain(self) -> None:
        """Hand slices over until the kernel takes no more."""
        transport, backlog = self._transport, self._backlog
        while backlog and not self._is_paused and transport is not None:
            transport.write(backlog.popleft())

    def _close(self) -> None:
        """Close, with what is still to be sent if the end was polite, else at once."""
        if self._is_closing:
            return
        self._is_closing = True
        self._deadline.cancel()
        self._backlog.clear()
        if self._transport is not None:
            if self._session.ended_politely:
                self._transport.close()
            else:
                self._transport.abort()

    def _abort(self) -> None:
        self._is_closing = True
        self._deadline.cancel()
        if self._transport is not None:
            self._transport.abort()

    # Deadlines

    def _watch(self) -> None:
        """Start the wait for the reply that is awaited now."""
        session, timeouts = self._session, self._config.timeouts
        self._progress = session.progress
        step = session.awaiting
        if step is None:
            self._transaction_deadline = NEVER
            self._deadline.set(NEVER)
            return
        now_s = self._waiting_since = self._loop.time()
        is_sending = self._is_paused or self._backlog
        at_s = now_s + (timeouts.block if is_sending else self._step_timeouts[step])
        if session.has_flights:
            if self._transaction_deadline == NEVER:
                self._transaction_deadline = now_s + timeouts.transaction
            at_s = min(at_s, self._transaction_deadline)
        self._deadline.set(at_s)

    def _on_deadline(self) -> None:
        waited_s = self._loop.time() - self._waiting_since
        self._session.timed_out(waited_s, dot_is_out=not self._backlog)
        self._pump()
