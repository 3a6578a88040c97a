"""Sites by name and by number; the number is what rows and indexes carry."""

from dataclasses import dataclass

from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

UNRESOLVED = 0


@dataclass(frozen=True, slots=True)
class Site:
    """Where mail really goes: one provider, or one set of MX hosts."""

    id: int
    name: str
    provider: str


class SiteDirectory:
    """All sites ever seen, in memory."""

    def __init__(self, store: Store, ids: IdGenerator) -> None:
        self._store = store
        self._ids = ids
        self._by_id: dict[int, Site] = {}
        self._by_name: dict[str, Site] = {}

    async def load(self) -> None:
        """Read the table, at start."""
        for row in await self._store.read("sites", deadline_s=60.0):
            self._add(Site(*row))

    def get(self, site_id: int) -> Site:
        """The site of a row; one that is missing gets a name that says so."""
        return self._by_id.get(site_id) or Site(site_id, f"site-{site_id}", "other")

    def named(self, name: str) -> Site | None:
        """The site of that name, if it has been seen."""
        return self._by_name.get(name)

    def matching(self, text: str) -> list[Site]:
        """Sites that an operator means: by name, by number, or by domain (`gmail.com`)."""
        exact = self._by_name.get(text)
        if exact is not None:
            return [exact]
        return [s for s in self._by_id.values() if text in {str(s.id), s.provider}]

    async def ensure(self, name: str, provider: str) -> Site:
        """The site, created durably if it is new. Raises `StoreError`."""
        site = self._by_name.get(name)
        if site is None:
            site = self._add(Site(self._ids.new(), name, provider))
            try:
                await self._store.submit([Rows("site_insert", [(site.id, name, provider)])])
            except BaseException:
                self._by_id.pop(site.id, None)
                self._by_name.pop(name, None)
                raise
        return site

    def _add(self, site: Site) -> Site:
        self._by_id[site.id] = site
        self._by_name[site.name] = site
        return site
