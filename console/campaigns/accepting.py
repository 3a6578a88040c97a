"""What stands between a preflight and a launch: errors stop it, warnings have to be accepted.

An acceptance names its findings, so one that appears later asks again; it is kept with the campaign
and in the audit trail, and ends when content or audience is edited.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from console.accounts.actor import Actor
from console.campaigns.preflight.findings import Finding, Severity
from console.campaigns.preflight.service import Report
from console.campaigns.values import Acceptance, Campaign
from mta.model.errors import PermanentError

ALL = "all"  # accepts whatever is found; for programs that do not ask a person


class PreflightRefused(PermanentError):
    """The findings for which it is not sent: errors, or else warnings that nobody accepted."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        self.are_errors = any(one.severity is Severity.ERROR for one in findings)
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """What to do, in `es` or `en`."""
        told = " ".join(finding.text(language) for finding in self.findings)
        if self.are_errors:
            return told
        ask = "Falta aceptar los avisos" if language == "es" else "Warnings have to be accepted"
        return f"{ask}: {told}"


def by_code(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings by the code under which they are accepted."""
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.code, []).append(one)
    return found


def accepted(
    campaign: Campaign, report: Report, codes: Collection[str], actor: Actor, now_ms: int
) -> Acceptance:
    """What is kept of the launch: who accepted which warnings. Raises `PreflightRefused`.

    `codes` are those that the actor accepts now; what was accepted before still holds.
    """
    errors = [one for one in report.findings if one.severity is Severity.ERROR]
    if errors:
        raise PreflightRefused(errors)
    warnings = [one for one in report.findings if one.severity is Severity.WARNING]
    known = set(campaign.accepted.codes)
    fresh = [one for one in warnings if one.code not in known]
    missing = [one for one in fresh if ALL not in codes and one.code not in codes]
    if missing:
        raise PreflightRefused(missing)
    if not fresh:
        return campaign.accepted
    named = dict.fromkeys((*campaign.accepted.codes, *(one.code for one in fresh)))
    return Acceptance(tuple(named), actor.kind.value, actor.id, actor.name, now_ms)


def still_accepted(before: Campaign, after: Campaign) -> Campaign:
    """`after` without an acceptance that its edit made void."""
    if (before.content, before.audience) == (after.content, after.audience):
        return after
    return replace(after, accepted=Acceptance())
