"""What the form of a refund says: read from what a browser sent, checked, in the person's zone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from console.accounts.quota.refund_values import RefundScope, Subject
from console.pages.forms import id_of, text_of

_MOMENT = "%Y-%m-%dT%H:%M"
FIELDS = (
    "by", "flow", "message", "from", "until", "scope", "remedy", "reason", "evidence",
)  # fmt: skip


class By(StrEnum):
    """How one says what failed."""

    FLOW = "flow"
    MESSAGE = "message"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class RefundForm:
    """The form as it was filled in, and what it means."""

    values: Mapping[str, str]
    by: By
    subject: Subject
    scope: RefundScope
    resend: bool
    errors: Mapping[str, str] = field(default_factory=dict)  # keys of texts, by field

    @property
    def reason(self) -> str:
        """Why, in the person's words."""
        return self.values["reason"]

    @property
    def evidence(self) -> str:
        """What proves it."""
        return self.values["evidence"]


def read_form(given: Mapping[str, object], zone: ZoneInfo) -> RefundForm:
    """What a browser sent; the range of times is in `zone`."""
    values = {name: text_of(given, name, 500) for name in FIELDS}
    by = By(values["by"]) if values["by"] in tuple(By) else By.FLOW
    errors: dict[str, str] = {}
    if by is By.TIME:
        subject = _range(values, zone, errors)
    else:
        number = id_of(values[by.value])
        if not 0 < number < 2**63:
            errors[by.value] = f"refunds.missing.{by.value}"
        subject = Subject(**{by.value: number})
    if not values["reason"]:
        errors["reason"] = "refunds.no_reason"
    failed = values["scope"] == RefundScope.FAILED
    values["scope"] = RefundScope.FAILED if failed else RefundScope.ALL
    values["remedy"] = "resend" if values["remedy"] == "resend" else "credit"
    values["by"] = by
    return RefundForm(
        values, by, subject, RefundScope(values["scope"]), values["remedy"] == "resend", errors
    )


def _range(values: Mapping[str, str], zone: ZoneInfo, errors: dict[str, str]) -> Subject:
    bounds = {}
    for name in ("from", "until"):
        try:
            at = datetime.strptime(values[name][:16], _MOMENT).replace(tzinfo=zone)
            bounds[name] = max(0, round(at.astimezone(UTC).timestamp() * 1000))
        except (ValueError, OverflowError):
            errors[name] = "refunds.no_time"
    if not errors and bounds["from"] >= bounds["until"]:
        errors["until"] = "refunds.empty_range"
    return Subject() if errors else Subject(from_ms=bounds["from"], until_ms=bounds["until"])
