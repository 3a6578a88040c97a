"""What happens to one mail of the simulated year, as the rows that the engine would have written."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.year_plan import BOUNCES, DAY_MS, HOUR_MS, LINKS, READING, Site
from console.tracking.folding import Folded, fold
from console.tracking.hits import Hit, HitClass, HitKind
from mta.model.traffic import DeliveryState, TrafficClass

Row = tuple[Any, ...]
OPEN, CLICK = int(HitKind.OPEN), int(HitKind.CLICK)
_LIMA_MS = -5 * HOUR_MS
_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
_GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
_AGENTS = {
    HitClass.HUMAN: _FIREFOX, HitClass.PROXY_GMAIL: _GMAIL, HitClass.UNKNOWN: "Zzyzx/1.0",
    HitClass.MPP_APPLE: "Mozilla/5.0", HitClass.SCANNER: "curl/8.5.0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stream:
    """What a mail belongs to."""

    account: int
    flow: int
    is_campaign: bool
    open_share: float


@dataclass(slots=True)
class Sums:
    """Roll-ups, as `FigureCounting` and the bookkeeping of hits make them."""

    outcomes: Counter[Row] = field(
        default_factory=Counter
    )  # flow, hour, type, class, provider, late
    engaged: dict[Row, list[int]] = field(default_factory=dict)
    links: dict[Row, list[int]] = field(default_factory=dict)
    link_hours: dict[Row, list[int]] = field(default_factory=dict)
    states: Counter[tuple[int, int]] = field(default_factory=Counter)  # flow, state


class Rows:
    """The rows of some mails; taken out when there are many."""

    def __init__(self) -> None:
        self.deliveries: list[Row] = []
        self.messages: list[Row] = []
        self.events: list[Row] = []
        self.hits: list[Row] = []
        self.engagement: list[Row] = []
        self.people: list[Row] = []
        self.charges: list[Row] = []


class Writer:
    """Makes the rows and sums of one mail after the other."""

    def __init__(self, sites: Sequence[Site], seed: int) -> None:
        self.rng = random.Random(seed)
        self.sums = Sums()
        self.rows = Rows()
        self._sites = self.rng.choices(sites, [site.weight for site in sites], k=4096)
        self._told = {site.id: _told(site) for site in sites}
        self._agents = {
            klass: orjson.dumps({"class": klass.shown, "peer": "198.51.100.7", "agent": agent}).decode()
            for klass, agent in _AGENTS.items()
        }  # fmt: skip
        self._delays = self.rng.choices(range(24), READING, k=1024)

    def accepted(self, stream: Stream, message: int, at: int, total: int) -> None:
        """A message came in."""
        self.rows.messages.append(
            (message, stream.flow, stream.account, 1, "avisos@x.gob.pe", 1, 0, 2048, 0, 0, "", "",
             f"<{message}@x.gob.pe>", "Aviso", "192.0.2.7", "", "")
        )  # fmt: skip
        data = f'{{"sender":"avisos@x.gob.pe","recipients":{total},"size":2048}}'
        self._event(1, at, stream, message, 0, data)

    def mail(self, stream: Stream, message: int, delivery: int, n: int, who: int, at: int) -> None:
        """One recipient's mail, from the queue to the last click."""
        rng, site = self.rng, self._sites[self.rng.randrange(4096)]
        told, chance = self._told[site.id], rng.random()
        state, attempts, klass, reply = DeliveryState.DELIVERED, 1, "", told["reply"]
        if chance < 0.01:
            state, attempts, klass, reply = DeliveryState.SUPPRESSED, 0, "suppressed", ""
            self._outcome(6, at, stream, message, delivery, site, told["suppressed"])
        elif chance < 0.04:
            state, klass = DeliveryState.BOUNCED, rng.choice(BOUNCES)
            self._outcome(4, at, stream, message, delivery, site, told[klass], klass)
        elif chance < 0.043:
            state, attempts, klass = DeliveryState.EXPIRED, 9, "expired"
            for retry in range(8):
                self._event(3, at + retry * HOUR_MS, stream, message, delivery, told["deferred"])
            at += DAY_MS
            self._outcome(5, at, stream, message, delivery, site, told["expired"], klass)
        else:
            if chance < 0.09:
                attempts = 2
                self._event(3, at, stream, message, delivery, told["deferred"])
                at += 600_000
            self._outcome(2, at, stream, message, delivery, site, told["delivered"])
            state = self._delivered(stream, message, delivery, site, at)
        self.sums.states[stream.flow, int(state)] += 1
        self.rows.deliveries.append(
            (delivery, message, n, stream.flow, int(_class(stream)), 3 if stream.is_campaign else 4,
             site.id, site.domain, f"persona{who}@{site.domain}", int(state), 0, attempts, at,
             at + 2 * DAY_MS, at, 0, 0, "", "192.0.2.25", reply, site.name)
        )  # fmt: skip

    # -- inside --------------------------------------------------------------------------------

    def _delivered(
        self, stream: Stream, message: int, delivery: int, site: Site, at: int
    ) -> DeliveryState:
        rng = self.rng
        if rng.random() < stream.open_share:
            self._engage(stream, message, delivery, site, self._hits(at, site))
        elif rng.random() < 0.12:
            kind = HitClass.MPP_APPLE if rng.random() < 0.8 else HitClass.SCANNER
            hits = [Hit(1, OPEN, -1, at + rng.randrange(1000, 60_000), kind)]
            self._engage(stream, message, delivery, site, hits)
        chance = rng.random()
        if chance < 0.001:
            late = at + rng.randrange(HOUR_MS, 2 * DAY_MS)
            told = self._told[site.id]["late"]
            self._outcome(4, late, stream, message, delivery, site, told, "bad-mailbox", 1)
            return DeliveryState.BOUNCED
        if chance < 0.003:
            self._outcome(23, at + HOUR_MS, stream, message, delivery, site, '{"by":"page"}')
        elif chance < 0.0034:
            self._outcome(22, at + HOUR_MS, stream, message, delivery, site, '{"kind":"abuse"}')
        return DeliveryState.DELIVERED

    def _hits(self, at: int, site: Site) -> list[Hit]:
        """Of somebody who reads: some opens, now and then clicks."""
        rng = self.rng
        reads = HitClass.PROXY_GMAIL if site.id == 1 else HitClass.HUMAN
        if rng.random() < 0.05:
            reads = HitClass.UNKNOWN
        opened = self._when(at)
        hits = [Hit(1, OPEN, -1, opened, reads)]
        while rng.random() < 0.55 and len(hits) < 12:
            later = hits[-1].at_ms + round(rng.expovariate(1 / 5_000_000)) + 20_000
            hits.append(Hit(len(hits) + 1, OPEN, -1, later, reads))
        if rng.random() < 0.22:
            if rng.random() < 0.05:
                hits.clear()  # without pictures: the open is inferred
            for _ in range(1 + (rng.random() < 0.3)):
                link = min(rng.randrange(LINKS), rng.randrange(LINKS))
                later = opened + rng.randrange(3_000, 600_000)
                hits.append(Hit(len(hits) + 1, CLICK, link, later, HitClass.HUMAN))
        return hits

    def _when(self, at: int) -> int:
        """When somebody reads what came then: half within hours, the rest on days that follow."""
        rng = self.rng
        if rng.random() < 0.5:
            return at + 20_000 + round(rng.expovariate(1 / (2 * HOUR_MS)))
        day = (at + _LIMA_MS) // DAY_MS + 1 + int(rng.expovariate(1.2))
        hour = self._delays[rng.randrange(1024)]
        return day * DAY_MS - _LIMA_MS + hour * HOUR_MS + rng.randrange(HOUR_MS)

    def _engage(
        self, stream: Stream, message: int, delivery: int, site: Site, hits: list[Hit]
    ) -> None:
        for hit in hits:
            code = 20 if hit.kind == OPEN else 21
            data = self._agents[HitClass(hit.klass)]
            if hit.link >= 0:
                data = f'{{"link":{hit.link},{data[1:]}'
            self._event(code, hit.at_ms, stream, message, delivery, data)
            self.rows.hits.append((delivery, *hit))
        found = fold(hits)
        self.rows.engagement.append((delivery, message, stream.flow, *found.row(), len(hits)))
        self._sum(stream, message, site.provider, found)

    def _sum(self, stream: Stream, message: int, provider: str, found: Folded) -> None:
        sums = self.sums
        for (hour, kind, klass), counts in found.hours.items():
            _add(sums.engaged, (stream.flow, hour, kind, klass, provider), counts)
        for (link, is_auto, hour), counts in found.links.items():
            _add(sums.links, (message, link, is_auto), counts)
            if stream.is_campaign:
                _add(sums.link_hours, (message, link, hour, is_auto), counts)

    def _outcome(
        self, code: int, at: int, stream: Stream, message: int, delivery: int, site: Site,
        data: str, klass: str = "", late: int = 0,
    ) -> None:  # fmt: skip
        key = (stream.flow, at // HOUR_MS, code, klass, site.provider, late)
        self.sums.outcomes[(stream.account, *key)] += 1
        if code in (4, 5, 22, 23):
            self.rows.people.append((stream.flow, code, delivery, klass, at))
        self._event(code, at, stream, message, delivery, data)

    def _event(
        self, code: int, at: int, stream: Stream, message: int, delivery: int, data: str
    ) -> None:
        self.rows.events.append((code, at, stream.account, stream.flow, message, delivery, data))


def _class(stream: Stream) -> TrafficClass:
    return TrafficClass.CAMPAIGN if stream.is_campaign else TrafficClass.TRANSACTIONAL


def _add(sums: dict[Row, list[int]], key: Row, counts: Sequence[int]) -> None:
    known = sums.setdefault(key, [0] * len(counts))
    for place, count in enumerate(counts):
        known[place] += count


def _told(site: Site) -> dict[str, str]:
    """The data of its events, and its reply."""
    host, taken = f"{site.name}[192.0.2.9]", "250 2.0.0 OK 1795347659 gsmtp"
    told = {"reply": taken}
    data = {"reply": taken, "phase": "data", "host": host, "tls": "TLSv1.3", "attempts": 1}
    told["delivered"] = orjson.dumps(data).decode()
    for klass in {*BOUNCES, "deferred", "expired", "suppressed", "late"}:
        data = {
            "reply": "550 5.1.1 No such user here",
            "phase": "rcpt",
            "host": host,
            "class": klass,
        }
        if klass == "late":
            data |= {"class": "bad-mailbox", "late": True, "status": "5.1.1"}
        told[klass] = orjson.dumps(data).decode()
    return told
