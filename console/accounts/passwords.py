"""Hashes people's passwords with argon2id in two threads of its own, never on the event loop.

Two, so that a flood of sign-ins cannot take the processor or more than twice the memory of one hash
from the mail; who comes third waits.
"""

import asyncio
import base64
import secrets
from concurrent.futures import ThreadPoolExecutor

import argon2

from mta.model.errors import PermanentError

THREADS = 2
# Above the OWASP minimum for argon2id (19 MiB and 2 passes); about 60 ms on one core.
TIME_COST = 3
MEMORY_KIB = 32 * 1024
MIN_LENGTH = 8  # NIST SP 800-63B §5.1.1.2
MAX_LENGTH = 256


def new_password() -> str:
    """A password of 120 random bits for a person to replace."""
    return secrets.token_urlsafe(15)


def check_new_password(password: str) -> None:
    """Raises `PermanentError` for a password that is too short, too long or has control characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PermanentError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if any(character < " " or character == "\x7f" for character in password):
        raise PermanentError("control characters in the password")


class PasswordHasher:
    """argon2id off the loop."""

    def __init__(self, *, time_cost: int = TIME_COST, memory_kib: int = MEMORY_KIB) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=1
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        # Costs as much to check as a real one, and no password fits it.
        salt, digest = (_base64(secrets.token_bytes(size)) for size in (16, 32))
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={time_cost},p=1${salt}${digest}"

    async def hash(self, password: str) -> str:
        """The hash in the PHC string format, with its salt and costs."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether that is the password; None (there is no such person) takes as long and is False."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._fits, hashed or self._nobody, password
        )

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return bool(self._hasher.verify(hashed, password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def close(self) -> None:
        """End the threads after what they are doing."""
        self._threads.shutdown()


def _base64(data: bytes) -> str:
    """As in PHC strings: without padding."""
    return base64.b64encode(data).rstrip(b"=").decode()
