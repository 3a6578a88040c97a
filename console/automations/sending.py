"""The mail of a step: one message for all who are due at it, in one transaction with their moves."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.automations.definition import SendStep
from console.automations.ports import Contents
from console.automations.values import Automation, Enrolment, Reader
from mta.intake.batch import BatchIntake, BatchSubmission
from mta.intake.ports import RecipientOutcome
from mta.intake.recipients import TemplateRecipient
from mta.model.address import parse_address
from mta.model.envelope import Identity
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.traffic import TrafficClass
from mta.store.work import Rows

BAG_IS_EMPTY = "5.2.2"  # it may be filled again, so a later try is worth it

Moved = Callable[[Sequence[Enrolment]], Sequence[Rows]]
IdentityOf = Callable[[int], Identity]  # an account's own, for mail that nobody handed in


@dataclass(frozen=True, slots=True)
class Outcome:
    """For whom a step was not done, and why."""

    reason: str = ""
    is_final: bool = False
    failed: Sequence[Enrolment] = ()


class StepSender:
    """Sends through the intake, so that bag, suppression, limits and signatures are as ever."""

    def __init__(self, batches: BatchIntake, contents: Contents, identity_of: IdentityOf) -> None:
        self._batches = batches
        self._contents = contents
        self._identity_of = identity_of

    async def send(
        self,
        automation: Automation,
        step: SendStep,
        people: Sequence[Enrolment],
        readers: Mapping[int, Reader],
        moved: Moved,
    ) -> Outcome:
        """Hand in the mail and move its recipients on, both or none.

        `moved(people)` gives the rows of the move. Raises `StoreError`, `JobRefused`.
        """
        try:
            mail = await self._contents.compiled(
                automation.account, step, automation.sender, automation.sender_name
            )
            recipients = [_recipient(readers[one.contact], one) for one in people]
            batch = BatchSubmission(
                identity=replace(
                    self._identity_of(automation.account), name=f"automation-{automation.id}"
                ),
                sender=parse_address(automation.sender),
                compiled=mail.compiled,
                recipients=recipients,
                subject=mail.subject,
                klass=TrafficClass.AUTOMATED,
                tags=json.dumps([f"automation-{automation.id}"]),
                unsubscribe=step.is_commercial,
                door="automation",
            )
        except (PermanentError, AddressSyntaxError) as error:
            return Outcome(str(error), is_final=True, failed=people)

        def joined(_message: int, outcomes: Sequence[RecipientOutcome]) -> Sequence[Rows]:
            return moved([_sent(one, step, out) for one, out in zip(people, outcomes, strict=True)])

        receipt = await self._batches.submit(batch, joined)
        if receipt.message_id:
            return Outcome()
        is_final = receipt.reply.code >= 500 and receipt.reply.enhanced != BAG_IS_EMPTY
        return Outcome(str(receipt.reply), is_final, people)


def _recipient(reader: Reader, one: Enrolment) -> TemplateRecipient:
    values = {**json.loads(reader.values), **_flat(json.loads(one.facts).get("values", {}))}
    merge = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return TemplateRecipient(parse_address(reader.address), merge, reader.id)


def _flat(values: Mapping[str, object]) -> dict[str, str]:
    """What a mail can be filled in with: words and numbers."""
    return {k: str(v) for k, v in values.items() if isinstance(v, str | int | float)}


def _sent(one: Enrolment, step: SendStep, outcome: RecipientOutcome) -> Enrolment:
    """The same with the delivery noted, for conditions that ask whether it was opened."""
    facts = json.loads(one.facts)
    facts.setdefault("sent", {})[step.id] = str(outcome.delivery)
    return replace(one, facts=json.dumps(facts, ensure_ascii=False))
