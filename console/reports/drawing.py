"""SVG that a strict policy lets through: attributes and classes, no script and no style in it."""

import math
from collections.abc import Iterable

from markupsafe import Markup, escape

Number = int | float


def element(name: str, *inside: Markup | str, **attributes: str | Number) -> Markup:
    """One element; text in it and in attributes is escaped, `_` in a name becomes `-`.

    `class_` is `class`; an attribute that is "" is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value != ""
    )
    content = Markup("").join(inside)
    return Markup(f"<{name}{given}>{content}</{name}>")  # noqa: S704  # all of it is escaped


def picture(
    identifier: str,
    title: str,
    description: str,
    shapes: Iterable[Markup],
    *,
    width: Number,
    height: Number,
    kind: str,
) -> Markup:
    """An SVG that scales; a screen reader says title and description. `kind` is a class of it."""
    return element(
        "svg",
        element("title", title, id=f"{identifier}-title"),
        element("desc", description, id=f"{identifier}-desc"),
        *shapes,
        class_=f"chart-svg chart-{kind}",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
    )


def words(text: str, x: Number, y: Number, *, anchor: str = "", kind: str = "") -> Markup:
    """Text in a picture; `anchor` as in SVG: start, middle, end."""
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=kind)


def rounded_up(value: float) -> float:
    """The end of a scale for that value: 1, 2, 2.5 or 5 times a power of ten; 1 for nothing."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _plain(value: str | Number) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
