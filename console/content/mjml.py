"""MJML to HTML: tag names are checked here, since the compiler passes over what it does not know.

Nothing is fetched or included: no files, no fonts, no icons of others. Source: MJML 4 (mjml.io).
"""

import re

import mrml

from console.content.errors import TemplateError

MAX_SOURCE = 512 * 1024  # characters
MAX_DEPTH = 60  # of elements in each other: the compiler is recursive
_TAGS = frozenset(
    {
        "mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint",
        "mj-preview", "mj-style", "mj-title", "mj-section", "mj-column", "mj-group", "mj-wrapper",
        "mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table", "mj-raw",
        "mj-hero", "mj-accordion", "mj-accordion-element", "mj-accordion-title",
        "mj-accordion-text", "mj-navbar", "mj-navbar-link",
    }
)  # fmt: skip
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]  # HTML §13.1.2
)
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)"
    r"(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)(?P<close>>?)",
    re.DOTALL,
)
_AMP = re.compile(r"&(?!#?\w+;)")
_ATTRIBUTE = re.compile(r"=\s*(\"[^\"]*\"|'[^']*')")
_UNPRINTED = re.compile(
    r"[\\\x00-\x1f\x7f-\xad\u034f\u0600-\u0605\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_PLACE = re.compile(r"position (\d+)")
_OPTIONS = mrml.ParserOptions(include_loader=mrml.noop_loader())
_RENDERING = mrml.RenderOptions(fonts={}, disable_comments=False)


def mjml_to_html(source: str) -> str:
    """The HTML. Raises `TemplateError` with the line. Milliseconds."""
    _check(source)
    prepared = _TAG.sub(_prepared, source)
    try:
        html: str = mrml.to_html(prepared, _OPTIONS, _RENDERING).content
    except OSError as error:
        place = _PLACE.search(str(error))
        line = prepared.count("\n", 0, int(place[1])) + 1 if place else 0
        raise TemplateError(
            f"html, line {line}: {error}", code="mjml", line=line, shown=str(error)
        ) from None
    return html


def _check(source: str) -> None:
    """Names, order and depth of tags, before the compiler sees them."""
    open_tags: list[tuple[str, int]] = []
    line, at = 1, 0
    is_first = True
    for match in _TAG.finditer(source):
        name = (match["name"] or "").lower()
        line += source.count("\n", at, match.start())
        at = match.start()
        if not name:
            continue
        if is_first and name != "mjml":
            raise _wrong(line, name, "no_root", "expected <mjml>")
        is_first = False
        if not match["close"]:  # at once: looking for its end again and again takes long
            raise _wrong(line, name, "not_closed", "expected >")
        if name.startswith("mj") and name not in _TAGS:
            raise _wrong(line, name, "unknown_tag", "there is no such element")
        if match["end"]:
            _close(open_tags, name, line)
        elif name not in _VOID and not match["rest"].rstrip().endswith("/"):
            open_tags.append((name, line))
            if len(open_tags) > MAX_DEPTH:
                raise _wrong(line, name, "too_deep", f"more than {MAX_DEPTH} levels")
    if open_tags:
        raise _wrong(open_tags[-1][1], open_tags[-1][0], "not_closed", "is not closed")
    if is_first:
        raise _wrong(1, "mjml", "no_root", "expected <mjml>")


def _close(open_tags: list[tuple[str, int]], name: str, line: int) -> None:
    if not open_tags:
        raise _wrong(line, f"/{name}", "not_opened", "was not opened")
    opened, at_line = open_tags.pop()
    if opened != name:
        raise _wrong(at_line, opened, "not_closed", f"is not closed before </{name}>")


def _wrong(line: int, name: str, code: str, why: str) -> TemplateError:
    return TemplateError(
        f"html, line {line}: <{name}>: {why}", code=code, line=line, shown=f"<{name}>"
    )


def _prepared(match: re.Match[str]) -> str:
    """A tag whose attributes the compiler writes as they are.

    It writes what it takes for unprintable in the notation of Rust, so that goes in as a character
    reference.
    """
    return _ATTRIBUTE.sub(_attribute, match[0]) if match["name"] else match[0]


def _attribute(match: re.Match[str]) -> str:
    value = _AMP.sub("&amp;", match[1])
    return "=" + _UNPRINTED.sub(lambda one: f"&#{ord(one[0])};", value)
