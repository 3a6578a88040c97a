"""What commands can ask of incidents: a name, arguments as JSON, a result as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from console.accounts.arguments import OPERATOR, text_of
from console.accounts.incidents.service import IncidentService
from console.accounts.incidents.values import Category, Incident, IncidentState, Note
from mta.events.record import rfc3339
from mta.model.errors import PermanentError

Arguments = Mapping[str, Any]
Operation = Callable[[Arguments], Awaitable[object]]
AccountFinder = Callable[[str | None], Awaitable[int]]


class IncidentOperations:
    """Carried out for the operator."""

    def __init__(self, service: IncidentService, find_account: AccountFinder) -> None:
        self._service = service
        self._find_account = find_account

    def operations(self) -> dict[str, Operation]:
        """All by the names that the control socket knows."""
        return {
            "incident.list": self.list,
            "incident.show": self.show,
            "incident.open": self.open,
            "incident.note": self.note,
            "incident.move": self.move,
        }

    async def list(self, arguments: Arguments) -> object:
        """The newest first; `open_only`."""
        found = await self._service.list(
            OPERATOR, open_only=bool(arguments.get("open_only")), count=1000
        )
        return [incident_json(one) for one in found]

    async def show(self, arguments: Arguments) -> object:
        """`number`; with its notes."""
        number = _number(arguments)
        notes = await self._service.notes(OPERATOR, number)
        shown = incident_json(await self._service.get(OPERATOR, number))
        return {**shown, "notes": [note_json(one) for one in notes]}

    async def open(self, arguments: Arguments) -> object:
        """`account`, `category`, `subject`, `text`, `contact`."""
        account = await self._find_account(arguments.get("account"))
        return incident_json(
            await self._service.open(
                OPERATOR, account, Category(text_of(arguments, "category")),
                text_of(arguments, "subject"), text_of(arguments, "text"),
                text_of(arguments, "contact"),
            )
        )  # fmt: skip

    async def note(self, arguments: Arguments) -> object:
        """`number`, `text`."""
        text = text_of(arguments, "text")
        return incident_json(await self._service.add_note(OPERATOR, _number(arguments), text))

    async def move(self, arguments: Arguments) -> object:
        """`number`, `state`, `text`, `reference`."""
        return incident_json(
            await self._service.move(
                OPERATOR, _number(arguments), IncidentState(text_of(arguments, "state")),
                text_of(arguments, "text"), reference=str(arguments.get("reference") or ""),
            )
        )  # fmt: skip


def incident_json(incident: Incident) -> dict[str, object]:
    """As programs see it."""
    return {
        "id": str(incident.id),
        "number": incident.number,
        "account": str(incident.account),
        "category": incident.category.value,
        "subject": incident.subject,
        "text": incident.text,
        "contact": incident.contact,
        "state": incident.state.value,
        "reference": incident.reference,
        "opened_by": incident.opened_by_name,
        "created": rfc3339(incident.created_ms),
        "changed": rfc3339(incident.changed_ms),
        "closed": rfc3339(incident.closed_ms) if incident.closed_ms else None,
    }


def note_json(note: Note) -> dict[str, object]:
    """As programs see it."""
    return {
        "at": rfc3339(note.at_ms),
        "by": note.author_name,
        "state": note.state or None,
        "text": note.text,
    }


def _number(arguments: Arguments) -> int:
    number = arguments.get("number")
    if not isinstance(number, int) or number < 1:
        raise PermanentError("the number of the incident is missing")
    return number
