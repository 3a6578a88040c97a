"""Named places in a source that are filled before it is compiled: `[[ title ]]`.

`[[ name ]]` is replaced by markup; what stands between `[[# name ]]` and `[[/ name ]]` is left out
where the name has nothing. Values are made from what people type: text with simple formatting
(`**bold**`, `*italic*`, `[words](link)`, lines that begin with `- `), lists, buttons, images.
Whatever they type is text and never markup; fields stay fields.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape

from console.content.errors import TemplateError
from console.content.fields import MAX_INSIDE
from console.content.sanitising import is_program

MAX_NESTED = 4
_SLOT = re.compile(r"\[\[(?P<kind>[#/]?) ?(?P<name>[a-z][a-z0-9_.]{0,40}) ?\]\]")
_TOKEN = re.compile(rf"(\{{\{{.{{0,{MAX_INSIDE}}}?\}}\}}|\{{%.{{0,{MAX_INSIDE}}}?%\}})", re.DOTALL)
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]{1,500}?\S?)\*\*")
_ITALIC = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]{1,500}?\S?)\*(?![\w*])")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(([^()\s]{1,1000})\)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+([/?#:].*)?\Z")
_PARAGRAPH = '<p style="margin:0 0 14px 0;">'
_LAST_PARAGRAPH = '<p style="margin:0;">'
_LIST = '<ul style="margin:0 0 14px 0;padding:0 0 0 22px;">'
_ITEM = '<li style="margin:0 0 6px 0;">'
_ROW = '<tr><td style="padding:5px 14px 5px 0;color:#55616d;vertical-align:top;width:34%;word-break:normal;">'
_VALUE = '<td style="padding:5px 0;font-weight:600;vertical-align:top;word-break:normal;">'
_MARK = "\x01"  # no text has it: `_cleaned`
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def filled_slots(source: str, slots: Mapping[str, object], *, kept: str = "\0") -> str:
    """The source with its places filled; those whose names begin with `kept` stay.

    Raises `TemplateError` for a name that there is not.
    """
    parts: list[str] = []
    skipped: list[str] = []  # sections that are left out, the outer one first
    opened: list[str] = []
    at = 0
    for match in _SLOT.finditer(source):
        kind, name = match["kind"], match["name"]
        line = source.count("\n", 0, match.start()) + 1 if name not in slots else 0
        if not skipped:
            parts.append(source[at : match.start()])
        at = match.end()
        if name.startswith(kept):
            parts += () if skipped else (match[0],)
            continue
        if kind == "/":
            if not opened or opened.pop() != name:
                raise _wrong(name, line, "closes what is not open")
            if skipped and skipped[-1] == name:
                skipped.pop()
            continue
        if name not in slots:
            raise _wrong(name, line, "there is no such place")
        if kind == "#":
            opened.append(name)
            if len(opened) > MAX_NESTED:
                raise _wrong(name, line, f"more than {MAX_NESTED} levels")
            if skipped or not slots[name]:
                skipped.append(name)
        elif not skipped:
            parts.append(str(slots[name]))
    if opened:
        raise _wrong(opened[-1], 0, "is not closed")
    parts.append(source[at:])
    return "".join(parts)


def slot_names(source: str) -> list[str]:
    """The names that are asked for, each once, in order."""
    return list(dict.fromkeys(match["name"] for match in _SLOT.finditer(source)))


def _wrong(name: str, line: int, why: str) -> TemplateError:
    shown = f"[[ {name} ]]"
    return TemplateError(f"html, line {line}: {shown}: {why}", code="slot", line=line, shown=shown)


def line_markup(text: str) -> str:
    """One line of text as markup; fields stay."""
    return "".join(_escaped(" ".join(_cleaned(text).split())))


def link_markup(text: str) -> str:
    """A link as an attribute's value: `https://` is put before a bare host, programs become nothing."""
    link = "".join(_cleaned(text).split()) if "{{" not in text else _cleaned(text).strip()
    if not link or is_program(link):
        return ""
    if not link.startswith(("{{", "#")) and not _SCHEME.match(link):
        if "@" in link and "/" not in link:
            link = f"mailto:{link}"
        elif _HOST.match(link):
            link = f"https://{link}"
    return "".join(_escaped(link))


def text_markup(text: str) -> str:
    """Paragraphs, lists and emphasis as markup."""
    tokens: list[str] = []

    def keep(match: re.Match[str]) -> str:
        tokens.append(match[0])
        return f"{_MARK}{len(tokens) - 1}{_MARK}"

    hidden = _TOKEN.sub(keep, _cleaned(text).replace("\r\n", "\n").replace("\r", "\n"))
    html = "".join(_blocks(escape(hidden, quote=True)))
    head, _, tail = html.rpartition(_PARAGRAPH)  # no room below the last one
    if tail.count("<p") == 0 and tail.endswith("</p>") and "<ul" not in tail:
        html = f"{head}{_LAST_PARAGRAPH}{tail}"
    html = html.replace("[[", "&#91;[")  # typed, so no place
    return re.sub(rf"{_MARK}(\d+){_MARK}", lambda m: tokens[int(m[1])], html)


def list_markup(text: str) -> str:
    """Each line an item."""
    lines = [line.strip().removeprefix("- ") for line in text.splitlines()]
    return text_markup("\n".join(f"- {line}" for line in lines if line))


def facts_markup(text: str) -> str:
    """Each line `label: value` a row of a table."""
    rows = []
    for line in text.splitlines():
        label, value = _cut(line.strip())
        if label:
            shown = text_markup(value.strip()).removeprefix(_LAST_PARAGRAPH).removesuffix("</p>")
            head = "".join(_escaped(label.strip()))
            rows.append(f"{_ROW}{head}</td>{_VALUE}{shown}</td></tr>")
    return "".join(rows)


def _cut(line: str) -> tuple[str, str]:
    """Label and value; a colon inside of a field, or of an hour, is no end of a label."""
    for place, char in enumerate(line):
        if line.startswith(("{{", "{%"), place):
            break
        if char == ":" and line[place + 1 : place + 2] in (" ", ""):
            return line[:place], line[place + 1 :]
    return line, ""


def _cleaned(text: str) -> str:
    return _CONTROLS.sub("", text)


def _escaped(text: str) -> Iterator[str]:
    for n, part in enumerate(_TOKEN.split(text)):
        yield part if n % 2 else escape(part, quote=True).replace("[[", "&#91;[")


def _blocks(text: str) -> Iterator[str]:
    paragraph: list[str] = []
    items: list[str] = []
    for line in [*text.split("\n"), ""]:
        bare = line.strip()
        is_item = bare.startswith(("- ", "• "))
        if paragraph and (is_item or not bare):
            yield f"{_PARAGRAPH}{'<br>'.join(paragraph)}</p>"
            paragraph = []
        if items and not is_item:
            yield f"{_LIST}{''.join(f'{_ITEM}{item}</li>' for item in items)}</ul>"
            items = []
        if is_item:
            items.append(_inline(bare[2:].strip()))
        elif bare:
            paragraph.append(_inline(bare))


def _inline(text: str) -> str:
    text = _LINK.sub(_anchor, text)
    text = _BOLD.sub(r"<strong>\1</strong>", text)
    return _ITALIC.sub(r"<em>\1</em>", text)


def _anchor(match: re.Match[str]) -> str:
    """The words are escaped already, and so is the link."""
    link = match[2]
    if is_program(link):
        return match[1]
    if not link.startswith((_MARK, "#")) and not _SCHEME.match(link) and _HOST.match(link):
        link = f"https://{link}"
    return f'<a href="{link}">{match[1]}</a>'
