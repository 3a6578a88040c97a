"""Finding things."""

from console.accounts.permissions import Permission
from console.search.service import SearchService
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR: dict[str, str] = {}
INSIDE: dict[str, str] = {}


def _search(stand: Stand) -> SearchService:
    return SearchService(stand.services.foundation.store)


ROWS = (
    Row(
        "SearchService.campaigns", Permission.CAMPAIGN_VIEW,
        lambda s, a, n, _: _search(s).campaigns(a, n, "x"),
    ),
    Row(
        "SearchService.contacts", Permission.CONTACT_VIEW,
        lambda s, a, n, _: _search(s).contacts(a, n, "x"),
    ),
)  # fmt: skip
