"""The one tree of exceptions, split by what the caller has to do.

A refusal by policy or by a remote server is a value (`Reply`, `Outcome`), never an exception.
"""


class RelevoError(Exception):
    """Root of everything Relevo raises on purpose."""


class TransientError(RelevoError):
    """Nothing changed; the same call may succeed later."""


class PermanentError(RelevoError):
    """Nothing changed; the same call will fail again."""


class PeerError(RelevoError):
    """The other side broke its protocol."""


class InternalError(RelevoError):
    """Our own fault: an invariant does not hold."""


class ConfigurationError(RelevoError):
    """Settings, keys or files are not as needed; the message gives fact, value and remedy."""


class StoreError(TransientError):
    """The database did not take a job; nothing of the job is kept."""


class JobRefused(StoreError):
    """A guarded statement of the job changed another number of rows than expected."""


class StoreFailed(StoreError):
    """The disk failed under a commit (EIO): the process has to end, nothing may be retried."""


class ContentDamaged(PermanentError):
    """The bytes of a stored content are not those that were stored, or cannot be read."""


class AddressSyntaxError(PermanentError):
    """A mailbox is not one of RFC 5321 §4.1.2 (extended by RFC 6531)."""
