"""The audit after the kills: what clients, receivers and the database say has to agree.

`audit` holds all invariants of the promise "nothing acknowledged is lost, nothing comes twice but
what was under way at a kill, and the history says so of it".
"""

from collections import Counter
from dataclasses import dataclass

from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType
from tests.crash.proof import Proof
from tests.e2e.server import RelevoServer

FINAL = (
    EventType.DELIVERED,
    EventType.BOUNCED,
    EventType.EXPIRED,
    EventType.SUPPRESSED,
    EventType.CANCELLED,
)
NOTICES = "SELECT d.id FROM delivery AS d JOIN message AS m ON m.id = d.message WHERE m.sender = ''"
LOAD = (
    "SELECT m.subject, d.id, d.address, d.state FROM delivery AS d "
    "JOIN message AS m ON m.id = d.message WHERE m.sender <> '' ORDER BY d.address"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as it is on the disk."""

    delivery: int
    load_id: str
    address: str
    state: DeliveryState

    @property
    def name(self) -> str:
        """What the recipient's name says is to become of it."""
        return self.address.partition("-")[0]


def audit(proof: Proof) -> list[str]:
    """Everything that is not as promised, as text; empty when all is well."""
    rows = [
        Row(delivery, load_id, address, DeliveryState(state))
        for load_id, delivery, address, state in proof.server.sql(LOAD)
    ]
    return [
        *_lost(proof, rows),
        *_twice(proof, rows),
        *_balance(proof, rows),
        *quota_faults(proof.server),
        *disk_faults(proof.server),
        *[f"a client heard {answer}" for answer in proof.load.refusals],
        *[f"a receiver: {problem}" for sink in proof.sinks for problem in sink.problems],
    ]


def _lost(proof: Proof, rows: list[Row]) -> list[str]:
    """Acknowledged ⊆ delivered ∪ told to be final ∪ still waiting as it has to."""
    stored: dict[str, list[str]] = {}
    for row in rows:
        stored.setdefault(row.load_id, []).append(row.address)
    faults = [
        f"lost: {load_id} ({known.reply}) to {known.recipients}, stored {stored.get(load_id)}"
        for load_id, known in proof.load.acknowledged.items()
        if tuple(stored.get(load_id, ())) != known.recipients
    ]
    notices = proof.notices
    for row in rows:
        copies = proof.copies(row.load_id, row.address)
        match row.name, row.state:
            case "take", DeliveryState.DELIVERED:
                is_right = copies >= 1
            case "refuse", DeliveryState.BOUNCED:
                is_right = copies == 0 and notices[row.load_id] >= 1
            case "late", DeliveryState.EXPIRED:
                is_right = copies == 0 and notices[row.load_id] >= 1
            case "stay", DeliveryState.CANCELLED:
                is_right = copies == 0 and row.delivery in proof.cancelled
            case "stay", DeliveryState.READY | DeliveryState.SCHEDULED | DeliveryState.CLAIMED:
                is_right = copies == 0 and row.delivery not in proof.cancelled
            case _:
                is_right = False
        if not is_right:
            faults.append(f"{row}: {copies} copies, {notices[row.load_id]} notices")
    return faults


def _twice(proof: Proof, rows: list[Row]) -> list[str]:
    """A copy too many only for each time that the history says it was uncertain."""
    uncertain = proof.uncertainties()
    ids = {(row.load_id, row.address): row.delivery for row in rows}
    faults = []
    for load_id, address in {key for sink in proof.sinks for key in sink.received}:
        copies = proof.copies(load_id, address)
        delivery = ids.get((load_id, address))
        if delivery is None:
            faults.append(f"{load_id} to {address} was delivered and is not stored")
        elif copies - 1 > uncertain[delivery]:
            faults.append(f"{load_id} to {address}: {copies} copies, {uncertain[delivery]} told")
    notices = [delivery for (delivery,) in proof.server.sql(NOTICES)]
    returned = proof.notices.total()
    if returned - len(notices) > sum(uncertain[delivery] for delivery in notices):
        faults.append(f"{returned} notices came of {len(notices)}")
    return faults


def _balance(proof: Proof, rows: list[Row]) -> list[str]:
    """Accepted = delivered + bounced + expired + suppressed + cancelled + queued, however counted.

    Accepted is what the clients know of, plus what was stored without an answer; each final state
    is counted by its rows, by its events and by the flows' counters.
    """
    sql = proof.server.sql
    accepted = sum(len(known.recipients) for known in proof.load.acknowledged.values())
    accepted += sum(row.load_id not in proof.load.acknowledged for row in rows)
    states = Counter(row.state for row in rows)
    faults = []
    if accepted != states.total():
        faults.append(f"{accepted} recipients accepted, but {states}")
    codes = ",".join(str(EVENT_CODES[kind]) for kind in FINAL)
    ended = sql(
        "SELECT d.id, d.state, count(e.id) AS ends FROM delivery AS d LEFT JOIN event AS e "
        f"ON e.message = d.message AND e.delivery = d.id AND e.type IN ({codes}) "
        "GROUP BY d.id HAVING ends <> (d.state >= 10)"
    )
    faults += [f"delivery {d} in state {state} ended {n} times" for d, state, n in ended]
    # In one statement: what stays in the queue is tried again and again, also now.
    both = sql(
        "SELECT 'counted', flow || '/' || state, n FROM flow_count WHERE n <> 0 UNION ALL "
        "SELECT 'there', flow || '/' || state, count(*) FROM delivery GROUP BY 2"
    )
    counted, there = ({k: n for of, k, n in both if of == side} for side in ("counted", "there"))
    if counted != there:
        faults.append(f"flows count {counted}, there are {there}")
    ((failed, messages),) = sql(
        "SELECT count(*), count(DISTINCT message) FROM delivery WHERE state IN (?, ?)",
        DeliveryState.BOUNCED,
        DeliveryState.EXPIRED,
    )
    notices = len(sql(NOTICES))
    if not messages <= notices <= failed:
        faults.append(f"{notices} notices for {failed} failed deliveries of {messages} messages")
    return faults


def quota_faults(server: RelevoServer) -> list[str]:
    """What the ledger says was consumed is what was accepted, less what was given back."""
    charged = "SELECT coalesce(sum(n), 0) FROM quota_charge"
    back = "SELECT count(*) FROM quota_back"
    accepted = f"SELECT count(*) FROM ({LOAD})"
    ((ledger,),) = server.sql("SELECT coalesce(sum(consumed), 0) FROM quota_entry")
    ((balance, available),) = server.sql("SELECT consumed, granted - available FROM quota_bag")
    paid, released, recipients = (server.sql(s)[0][0] for s in (charged, back, accepted))
    if not ledger == balance == available == recipients - released or paid != recipients:
        text = (
            f"the ledger has {ledger} consumed, the balance {balance} ({available} not available)"
        )
        return [f"{text}; {recipients} recipients accepted, {paid} charged, {released} given back"]
    return []


def disk_faults(server: RelevoServer) -> list[str]:
    """The database is whole, and rows and contents belong together."""
    waiting = "SELECT count(DISTINCT message) FROM delivery WHERE state < 10"
    checks = {
        "PRAGMA integrity_check": [("ok",)],
        "SELECT total(live) FROM segment": [(float(server.sql(waiting)[0][0]),)],
        "SELECT id FROM message EXCEPT SELECT message FROM delivery": [],
        "SELECT message FROM delivery EXCEPT SELECT id FROM message": [],
    }
    faults = [
        f"{statement}: {found[:3]}"
        for statement, wanted in checks.items()
        if (found := server.sql(statement)) != wanted
    ]
    errors = server.errors()
    faults += [f"{len(errors)} errors in the log, the first: {errors[0]}"] if errors else []
    if "Traceback" in server.log_path.read_text():
        faults.append("a traceback in the log")
    return faults
