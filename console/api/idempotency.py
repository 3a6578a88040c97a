"""`Idempotency-Key`: what was asked twice is done once, and answered twice the same.

A key is claimed in memory first (one process owns the data directory, so memory knows what is under
way) and durably before anything is done, or in the transaction of what is done. Only success is
kept: a request that failed changed nothing, and may be repeated with the same key. Secrets in an
answer are never kept.
"""

import asyncio
import hashlib
import zlib
from base64 import b64decode, b64encode

import structlog

from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Keep
from mta.model.clock import Clock
from mta.model.errors import JobRefused, StoreError
from mta.store.base import Store
from mta.store.work import Rows, Scalar

MAX_KEY = 256
KEPT_MS = 24 * 3600 * 1000
DEFLATED = "!"
DEFLATE_FROM = 1_000  # octets
REPLAYED = {"Idempotency-Replayed": "true"}
SWEEP = 1_000
SWEEP_EVERY_S = 3600.0


def checked_key(text: str) -> str:
    """The key as it was sent. Raises `ApiRefusal`."""
    if not 0 < len(text) <= MAX_KEY or not text.isascii() or not text.isprintable():
        raise ApiRefusal(400, "idempotency_key_invalid")
    return text


class Idempotency:
    """Keys of all accounts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._claimed: set[tuple[int, str]] = set()
        self._log = structlog.get_logger("relevo.api")

    async def claim(
        self, account: int, key: str, request: str, body: bytes, *, atomic: bool
    ) -> "Claim | Answer":
        """The right to carry the request out, or the answer that it had.

        `atomic`: the handler commits the answer with what it does; then nothing is written here.
        Raises `ApiRefusal` for a key that is under way (409) or stands for something else (422).
        """
        if (account, key) in self._claimed:
            raise ApiRefusal(409, "idempotency_in_progress", headers={"Retry-After": "1"})
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        claim = Claim(self, account, key, request, digest)
        self._claimed.add((account, key))
        try:
            known = await self._known(claim)
            if known is None and not atomic:
                await self._store.submit([claim.row("", 0)])
        except BaseException as error:
            self.release(claim)
            if isinstance(error, JobRefused):  # written by an earlier process, just now read
                raise ApiRefusal(409, "idempotency_in_progress") from None
            raise
        if known is not None:
            self.release(claim)
            return known
        return claim

    def release(self, claim: "Claim") -> None:
        """The request is over."""
        self._claimed.discard((claim.account, claim.key))

    async def finish(self, claim: "Claim", answer: Answer, body: str) -> None:
        """Keep the answer of a request that was claimed durably; a failure leaves the key free."""
        row: tuple[Scalar, ...]
        if 200 <= answer.status < 300:
            row = (claim.account, claim.key, answer.status, packed(body))
            await self._store.submit([Rows("api_answer_end", [row])])
        else:
            await self.forget(claim)

    async def forget(self, claim: "Claim") -> None:
        """The request did nothing: its key is free."""
        await self._store.submit([Rows("api_answer_delete", [(claim.account, claim.key)])])

    async def keep_swept(self) -> None:
        """Forget old keys each hour, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except StoreError as error:
                self._log.warning("idempotency keys were not swept", error=str(error))

    async def sweep(self) -> int:
        """Forget keys older than a day; gives how many went."""
        before_ms = self._clock.now_ms() - KEPT_MS
        gone = 0
        while rows := await self._store.read("api_answer_old", before_ms=before_ms, count=SWEEP):
            await self._store.submit([Rows("api_answer_delete", rows)], bulk=True)
            gone += len(rows)
        return gone

    def now_ms(self) -> int:
        """The time of new rows."""
        return self._clock.now_ms()

    async def _known(self, claim: "Claim") -> Answer | None:
        rows = await self._store.read("api_answer_get", account=claim.account, key=claim.key)
        if not rows:
            return None
        request, digest, status, body, created_ms = rows[0]
        if created_ms < self._clock.now_ms() - KEPT_MS:
            await self.forget(claim)
            return None
        if (request, digest) != (claim.request, claim.digest):
            raise ApiRefusal(422, "idempotency_key_reused")
        if not status:
            raise ApiRefusal(409, "idempotency_unknown")
        return Answer(status=status, headers=REPLAYED, body=unpacked(body))


class Claim:
    """The right to carry out one request."""

    __slots__ = ("_owner", "account", "digest", "key", "request")

    def __init__(
        self, owner: Idempotency, account: int, key: str, request: str, digest: str
    ) -> None:
        self._owner = owner
        self.account = account
        self.key = key
        self.request = request
        self.digest = digest

    def row(self, body: str, status: int) -> Rows:
        """The key with its answer, as a guarded row."""
        row: tuple[Scalar, ...] = (
            self.account, self.key, self.request, self.digest, status, packed(body),
            self._owner.now_ms(),
        )  # fmt: skip
        return Rows("api_answer_begin", [row], expect=1)

    def keeper(self) -> Keep:
        """Makes the row for a handler's own transaction."""
        return lambda answer: [self.row(answer.body.decode(), answer.status)]


def packed(body: str) -> str:
    """Smaller where it is worth it."""
    if len(body) < DEFLATE_FROM:
        return body
    return DEFLATED + b64encode(zlib.compress(body.encode(), 1)).decode()


def unpacked(body: str) -> bytes:
    """What was packed."""
    if body.startswith(DEFLATED):
        return zlib.decompress(b64decode(body[1:]))
    return body.encode()
