"""Says why a delivery is where it is: a pure function of what is known of it.

Each thing that holds it is named (`what`), told (`detail`: the limit, the reason, the reply) and,
where it is known, dated (`until`, milliseconds since 1970, 0 for unknown). The explanation is one
text made of the same, the decisive thing first.
"""

from dataclasses import dataclass, field
from typing import TypedDict

from mta.engine.port import SiteView
from mta.events.record import rfc3339
from mta.model.traffic import DeliveryState, Gate, TrafficClass
from mta.spool.flows import Flow
from mta.spool.holding import is_held
from mta.spool.inspection import MAX_READY, QueueRow, Waiting
from mta.spool.rows import DeliveryFlag

UNRESOLVED = 0


class Holder(TypedDict):
    """One thing that holds a delivery."""

    what: str
    detail: str
    until: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a delivery."""

    row: QueueRow
    flow: Flow | None
    now_ms: int
    is_running: bool  # a server runs
    site: SiteView | None = None
    site_hold: str | None = None  # the reason, if an operator holds the site
    before: int = 0  # older ready deliveries of the site
    is_under_way: bool = False  # picked for a connection, though still ready on disk


@dataclass(slots=True)
class Explanation:
    """What holds a delivery, and the same in words."""

    held_by: list[Holder] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The sentences as one text."""
        return " ".join(self.sentences)

    def add(self, what: str, detail: str, sentence: str, until: int = 0) -> None:
        """One thing that holds it."""
        self.held_by.append(Holder(what=what, detail=detail, until=until))
        self.sentences.append(sentence)


def explain(facts: Facts) -> Explanation:
    """Why the delivery is where it is, and what it waits for."""
    found = Explanation()
    state = DeliveryState(facts.row.delivery.state)
    if state.is_final:
        found.sentences.append(f"It {ended(facts.row)}.")
        return found
    if state is DeliveryState.CLAIMED or facts.is_under_way:
        _under_way(found, facts)
        return found
    if facts.flow is not None:
        explain_flow(found, facts.flow, facts.now_ms)
    if is_held(facts.row):
        since = rfc3339(facts.row.changed_ms)
        found.add(
            "operator", f"held since {since}", f"It is held by an operator since {since}: "
            "`relevo queue release` lets it go.",
        )  # fmt: skip
    elif state is DeliveryState.SCHEDULED:
        _scheduled(found, facts)
    if facts.site_hold is not None:
        site_hold(found, facts.row.site, facts.site_hold)
    if state is DeliveryState.READY:
        _ready(found, facts)
    if not facts.is_running:
        found.add("server", "not running", "The server is not running: nothing is sent.")
    if not found.held_by:
        found.sentences.append("It is ready and is about to be sent.")
    return found


def explain_flow(found: Explanation, flow: Flow, now_ms: int) -> None:
    """What the gate of a flow holds back."""
    reason = f" ({flow.gate_reason})" if flow.gate_reason else ""
    name = f"{flow.kind} {flow.name!r}"
    if flow.gate == Gate.CANCELLED:
        found.add("flow", f"cancelled{reason}", f"The {name} was cancelled{reason}.")
    elif flow.gate == Gate.HELD:
        since = f" since {rfc3339(flow.held_since_ms)}" if flow.held_since_ms else ""
        found.add("flow", f"held{since}{reason}", f"The {name} is held{since}{reason}.")
    elif flow.not_before_ms > now_ms:
        start = rfc3339(flow.not_before_ms)
        found.add("flow", "not before", f"The {name} starts at {start}.", until=flow.not_before_ms)


def explain_site(found: Explanation, view: SiteView) -> None:
    """What holds the next message of a site."""
    if view.stage != "normal":
        cause = f" after the reply: {view.stage_reply}" if view.stage_reply else ""
        until = f" until {rfc3339(view.stage_until_ms)}" if view.stage_until_ms else ""
        found.add(
            "back-off", f"{view.stage}{cause}",
            f"The site {view.name} is slowed by automatic back-off ({view.stage}{until}){cause}.",
            until=view.stage_until_ms,
        )  # fmt: skip
    if view.rest_until_ms:
        until = rfc3339(view.rest_until_ms)
        cause = f": {view.rest_reply}" if view.rest_reply else ""
        found.add(
            "rest", f"no connection{cause}",
            f"The last connection to {view.name} failed{cause}; the next one is tried at {until}.",
            until=view.rest_until_ms,
        )  # fmt: skip
    elif view.wait_reason:
        until = f"; the next goes at {rfc3339(view.wait_until_ms)}" if view.wait_until_ms else ""
        found.add(
            "limit", view.wait_reason,
            f"The site {view.name} is at a limit: {view.wait_reason}{until}.",
            until=view.wait_until_ms,
        )  # fmt: skip
    elif view.limit and view.connections >= view.limit:
        detail = f"{view.connections} of {view.limit} connections are open"
        found.add("connections", detail, f"All connections to {view.name} are busy: {detail}.")


