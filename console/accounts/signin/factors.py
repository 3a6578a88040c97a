"""Second factors: one-time passwords by time (RFC 6238) and recovery codes for a lost telephone.

A code is taken once: its 30 s step has to be later than that of the last one (RFC 6238 §5.2). The
step before and the one after count too, for clocks that differ. The seed is encrypted with
AES-256-GCM under a key of the installation; recovery codes have 80 random bits, so a plain hash of
them cannot be turned back.
"""

import base64
import hashlib
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import pyotp
import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.store.base import Store
from mta.store.work import Rows

STEP_S = 30
WINDOW = 1  # steps before and after the present one
RECOVERY_CODES = 10
_NONCE_BYTES = 12
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # what cannot be mistaken when read aloud


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person needs to set up an app; shown until the first code confirms it."""

    secret: str
    uri: str
    qr_svg: str


@dataclass(frozen=True, slots=True)
class FactorState:
    """What a person has."""

    is_active: bool
    codes_left: int


class SecondFactors:
    """Of all people."""

    def __init__(self, store: Store, clock: Clock, key: bytes) -> None:
        """`key`: 32 secret bytes of the installation."""
        self._store = store
        self._clock = clock
        self._cipher = AESGCM(hashlib.blake2s(key=key, person=b"totp").digest())

    async def state(self, user: int) -> FactorState:
        """Whether the person has a second factor that works."""
        rows = await self._store.read("factor_of_user", user=user)
        return FactorState(bool(rows) and rows[0][1] == "active", rows[0][3] if rows else 0)

    async def begin(self, user: int, email: str, issuer: str) -> Enrolment:
        """A new seed, or the one that waits to be confirmed. `PermanentError` if one is active."""
        rows = await self._store.read("factor_of_user", user=user)
        if rows and rows[0][1] == "active":
            raise PermanentError("a second factor is active: disable it first")
        if rows:
            secret = self._open(user, rows[0][0])
        else:
            secret = pyotp.random_base32()
            row = (user, self._seal(user, secret), self._clock.now_ms())
            await self._store.submit([Rows("factor_replace", [row], expect=1)])
        uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)
        return Enrolment(secret, uri, qr_svg(uri))

    async def confirm(self, user: int, code: str, extra: Sequence[Rows] = ()) -> list[str]:
        """Make the seed active with its first code; gives the recovery codes, [] for a wrong code.

        `extra` joins the transaction.
        """
        rows = await self._store.read("factor_of_user", user=user)
        if not rows or rows[0][1] == "active":
            return []
        step = self._step_of(self._open(user, rows[0][0]), code)
        if step is None or step <= rows[0][2]:
            return []
        codes, work = new_codes(user)
        try:
            await self._store.submit([Rows("factor_step", [(user, step)], expect=1), *work, *extra])
        except JobRefused:
            return []
        return codes

    async def check(self, user: int, code: str) -> bool:
        """Whether that is a code of the app, or a recovery code, that was never shown before."""
        code = "".join(code.split()).replace("-", "").lower()
        rows = await self._store.read("factor_of_user", user=user)
        if not rows or rows[0][1] != "active":
            return False
        if code.isascii() and code.isdigit() and len(code) == 6:
            step = self._step_of(self._open(user, rows[0][0]), code)
            if step is None:
                return False
            use = Rows("factor_step", [(user, step)], expect=1)
        else:
            use = Rows("recovery_use", [(user, _digest(user, code))], expect=1)
        try:
            await self._store.submit([use])
        except JobRefused:  # shown before, or never given
            return False
        return True

    async def renew_codes(self, user: int, extra: Sequence[Rows] = ()) -> list[str]:
        """New recovery codes; the old ones are worth nothing any more."""
        codes, work = new_codes(user)
        await self._store.submit([*work, *extra])
        return codes

    async def disable(self, user: int, extra: Sequence[Rows] = ()) -> None:
        """No second factor any more."""
        await self._store.submit(
            [Rows("factor_delete", [(user,)]), Rows("recovery_clear", [(user,)]), *extra]
        )

    async def active_users(self) -> frozenset[int]:
        """Who has a second factor."""
        return frozenset(row[0] for row in await self._store.read("factor_users"))

    def _step_of(self, secret: str, code: str) -> int | None:
        """The step that this code belongs to."""
        totp = pyotp.TOTP(secret)
        now = self._clock.now_ms() // 1000 // STEP_S
        found = None
        for step in range(now - WINDOW, now + WINDOW + 1):
            if secrets.compare_digest(totp.generate_otp(step).encode(), code.encode()):
                found = step
        return found

    def _seal(self, user: int, secret: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), str(user).encode())
        return base64.b64encode(nonce + sealed).decode()

    def _open(self, user: int, stored: str) -> str:
        sealed = base64.b64decode(stored)
        try:
            return self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], str(user).encode()
            ).decode()
        except InvalidTag:
            raise PermanentError(
                "the second factor cannot be read: the installation's secret key is another one"
            ) from None


def new_codes(user: int) -> tuple[list[str], list[Rows]]:
    """Recovery codes to show once, and the rows that store their hashes in place of the old ones."""
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
        for _ in range(RECOVERY_CODES)
    ]
    rows = [(user, _digest(user, code.replace("-", ""))) for code in codes]
    return codes, [Rows("recovery_clear", [(user,)]), Rows("recovery_insert", rows)]


def qr_svg(text: str) -> str:
    """A QR code as an SVG document."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", scale=4, border=2, xmldecl=False)
    return out.getvalue().decode()


def _digest(user: int, code: str) -> str:
    return hashlib.sha256(f"{user}:{code}".encode("utf-8", "replace")).hexdigest()
