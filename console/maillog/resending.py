"""A new message of a stored one, for one recipient: new ids, charged, signed anew."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime

from mta.intake.ports import Receipt
from mta.model.address import parse_address
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.rendering import ContentRenderer, Occasion
from mta.model.traffic import TrafficClass
from mta.spool.flows import Flow
from mta.spool.inspection import QueueRow, StoredMessage
from mta.spool.rows import MessageFlag

Submit = Callable[[Submission], Awaitable[Receipt]]
# Our own trace of the first way, and what is made anew. A signed message keeps its Message-ID.
_DROPPED = ("received", "x-training", "return-path")
_ORIGIN = Origin("HTTP", via="console")


def submission_of(
    content: bytes,
    message: StoredMessage,
    row: QueueRow,
    flow: Flow,
    renderer: ContentRenderer,
    now_ms: int,
) -> Submission:
    """What is to be handed to the intake. Raises `PermanentError` when it cannot be rendered."""
    delivery = row.delivery
    dropped: tuple[str, ...]
    if message.flags & MessageFlag.TEMPLATE:
        date = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
        header_id = f"<{delivery.id}.again@relevo.invalid>"
        occasion = Occasion(delivery.id, delivery.address, header_id, date, delivery.merge)
        content = renderer.load(content).render(occasion)
        dropped = (*_DROPPED, "message-id")
    else:
        is_signed = "dkim-signature" in _names(content)
        dropped = _DROPPED if is_signed else (*_DROPPED, "message-id")
    klass = TrafficClass(delivery.klass)
    identity = Identity(
        message.account,
        message.credential,
        flow.name,
        any_sender=True,  # it was allowed to when it was sent first
        may_send_urgent=True,
        may_use_null_sender=True,
        is_training=bool(message.flags & MessageFlag.TRAINING),
        is_test=bool(message.flags & MessageFlag.TEST),
    )
    sender = parse_address(message.sender) if message.sender else None
    return Submission(
        identity,
        Envelope(sender, (Recipient(parse_address(delivery.address)),)),
        _without(content, dropped),
        _ORIGIN,
        metadata=message.metadata,
        klass=klass,
        campaign=flow.name if flow.kind == "campaign" else "",
    )


def _head(content: bytes) -> tuple[bytes, bytes]:
    head, end, body = content.partition(b"\r\n\r\n")
    return head + end[:2], end[2:] + body


def _names(content: bytes) -> set[str]:
    head, _ = _head(content)
    lines = head.split(b"\r\n")
    return {_name(line) for line in lines if line[:1] not in b" \t"}


def _name(line: bytes) -> str:
    return line.partition(b":")[0].strip().lower().decode("latin-1")


def _without(content: bytes, names: tuple[str, ...]) -> bytes:
    """The message without some header fields."""
    head, rest = _head(content)
    kept: list[bytes] = []
    is_dropped = False
    for line in head.removesuffix(b"\r\n").split(b"\r\n"):
        if line[:1] not in (b" ", b"\t"):
            is_dropped = _name(line) in names
        if not is_dropped:
            kept.append(line)
    return b"\r\n".join(kept) + b"\r\n" + rest
