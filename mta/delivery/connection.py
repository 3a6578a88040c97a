"""One connection to a mail server: the sans-IO client behind `asyncio.Protocol`.

Callback driven: no task and no timer per message. What a reply makes due (a body, its final dot,
the next transaction's commands) leaves in one write, after the owner was told of finished
transactions, so that what it hands over in that moment still joins the write.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from mta.delivery.egress_socket import connect_socket
from mta.delivery.handshake import handshake_failed
from mta.delivery.target import Target, Timeouts
from mta.delivery.tls import TlsContexts
from mta.delivery.tls_memory import TlsMemory
from mta.delivery.transaction import Transaction
from mta.delivery.watchdog import Watchdog
from mta.model.errors import InternalError
from mta.model.outcome import Outcome, Phase
from mta.model.reply import Reply
from mta.smtp.client import ClientSession
from mta.smtp.client_options import ClientOptions
from mta.smtp.client_states import State, Step

# What is handed to the transport at once; of bigger bodies the rest waits until that is with the
# kernel. At 64 KiB a peer that takes 400 octets a second still makes progress in `Timeouts.block`.
SLICE_OCTETS = 65_536
# Pause as soon as anything is left over, resume when nothing is. Not 0 for the upper one: TLS
# transports pause when their buffer reaches it, so they would be paused while empty, for ever.
_WATER_MARKS = (1, 0)
_CLOSED = State.CLOSED  # a global costs a tenth of a look-up in the class (Python 3.11)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """What all connections of a process share."""

    timeouts: Timeouts
    tls_contexts: TlsContexts
    tls_memory: TlsMemory


OnDone = Callable[["MxConnection", Transaction, list[Outcome]], None]
OnSlot = Callable[["MxConnection"], None]
OnClosed = Callable[["MxConnection", list[Transaction]], None]


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
        self._transfer = self._session.transfer
        self._output = self._session.output
        self._finished = self._session.finished
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
        self._is_encrypting = False
        self._is_paused = False
        self._backlog: deque[bytes | memoryview] = deque()
        self._watchdog = Watchdog(
            self._loop,
            shortest_s=config.timeouts.shortest,
            allowed_s=self._allowed_s,
            on_expired=self._on_expired,
        )
        self._transaction_since_s = -1.0  # the first flight's beginning; negative: none yet
        self._progress = -1  # of the transfer when the wait began; -1: begin anew

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
        callback was or will be called. Cancelling closes the socket. See `handshake.should_retry_in_clear`.
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
        return self._transfer.slots_free

    @property
    def is_idle(self) -> bool:
        """True while open and nothing is under way: only then a pool may hold it."""
        return self._transfer.slots_free > 0 and not self._transfer.flights

    @property
    def messages_sent(self) -> int:
        """Messages that the peer has taken on this connection."""
        return self._transfer.messages_sent

    @property
    def offers_dsn(self) -> bool:
        """True when NOTIFY, ORCPT, RET and ENVID are passed on (RFC 3461)."""
        return self._transfer.extensions.dsn

    @property
    def offers_pipelining(self) -> bool:
        """True when the peer takes commands without waiting (RFC 2920)."""
        return self._transfer.extensions.pipelining

    def send(self, transaction: Transaction) -> None:
        """Send now, or right behind the transaction under way; `slots_free` must not be 0.

        On a connection that was closed meanwhile the transaction comes back RETURNED.
        Raises `InternalError` when the slots are taken.
        """
        session, transfer = self._session, self._transfer
        if transfer.slots_free:
            transfer.submit(transaction)
        elif session.state is State.READY and not transfer.is_quitting:
            raise InternalError(f"{self.peer}: no slot is free")
        else:
            reply = Reply.of(451, "4.4.2", "the connection had ended")
            outcome = session.verdicts.returned(reply, Phase.MAIL)
            outcomes = [outcome] * len(transaction.recipients)
            self._loop.call_soon(self._on_done, self, transaction, outcomes)
            return
        if not self._is_pumping:
            self._flush()
            if self._finished:
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
        self._transport.set_write_buffer_limits(*_WATER_MARKS)
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
        self._is_closing = True
        if self._is_encrypting:
            return  # `start_tls` raises, and that is what counts
        detail = "" if exc is None else str(exc)
        self._session.connection_lost(detail, dot_is_out=not self._backlog)
        self._backlog.clear()
        self._pump()
        self._watchdog.cancel()
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
        self._is_encrypting = True
        try:
            if transport.is_closing():  # start_tls would wait for its deadline
                raise ConnectionResetError("connection lost")
            secured = await self._loop.start_tls(
                transport,
                self,
                self._config.tls_contexts.for_mode(target.tls_mode),
                server_hostname=target.host_name.rstrip(".") or target.address,
                ssl_handshake_timeout=self._config.timeouts.tls,
                ssl_shutdown_timeout=self._config.timeouts.quit,
            )
            if secured is None or self._is_closing:
                raise ConnectionResetError("connection lost")
            secured_by = secured.get_extra_info("ssl_object")
            version, cipher = secured_by.version(), secured_by.cipher()[0]
        except (OSError, ValueError) as error:  # ssl.SSLError is the one, a bad host name the other
            memory = self._config.tls_memory
            return session.failure or handshake_failed(error, target, session.verdicts, memory)
        finally:
            self._is_encrypting = False
        self._transport = secured
        self._is_paused = False
        secured.set_write_buffer_limits(*_WATER_MARKS)
        self.tls = f"{version} {cipher}"
        session.tls_started(version)
        self._flush()
        return None

    # Replies out, commands in

    def _pump(self) -> None:
        """Tell the owner what is finished, then write what is due, in one go."""
        if self._is_pumping:
            return
        finished = self._finished
        if finished:
            self._transaction_since_s = -1.0
            self._is_pumping = True
            try:
                while finished:
                    batch = finished[:]
                    finished.clear()
                    for transaction, outcomes in batch:
                        self._on_done(self, transaction, outcomes)
                    if self._transfer.slots_free:
                        self._on_slot(self)
            finally:
                self._is_pumping = False
        self._flush()
        if not self._is_open:
            self._report_opening()

    def _report_opening(self) -> None:
        if self._session.state is not State.OPENING and not self._change.done():
            self._change.set_result(None)

    def _flush(self) -> None:
        """Write the session's output, begin a new wait, close when it is over."""
        if self._output:
            self._write()
        if self._session.state is _CLOSED:
            self._close()
        elif self._transfer.progress != self._progress:
            self._watch()

    def _write(self) -> None:
        output, transport = self._output, self._transport
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        if transport is None or self._is_closing:
            return
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
        self._watchdog.cancel()
        self._backlog.clear()
        if self._transport is not None:
            if self._session.ended_politely:
                self._transport.close()
            else:
                self._transport.abort()

    def _abort(self) -> None:
        self._is_closing = True
        self._watchdog.cancel()
        if self._transport is not None:
            self._transport.abort()

    # Deadlines

    def _watch(self) -> None:
        """A new wait begins: another reply is awaited, or the body made progress."""
        self._progress = self._transfer.progress
        self._watchdog.restart()
        if self._transaction_since_s < 0:
            self._transaction_since_s = self._watchdog.since_s

    def _allowed_s(self) -> float | None:
        """How long the present wait may last, counted from its beginning; None: idle."""
        session, timeouts = self._session, self._config.timeouts
        step = session.awaiting
        if step is None:
            return None
        if self._is_paused or self._backlog:
            allowed_s = timeouts.block
        elif step is Step.GREETING and self.target.is_known:
            allowed_s = timeouts.greeting_known
        else:
            allowed_s = timeouts.of_step(step)
        if self._transfer.flights:
            end_s = self._transaction_since_s + timeouts.transaction
            allowed_s = min(allowed_s, end_s - self._watchdog.since_s)
        return allowed_s

    def _on_expired(self) -> None:
        waited_s = self._loop.time() - self._watchdog.since_s
        self._session.timed_out(waited_s, dot_is_out=not self._backlog)
        self._pump()
