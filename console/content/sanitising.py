"""Takes out of a mail's HTML what runs, asks or leads astray, and leaves what mail is made of.

Mail needs what a sanitiser for comments takes away: a head, styles, tables, conditional comments for
Outlook. So elements and attributes are taken out by name, everything that is not known to be mail:
scripts, frames, forms, events, links that are programs.
"""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_ALLOWED = frozenset(
    [
        "html",
        "head",
        "title",
        "meta",
        "style",
        "body",
        "div",
        "span",
        "p",
        "br",
        "hr",
        "a",
        "img",
        "b",
        "strong",
        "i",
        "em",
        "u",
        "s",
        "small",
        "big",
        "sub",
        "sup",
        "font",
        "center",
        "blockquote",
        "pre",
        "code",
        "tt",
        "kbd",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "colgroup",
        "col",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "abbr",
        "address",
        "article",
        "aside",
        "section",
        "header",
        "footer",
        "main",
        "figure",
        "figcaption",
        "nav",
        "del",
        "ins",
        "mark",
        "q",
        "cite",
        "time",
        "wbr",
        "map",
        "area",
        "picture",
        "source",
    ]
)
_UNWRAPPED = frozenset(
    ["form", "label", "fieldset", "legend", "o:p", "button", "noscript"]
)  # the text stays
_BAD_SCHEMES = ("javascript:", "vbscript:", "file:", "data:")
_LINKS = frozenset(("href", "src", "background", "action", "poster", "cite", "srcset"))
_BAD_STYLE = ("expression(", "javascript:", "vbscript:", "behavior:", "-moz-binding", "@import")
_META = frozenset(("content-type", "x-ua-compatible", "content-language"))


def sanitise(tree: LexborHTMLParser) -> list[str]:
    """Clean the tree where it is; gives the names of what was taken out, each once."""
    gone: dict[str, None] = {}
    for node in _elements(tree):
        name = (node.tag or "").lower()
        if name in _UNWRAPPED and node.child is not None:
            gone[f"<{name}>"] = None
            node.unwrap()
        elif name not in _ALLOWED or _is_bad_meta(node, name):
            gone[f"<{name}>"] = None
            node.decompose()
        else:
            for attribute in _bad_attributes(node):
                gone[attribute] = None
            if name == "style" and _is_bad_style(node.text()):
                gone["<style>"] = None
                node.decompose()
    return list(gone)


def _elements(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    """Every element, the inner ones first, so that none is visited after its parent has gone."""
    yield from reversed(tree.css("*"))


def _is_bad_meta(node: LexborNode, name: str) -> bool:
    if name != "meta":
        return False
    kind = (node.attributes.get("http-equiv") or "").strip().lower()
    return bool(kind) and kind not in _META


def _bad_attributes(node: LexborNode) -> Iterator[str]:
    for attribute, value in list(node.attributes.items()):
        lower = attribute.lower()
        text = "".join((value or "").split()).lower()
        is_bad = (
            lower.startswith("on")
            or lower in ("srcdoc", "formaction", "ping")
            or (lower in _LINKS and is_program(text))
            or (lower == "style" and _is_bad_style(text))
        )
        if is_bad:
            del node.attrs[attribute]
            yield attribute


def is_program(link: str) -> bool:
    """Whether the link is a program or holds a document of its own; images in it are none."""
    text = "".join(c for c in link if c.isprintable() and not c.isspace()).lower()
    return text.startswith(_BAD_SCHEMES) and not text.startswith("data:image/")


def _is_bad_style(text: str) -> bool:
    lower = "".join(text.split()).lower().replace("\\", "")
    return any(word in lower for word in _BAD_STYLE) or "</" in lower