def explain_warm_up(found: Explanation, view: SiteView, sender: str = "") -> None:
    """What a warm-up lets bulk mail wait for; `sender`: mail of this domain, empty: of all."""
    held = [(view.warm_up, view.warm_up_until_ms)] if view.warm_up else []
    held += [(one.reason, one.until_ms) for one in view.cold if sender in ("", one.domain)]
    for reason, until_ms in held:
        found.add(
            "warm-up", reason,
            f"Automated and campaign mail to {view.name} is held by a {reason}; "
            f"the next goes at {rfc3339(until_ms)}.",
            until=until_ms,
        )  # fmt: skip


def explain_waiting(found: Explanation, site: str, waiting: Waiting) -> None:
    """What of a site's mail is scheduled for later."""
    if not waiting.deliveries:
        return
    due = rfc3339(waiting.due_ms)
    is_one = waiting.deliveries == 1
    many = f"{waiting.deliveries} {'delivery' if is_one else 'deliveries'}"
    if not waiting.last_reply:
        text = f"{many} to the site {site} {'waits' if is_one else 'wait'} for a later time"
        found.add("schedule", many, f"{text}, the first {due}.", until=waiting.due_ms)
        return
    host = f" by {waiting.last_host}" if waiting.last_host else ""
    found.add(
        "retry", f"{many}: {waiting.last_reply}",
        f"{many} to the site {site} {'was' if is_one else 'were'} put off and "
        f"{'waits' if is_one else 'wait'} for a retry; the next is at {due}, put off{host}: "
        f"{waiting.last_reply}.",
        until=waiting.due_ms,
    )  # fmt: skip


def hold_reason(row: QueueRow, flow: Flow | None, site_reason: str | None) -> str:
    """What operators hold a delivery by, in a few words; empty when it is not on hold."""
    if row.delivery.state not in {DeliveryState.READY, DeliveryState.SCHEDULED}:
        return ""
    found = ["queue hold"] if is_held(row) else []
    if flow is not None and flow.gate == Gate.HELD:
        found.append(_because(f"{flow.kind} {flow.name}", flow.gate_reason))
    if site_reason is not None:
        found.append(_because(f"site {row.site}", site_reason))
    return "; ".join(found)


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def site_hold(found: Explanation, site: str, reason: str) -> None:
    """An operator's hold of the whole site."""
    because = f" ({reason})" if reason else ""
    found.add("site", f"held{because}", f"An operator holds all mail to the site {site}{because}.")


def _ready(found: Explanation, facts: Facts) -> None:
    d = facts.row.delivery
    if d.site == UNRESOLVED:
        found.add("dns", d.domain, f"The mail servers of {d.domain} are being looked up.")
        return
    if facts.site is not None:
        explain_site(found, facts.site)
        if d.klass >= TrafficClass.AUTOMATED:
            explain_warm_up(found, facts.site, d.message.sender.rpartition("@")[2] or "<>")
    if facts.before:
        many = "more than " if facts.before >= MAX_READY else ""
        detail = f"{many}{facts.before} older ready deliveries of the site"
        found.add("turn", detail, f"It waits its turn behind {detail}.")


def _scheduled(found: Explanation, facts: Facts) -> None:
    row = facts.row
    due = rfc3339(row.due_ms)
    when = f"at {due}" if row.due_ms > facts.now_ms else f"at once (it was due at {due})"
    until = row.due_ms
    if row.delivery.flags & DeliveryFlag.UNCERTAIN:
        found.add(
            "retry", row.last_reply or "interrupted",
            "The recipient's server may have it already: the last attempt ended without an answer. "
            f"It is tried again {when}.", until=until,
        )  # fmt: skip
    elif row.last_reply:
        host = f" by {row.last_host}" if row.last_host else ""
        count = row.delivery.attempts
        found.add(
            "retry", row.last_reply,
            f"Attempt {count} was put off{host}: {row.last_reply}. It is tried again {when}.",
            until=until,
        )  # fmt: skip
    else:
        found.add("schedule", "not before its time", f"It is to be sent {when}.", until=until)


def _under_way(found: Explanation, facts: Facts) -> None:
    if facts.is_running:
        found.sentences.append("It is being sent now.")
        return
    found.add(
        "server", "not running",
        "It was being sent when the server ended, and the recipient's server may have it: it will "
        "be tried again 15 minutes after the next start.",
    )  # fmt: skip


_ENDS = (
    (DeliveryState.DELIVERED, "was delivered"),
    (DeliveryState.BOUNCED, "was refused for good"),
    (DeliveryState.EXPIRED, "was given up because its time was over"),
    (DeliveryState.SUPPRESSED, "was not sent because the address is suppressed"),
    (DeliveryState.CANCELLED, "was cancelled"),
)


def ended(row: QueueRow) -> str:
    """How and when a final delivery ended, to be put behind its name."""
    end = dict(_ENDS)[DeliveryState(row.delivery.state)]
    host = f" by {row.last_host}" if row.last_host else ""
    reply = f": {row.last_reply}" if row.last_reply else ""
    return f"{end}{host} at {rfc3339(row.changed_ms)}{reply}"
