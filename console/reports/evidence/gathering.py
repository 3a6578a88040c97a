"""Counts and digests the sends of an account while their rows pass by to whoever writes them.

Memory depends on the number of campaigns and days, not on that of mails: rows come in pages and are
forgotten, a unit keeps its counts, its running digest and a handful of samples.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from console.reports.evidence.reading import PAGE, SentReader, Stream
from console.reports.evidence.values import (
    Domain,
    Evidence,
    Head,
    LedgerTrace,
    Period,
    SentRow,
    Tally,
    Unit,
    UnitKey,
)
from mta.model.errors import PermanentError
from mta.model.traffic import DeliveryState
from mta.store.snapshot import StoreSnapshot

Sink = Callable[[Sequence[SentRow]], None]
Progress = Callable[[int, int], None]  # rows so far, about so many in all
_ENDED = (DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Asked:
    """For what evidence is asked, and what it says of the installation."""

    account: int
    period: Period
    made_ms: int
    hostname: str
    release: str


@dataclass(frozen=True, slots=True)
class _Campaign:
    id: int
    status: str
    sender: str
    subject: str


class Gatherer:
    """One report; `gather()` once."""

    def __init__(self, store: StoreSnapshot, asked: Asked) -> None:
        self._store = store
        self._asked = asked
        rows = store.rows("evidence_accounts", account=asked.account)
        if not rows:
            raise PermanentError(f"there is no account {asked.account} with mail of a contract")
        self._names: Mapping[int, str] = {row[0]: row[1] for row in rows}
        self._campaigns = self._read_campaigns()
        domains = {flow: one.sender.rpartition("@")[2] for flow, one in self._campaigns.items()}
        self._reader = SentReader(store, asked.period, asked.hostname, domains)
        self._tallies: dict[UnitKey, Tally] = {}

    def gather(self, sink: Sink, progress: Progress) -> Evidence:
        """Every row goes to `sink`, in the order that the digests have. Raises `StoreError`."""
        asked = self._asked
        done, expected = 0, self._expected()
        for account, name in self._names.items():
            for page in self._reader.pages(account, name):
                for sent in page:
                    tally = self._tallies.setdefault(sent.key, Tally())
                    tally.add(sent.row, sent.state, sent.message, sent.delivery, sent.at_ms)
                sink([sent.row for sent in page])
                done += len(page)
                progress(done, max(expected, done))
        units = self._units()
        digest = hashlib.sha256("\n".join(unit.digest for unit in units).encode()).hexdigest()
        return Evidence(
            asked.account, self._names[asked.account], self._contract(), asked.period,
            asked.made_ms, asked.hostname, asked.release, units, self._domains(), self._heads(),
            done, digest,
        )  # fmt: skip

    # -- inside --------------------------------------------------------------------------------

    @property
    def _accounts(self) -> str:
        return orjson.dumps(list(self._names)).decode()

    def _expected(self) -> int:
        period = self._asked.period
        ((n,),) = self._store.rows(
            "evidence_expected", accounts=self._accounts,
            first=period.first.isoformat(), last=period.last.isoformat(),
        )  # fmt: skip
        return int(n)

    def _read_campaigns(self) -> Mapping[int, _Campaign]:
        """By flow."""
        found: dict[int, _Campaign] = {}
        after = 0
        while rows := self._store.rows(
            "evidence_campaigns", accounts=self._accounts, after=after, count=200
        ):
            for number, _, status, text, fixed, _ in rows:
                content, frozen = orjson.loads(text), orjson.loads(fixed)
                if flow := frozen.get("flow"):
                    sender, subject = content.get("from_address", ""), content.get("subject", "")
                    found[flow] = _Campaign(number, status, sender, subject)
            after = rows[-1][0]
        return found

    def _units(self) -> Sequence[Unit]:
        streams = self._reader.streams()
        traces = self._ledger()
        units = [
            self._unit(key, tally, streams[key.flow], traces.get(key, LedgerTrace()))
            for key, tally in self._tallies.items()
        ]
        return sorted(units, key=lambda unit: (not unit.is_campaign, unit.first_ms, unit.key))

    def _unit(self, key: UnitKey, tally: Tally, stream: Stream, ledger: LedgerTrace) -> Unit:
        campaign, states = self._campaigns.get(key.flow), stream.states
        sender = campaign.sender if campaign else ", ".join(list(tally.senders)[:3])
        if campaign is None and len(tally.senders) > 3:
            sender += ", …"
        delivered, bounced, expired = (tally.outcomes[state] for state in _ENDED)
        waiting = sum(n for state, n in states.items() if not state.is_final)
        is_whole = stream.is_campaign
        return Unit(
            key, stream.name if is_whole else f"{stream.name} {key.day}", self._names[key.account],
            campaign.id if campaign else 0, campaign.status if campaign else "", sender,
            ", ".join(dict.fromkeys(one.rpartition("@")[2] for one in sender.split(", "))),
            campaign.subject if campaign else "",
            sum(states.values()) if is_whole else -1,
            states.get(DeliveryState.SUPPRESSED, 0) if is_whole else 0,
            states.get(DeliveryState.CANCELLED, 0) if is_whole else 0,
            waiting if is_whole else 0, tally.messages, delivered, bounced, expired,
            tally.charged, tally.first_ms, tally.last_ms, ledger, tally.digest, tally.samples,
            sum(states.get(state, 0) for state in _ENDED) if campaign else -1,
        )  # fmt: skip

    def _ledger(self) -> Mapping[UnitKey, LedgerTrace]:
        """What the books say of each unit; entries of other mail are passed over."""
        traces: dict[UnitKey, LedgerTrace] = {}
        whole = {key.flow for key in self._tallies if not key.day}
        for account in self._names:
            after = 0
            while rows := self._store.rows(
                "evidence_ledger", account=account, after=after, count=PAGE
            ):
                for row in rows:
                    flow, at_ms = row[2], row[1]
                    key = UnitKey(account, flow, "" if flow in whole else self._day(at_ms))
                    if key in self._tallies:
                        _trace(traces.setdefault(key, LedgerTrace()), row)
                after = rows[-1][0]
        return traces

    def _day(self, at_ms: int) -> str:
        return datetime.fromtimestamp(at_ms / 1000, self._asked.period.zone).date().isoformat()

    def _domains(self) -> Sequence[Domain]:
        found = []
        for name, account, state, selector, verified, checked, records in self._store.rows(
            "evidence_domains", accounts=self._accounts
        ):
            seen = {one["kind"]: one["state"] for one in orjson.loads(records)}
            owner = self._names[account]
            found.append(Domain(name, owner, state, selector, verified, checked, seen))
        return found

    def _heads(self) -> Sequence[Head]:
        return [Head(*row) for row in self._store.rows("evidence_heads")]

    def _contract(self) -> str:
        rows = self._store.rows(
            "evidence_contract", account=self._asked.account,
            day=self._asked.period.last.isoformat(),
        )  # fmt: skip
        return str(rows[0][1]) if rows else ""


def _trace(trace: LedgerTrace, row: tuple[Any, ...]) -> None:
    kind, available, consumed, reference, seq, link = row[3:]
    trace.entries += 1
    trace.consumed += consumed - (available if kind == "refund" else 0)
    trace.reference = trace.reference or reference
    if seq is not None:
        trace.first_seq = trace.first_seq or seq
        trace.last_seq, trace.last_hash = seq, link
