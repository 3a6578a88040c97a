"""What an endpoint is: one declaration that routes, checks, validates and documents.

`Endpoint` dispatches by it, `openapi` writes the document from it, a test walks it: there is no
second place that says what a request may hold or who may ask.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel

from console.accounts.values import Scope
from console.api.pagination import Paged
from console.api.uploading import SentFile
from console.api.usage_count import Counted
from mta.model.envelope import Identity, Origin
from mta.store.work import Rows

Model = TypeVar("Model", bound=BaseModel)
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler gives: a status, and a value for JSON; `body` instead if it is text already."""

    value: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes = b""
    content_type: str = "application/json"
    pieces: AsyncIterator[bytes] | None = None  # instead, for what is long


# Makes the row that remembers an answer; for handlers that commit it with what they did.
Keep = Callable[[Answer], list[Rows]]


@dataclass(slots=True)
class Call:
    """A request that was let in and understood."""

    identity: Identity
    scopes: frozenset[Scope]
    origin: Origin
    path: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None
    language: str
    request_id: str
    idempotency_key: str = ""
    counted: Counted | None = None  # set by a handler that has sent something
    file: SentFile | None = None  # for routes that take one
    keep: Keep | None = None  # set when a key was given; not called: the answer is kept afterwards

    def content(self, model: type[Model]) -> Model:
        """The body, of the route's schema."""
        assert isinstance(self.body, model)
        return self.body

    def filters(self, model: type[Model]) -> Model:
        """The query, of the route's schema."""
        assert isinstance(self.query, model)
        return self.query


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource.

    `scopes`: having any one of them lets a key in. `errors`: codes of problems beside those that
    every route has. `status`: of success.
    """

    method: str
    path: str
    name: str  # the operation's id in the document
    summary: str
    handler: Handler
    scopes: tuple[Scope, ...]
    answers: Any = None  # what success answers: a model
    takes: type[BaseModel] | None = None
    filters: type[BaseModel] | None = None
    status: int = 200
    errors: tuple[str, ...] = ()
    tag: str = ""
    description: str = ""
    commits_key: bool = False  # the handler keeps the answer in its own transaction
    secret_fields: tuple[str, ...] = ()  # of the answer: shown once, never kept
    also_gives: tuple[str, ...] = ()  # content types beside JSON
    max_file: int = 0  # octets of a file that comes as the body; 0: none does
    is_open: bool = False  # nobody has to say who they are
    is_paced: bool = True  # counts against the requests a minute of a key

    @property
    def is_paged(self) -> bool:
        """Whether it gives a page of a list."""
        return self.filters is not None and issubclass(self.filters, Paged)
