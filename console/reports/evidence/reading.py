"""Walks what a store keeps of sends, beside the server that works on it: pages by key, each a read of
its own, so that memory is constant and the log of the database does not grow meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from console.reports.evidence.values import NS, Period, SentRow, UnitKey
from mta.model.traffic import DeliveryState
from mta.spool.rows import MessageFlag
from mta.store.snapshot import StoreSnapshot

PAGE = 2_000
_TEMPLATE = int(MessageFlag.TEMPLATE)
_OUTCOMES = {state: state.label for state in DeliveryState}


@dataclass(frozen=True, slots=True)
class Stream:
    """A flow: a campaign, or a stream of API and SMTP mail."""

    id: int
    name: str
    is_campaign: bool
    states: Mapping[DeliveryState, int]


@dataclass(frozen=True, slots=True)
class Sent:
    """A row with what it is counted by."""

    key: UnitKey
    row: SentRow
    state: int
    message: int
    delivery: int
    at_ms: int


class SentReader:
    """The sends of some accounts in a period."""

    def __init__(
        self, store: StoreSnapshot, period: Period, hostname: str, domains: Mapping[int, str]
    ) -> None:
        """`hostname`: what Relevo's own Message-IDs end with. `domains`: of campaigns, by flow."""
        self._store = store
        self._period = period
        self._hostname = hostname
        self._domains = domains
        self._streams: dict[int, Stream] = {}

    def streams(self) -> Mapping[int, Stream]:
        """Those that were met so far, read anew: their counters move while mail goes out."""
        found: dict[int, Stream] = {}
        for flow, name, kind, state, n in self._store.rows(
            "evidence_flows", flows=orjson.dumps(list(self._streams)).decode()
        ):
            was = found.get(flow)
            states = dict(was.states) if was else {}
            if state is not None:
                states[DeliveryState(state)] = n
            found[flow] = Stream(flow, name, kind == "campaign", states)
        return found

    def pages(self, account: int, name: str) -> Iterator[Sequence[Sent]]:
        """All of an account, a page at a time, in the order of messages and of their answers."""
        for rows in self._raw(account):
            self._meet({row[10] for row in rows})
            yield [self._sent(account, name, row) for row in rows]

    def _raw(self, account: int) -> Iterator[list[tuple[Any, ...]]]:
        message, end = self._period.first_id - 1, self._period.end_id
        while rows := self._store.rows(
            "evidence_next", account=account, message=message, until=end, count=PAGE
        ):
            yield rows
            if len(rows) < PAGE:
                return
            message, event = rows[-1][:2]
            while rows := self._store.rows(
                "evidence_rest", message=message, event=event, count=PAGE
            ):
                yield rows
                event = rows[-1][1]

    def _meet(self, flows: set[int]) -> None:
        for flow in flows - self._streams.keys():
            (row, *_) = self._store.rows("evidence_flows", flows=f"[{flow}]")
            self._streams[flow] = Stream(flow, row[1], row[2] == "campaign", {})

    def _sent(self, account: int, name: str, row: tuple[Any, ...]) -> Sent:
        message, _, at_ms, delivery, address, state, attempts, reply, host, text = row[:10]
        flow, sender, header_id, subject, flags, charged = row[10:]
        zone, stream = self._period.zone, self._streams[flow]
        data = orjson.loads(text) if text else {}
        accepted = _moment(message // NS, zone)
        day = "" if stream.is_campaign else accepted[:10]
        shown = SentRow(
            f"{stream.name} {day}" if day else stream.name, name, str(delivery), address, accepted,
            _moment(at_ms, zone), _OUTCOMES[state], data.get("reply") or reply,
            data.get("host") or host, data.get("tls") or "", attempts, charged, sender,
            self._domains.get(flow) or sender.rpartition("@")[2],
            f"<{delivery:x}.relevo@{self._hostname}>" if flags & _TEMPLATE else header_id,
            _subject(subject),
        )  # fmt: skip
        return Sent(UnitKey(account, flow, day), shown, state, message, delivery, at_ms)


def _moment(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, zone).isoformat(timespec="milliseconds")


@lru_cache(maxsize=512)
def _subject(raw: str) -> str:
    """As people read it; what cannot be decoded as it stands."""
    try:
        return str(make_header(decode_header(raw)))
    except (MessageError, LookupError, ValueError):
        return raw
