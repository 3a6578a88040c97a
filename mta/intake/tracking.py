"""Which opens and clicks a message wants, and its preparation for recipients' own links."""

from mta.model.rendering import ContentTracker, Marked
from mta.spool.rows import MessageFlag

MAX_TRACKED = 1_500  # recipients of a message with tracked links, which are rows of its job, too
MARKED = int(MessageFlag.MARKED)
_OPENS = int(MessageFlag.TRACK_OPENS)
_CLICKS = int(MessageFlag.TRACK_CLICKS)


def tracking_flags(track: frozenset[str] | None) -> int:
    """The flags of `opens` and `clicks`."""
    if not track:
        return 0
    flags = 0
    if "opens" in track:
        flags |= _OPENS
    if "clicks" in track:
        flags |= _CLICKS
    return flags


def marked(
    tracker: ContentTracker | None, content: bytes, account: int, flags: int, recipients: int
) -> Marked | None:
    """The message with places for each recipient's own links; None: it stays as it is."""
    if tracker is None or not flags or recipients > MAX_TRACKED:
        return None
    opens, clicks = bool(flags & _OPENS), bool(flags & _CLICKS)
    return tracker.mark(content, account, opens=opens, clicks=clicks)
