"""Who was trained: lists of people as they are typed in, and their hours over all sessions."""

from collections.abc import Sequence

from console.reports.handover.values import Attendee, Trained, Training
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError, PermanentError

MAX_PEOPLE = 50
MAX_NAME = 120
_SEPARATORS = (";", "\t", ",")


def read_people(text: str, minutes: int) -> Sequence[Attendee]:
    """A line for each person: name; address; position; minutes. The last two may be left out.

    `minutes`: who has none was there all the time. Raises `PermanentError` with the line's number.
    """
    people = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        mark = next((one for one in _SEPARATORS if one in line), ";")
        name, email, position, stay, *more = (*map(str.strip, line.split(mark)), "", "", "", "")
        if any(more[: line.count(mark) - 3]):
            raise PermanentError(f"line {number} has more than four parts")
        if stay and not stay.isdecimal():
            raise PermanentError(f"line {number}: {stay!r} is no number of minutes")
        people.append(Attendee(name, email, position, int(stay) if stay else minutes))
    return people


def checked_people(people: Sequence[Attendee], minutes: int) -> Sequence[Attendee]:
    """As they are kept. Raises `PermanentError` for what cannot be."""
    if not people:
        raise PermanentError("nobody attended")
    if len(people) > MAX_PEOPLE:
        raise PermanentError(f"up to {MAX_PEOPLE} people attend a session")
    kept: dict[str, Attendee] = {}
    for one in people:
        name, position = " ".join(one.name.split()), " ".join(one.position.split())
        if not name or max(len(name), len(position)) > MAX_NAME:
            raise PermanentError(f"names and positions have 1 to {MAX_NAME} characters")
        try:
            email = str(parse_address(one.email.strip())).lower()
        except AddressSyntaxError:
            raise PermanentError(f"{one.email!r} is no mail address") from None
        if not 1 <= one.minutes <= minutes:
            raise PermanentError(f"{name} was there for 1 to {minutes} minutes")
        if email in kept:
            raise PermanentError(f"{email} is there twice")
        kept[email] = Attendee(name, email, position, one.minutes)
    return list(kept.values())


def trained_of(trainings: Sequence[Training]) -> Sequence[Trained]:
    """Each person with the sum of the minutes, who was there longest first."""
    found: dict[str, Trained] = {}
    for training in trainings:
        for one in training.people:
            was = found.get(one.email)
            minutes = one.minutes + (was.minutes if was else 0)
            last = max(training.held_on, was.last_day if was else "")
            position = one.position or (was.position if was else "")
            found[one.email] = Trained(one.name, one.email, position, minutes, last)
    return sorted(found.values(), key=lambda one: (-one.minutes, one.email))
