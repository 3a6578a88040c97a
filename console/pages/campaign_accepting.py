"""What forms of campaigns say about the preflight, and what it says to people."""

from collections.abc import Awaitable, Sequence

from multidict import MultiMapping

from console.campaigns.accepting import PreflightRefused
from mta.model.errors import PermanentError


def accepted_in(form: MultiMapping[object]) -> Sequence[str]:
    """Codes of the warnings that the form showed and its sender accepts."""
    return [str(code) for code in form.getall("accept", [])]


async def in_words(work: Awaitable[object], language: str) -> None:
    """Do it; what the preflight refuses is said in the reader's language."""
    try:
        await work
    except PreflightRefused as refused:
        raise PermanentError(refused.text(language)) from None
