"""Complaints of feedback loops: abuse reports (ARF, RFC 5965).

Whose mail it was is told by our own tokens, in the fields of the report or in the header of the
mail that it brings back; addresses there are often blacked out and prove nothing.
"""

from dataclasses import dataclass

from mta.feedback.mime import Part, fields_of

MAX_PROOF = 256 * 1024
_KNOWN = frozenset(("abuse", "fraud", "virus", "other", "opt-out", "not-spam"))
_TOLD = frozenset(("abuse", "fraud", "virus", "other"))  # what is a complaint
_RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")


@dataclass(frozen=True, slots=True)
class Complaint:
    """A report about a mail of ours."""

    kind: str  # Feedback-Type, one of a known few; "unknown" for others
    reporter: str
    proof: str  # the text in which a token of ours may stand

    @property
    def is_complaint(self) -> bool:
        """Not a report that takes a complaint back, and none about authentication."""
        return self.kind in _TOLD

    @property
    def is_unsubscribe(self) -> bool:
        """The recipient pressed a provider's own unsubscribe button (RFC 5965 §7.3: opt-out)."""
        return self.kind == "opt-out"


def read_complaint(mail: Part) -> Complaint | None:
    """The report in a mail, None when it is none."""
    report = next((p for p in mail.walk() if p.kind == "message/feedback-report"), None)
    if report is None:
        return None
    text = report.text[:MAX_PROOF]
    fields = dict(reversed(fields_of(text)))
    kind = fields.get("feedback-type", "").strip().lower()
    kind = kind if kind in _KNOWN else "unknown"
    reporter = fields.get("reporting-mta", "").rpartition(";")[2].strip()
    reporter = reporter or fields.get("user-agent", "")
    reporter = "".join(c for c in reporter if c.isprintable())[:255]
    return Complaint(kind, reporter, f"{text}\n{returned_header(mail)}")


def returned_header(mail: Part) -> str:
    """The headers of the mails that a mail brings back."""
    found: list[str] = []
    for part in mail.walk():
        if part.kind in _RETURNED:
            for inner in part.parts or (part,):
                if inner.headers and part.parts:
                    found += [f"{name}: {value}" for name, value in inner.headers]
                else:
                    found.append(inner.text.partition("\n\n")[0][:MAX_PROOF])
    return "\n".join(found)[:MAX_PROOF]
