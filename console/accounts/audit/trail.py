"""Makes entries of the audit trail, in the same transaction as the change that they tell of."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from console.accounts.actor import Actor
from console.accounts.audit.chain import AUDIT, ChainKey
from mta.model.clock import Clock
from mta.model.errors import InternalError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows, Scalar

MAX_AGENT = 300
MAX_STATE = 16_384  # characters of JSON for before and after
# Secrets have no place here, not even as hashes: a name like these is a mistake of ours.
_SECRET_NAMES = frozenset(("password", "secret", "api_key", "token", "scram", "totp", "hash"))

State = Mapping[str, Any]


class AuditTrail:
    """The one way in; what was written is listed by `AuditLog`."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        key: ChainKey,
        *,
        on_entry: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_entry` is called for each entry: the sealer's `wake`."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._key = key
        self._on_entry = on_entry

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("audit_last_id")
        self._ids.observe(last)

    def entry(
        self,
        actor: Actor,
        action: str,
        account: int,
        object: str | int,
        before: State | None = None,
        after: State | None = None,
        result: str = "ok",
    ) -> Rows:
        """The row to put into the job of the change; durable when that job is.

        `action` is a noun and what became of it, `account.created`; `account` 0: of none. Of
        `before` and `after` only what differs is kept. Raises `InternalError` for a secret.
        """
        was, became = _difference(before or {}, after or {})
        values: tuple[Scalar, ...] = (
            self._ids.new(),
            self._clock.now_ms(),
            actor.kind.value,
            actor.id,
            _clean(actor.name),
            _clean(actor.address),
            _clean(actor.agent)[:MAX_AGENT],
            action,
            account,
            _clean(str(object)),
            _json(was),
            _json(became),
            result,
        )
        self._on_entry()
        return Rows("audit_insert", [(*values, self._key.mac(AUDIT.name, values))])  # type: ignore[arg-type]

    async def note(
        self,
        actor: Actor,
        action: str,
        account: int,
        object: str | int,
        before: State | None = None,
        after: State | None = None,
        result: str = "ok",
    ) -> None:
        """An entry of its own, for what changes nothing: a refused sign-in, an export."""
        entry = self.entry(actor, action, account, object, before, after, result)
        await self._store.submit([entry])
        self._on_entry()


def _difference(before: State, after: State) -> tuple[State, State]:
    for name in (*before, *after):
        if name in _SECRET_NAMES:
            raise InternalError(f"the audit trail must not hold {name!r}")
    same = {name for name in before if name in after and before[name] == after[name]}
    return (
        {name: value for name, value in before.items() if name not in same},
        {name: value for name, value in after.items() if name not in same},
    )


def _json(state: State) -> str:
    if not state:
        return ""
    text = orjson.dumps(state, option=orjson.OPT_SORT_KEYS, default=str).decode()
    if len(text) > MAX_STATE:
        return orjson.dumps({"characters": len(text), "start": text[:1000]}).decode()
    return text.replace("\\u0000", "�")


def _clean(text: str) -> str:
    """What can be stored: no U+0000, no lone surrogates."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()
