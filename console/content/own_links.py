"""Addresses of a recipient's own in a template: unsubscribe, preferences, view in the browser.

Templates write them as fields, `{{ enlace_baja }}`; whoever fills in a list cannot set them.
"""

from collections.abc import Callable, Sequence

from mta.model.rendering import Occasion

UNSUBSCRIBE = "enlace_baja"
PREFERENCES = "enlace_preferencias"
VIEW = "ver_en_navegador"
NOWHERE = "#"  # in a preview

LinkOf = Callable[[int], str]  # of a delivery; empty where there is none
OwnLink = tuple[str, LinkOf]


class OwnLinks:
    """Knows how to make them."""

    def __init__(self, unsubscribe: LinkOf, view: LinkOf) -> None:
        """`unsubscribe` leads to the page on which recipients say what they want, too."""
        self._links: Sequence[OwnLink] = (
            (UNSUBSCRIBE, unsubscribe),
            (PREFERENCES, unsubscribe),
            (VIEW, view),
        )

    def used_in(self, compiled: bytes) -> Sequence[OwnLink]:
        """Those that a compiled template asks for."""
        return [(name, link) for name, link in self._links if name.encode() in compiled]


def own_values(links: Sequence[OwnLink], occasion: Occasion) -> dict[str, object]:
    """The values for one recipient."""
    delivery = occasion.delivery
    return {name: (link(delivery) if delivery else "") or NOWHERE for name, link in links}
