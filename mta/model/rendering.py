"""Messages that are stored once as a template and rendered for each recipient when they are sent.

What a template is made of is the business of the layers above; mta keeps its bytes, hands them
back with the recipient's values, and signs and sends what comes out.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from mta.model.address import Address

Companion = tuple[str, Sequence[tuple[int | str, ...]]]  # a write statement and its rows


class Occasion(NamedTuple):
    """One recipient's copy: what there is to know beside the template."""

    delivery: int
    address: str
    message_id: str  # with its brackets; the same at every attempt
    date: str  # RFC 5322; about when it was tried first
    merge: str  # a JSON object, or '' for no values
    message: int = 0  # 0: a copy that nobody gets, such as one for an operator's eyes


class Template(Protocol):
    """A parsed template. Its methods run in the signing threads, several at a time."""

    @property
    def author(self) -> Address:
        """The address in From, the same for all recipients."""
        ...

    @property
    def reply_to(self) -> str:
        """The address in Reply-To, the same for all recipients; empty: there is none."""
        ...

    def companions(self, message: int) -> Sequence[Companion]:
        """Rows of the layers above that become durable with the message, some hundreds at most."""
        ...

    def render(self, occasion: Occasion) -> bytes:
        """The whole message as it goes out: CRLF lines, dots not stuffed, not signed.

        ASCII, but for an address in To that is none. Raises `PermanentError` when these values
        cannot be rendered.
        """
        ...


class Marked(NamedTuple):
    """A message that was prepared for each recipient's own links."""

    content: bytes
    companions: Callable[[int], Sequence[Companion]]  # of its id: rows that become durable with it


class ContentTracker(Protocol):
    """Tracks links and opens of messages that were not made from templates."""

    def mark(self, content: bytes, account: int, *, opens: bool, clicks: bool) -> Marked | None:
        """Prepare a message; None: nothing of it can be tracked."""
        ...

    def personal(self, content: bytes, delivery: int, message: int) -> bytes:
        """A prepared message with one recipient's links. Runs in the signing threads."""
        ...


class ContentRenderer(Protocol):
    """Understands compiled templates."""

    def load(self, compiled: bytes) -> Template:
        """Parse what was stored. Raises `PermanentError` when it is no template of this release."""
        ...
