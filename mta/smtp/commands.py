"""Arguments of SMTP commands: strict where mail could be misread, tolerant where clients differ.

Each function returns what the client said or the `Reply` that refuses it. Addresses are strict
(RFC 5321, 6531); accepted beyond the letter are a space after `FROM:` and `TO:`, a mailbox without
angle brackets, and a source route, which is dropped (RFC 5321 appendix C).
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.envelope import Notify, Recipient
from mta.model.errors import AddressSyntaxError
from mta.model.reply import Reply
from mta.smtp import server_replies as replies

MAX_FUTURE_RELEASE_S = 5_184_000  # 60 days
_MAX_ENVID = 100  # RFC 3461 §4.4
_MAX_ORCPT = 500  # RFC 3461 §4.2
_MAX_NUMBER = 18  # digits that are taken for a size; RFC 1870 §4 allows 20

_FLAGS = re.IGNORECASE
_MAIL = re.compile(r'FROM: *<([^<>"\s]*)>(?: +(.*))?\Z', _FLAGS)
_RCPT = re.compile(r'TO: *<([^<>"\s]+)>(?: +(.*))?\Z', _FLAGS)
# The slow forms: quoted local parts, and no brackets at all.
_QUOTED_PATH = re.compile(r'(?:FROM|TO): *<((?:[^<>"\s]|"(?:[^"\\]|\\.)*")*)>(?: +(.*))?\Z', _FLAGS)
_BARE_PATH = re.compile(r'(?:FROM|TO): *([^<>"\s@]+@[^<>"\s@]+)(?: +(.*))?\Z', _FLAGS)
_SOURCE_ROUTE = re.compile(r"@[^@:<>\s]+(?:,@[^@:<>\s]+)*:")
_HELLO = re.compile(r"[^\x00-\x20\x7f-\x9f<>()\"\\;,@]{1,255}\Z")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_XTEXT_CODE = re.compile(r"\+([0-9A-F]{2})")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-\[\]-~\u00a0-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})*\Z")
_ATOM = re.compile(r"[A-Za-z0-9\-]{1,64}\Z")
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)\Z", re.ASCII | _FLAGS
)
_BDAT = re.compile(rf"([0-9]{{1,{_MAX_NUMBER}}})(?: +(LAST))? *\Z", _FLAGS | re.ASCII)


class MailCommand(NamedTuple):
    """What MAIL said."""

    sender: Address | None  # None: the null reverse-path
    size_bytes: int = 0  # SIZE, 0: not told
    ret: str = ""
    envelope_id: str = ""
    eight_bit: bool = False
    smtputf8: bool = False
    release_at_ms: int = 0


class ChunkCommand(NamedTuple):
    """What BDAT said."""

    size_bytes: int
    is_last: bool


def parse_hello(argument: str) -> str | Reply:
    """The client's name: nearly anything without spaces, for clients say `localhost`, `vm`, `[::1]`."""
    words = argument.split()
    if not words or _HELLO.match(words[0]) is None:
        return replies.HELLO_SYNTAX
    return words[0]


def parse_bdat(argument: str) -> ChunkCommand | Reply:
    """RFC 3030 §2: `size [LAST]`."""
    match = _BDAT.match(argument)
    if match is None:
        return replies.BDAT_SYNTAX
    return ChunkCommand(int(match[1]), match[2] is not None)


def parse_mail(argument: str, max_bytes: int, clock: Clock) -> MailCommand | Reply:
    """MAIL with the parameters of RFC 1870, 6152, 6531, 4954, 3461 and 4865."""
    match = _MAIL.match(argument) or _slow_path(argument, "FROM")
    if match is None:
        return replies.MAIL_SYNTAX
    path, rest = match.groups()
    values: dict[str, object] = {}
    if rest:
        refusal = _read_parameters(rest, _MAIL_PARAMETERS, values, clock)
        if refusal is not None:
            return refusal
    sender = _read_path(path, "5.1.7") if path else None
    if isinstance(sender, Reply):
        return sender
    if not argument.isascii() and "smtputf8" not in values:
        return replies.NEED_SMTPUTF8
    command = MailCommand(sender, **values)  # type: ignore[arg-type]  # the table below names fields
    if command.size_bytes > max_bytes:
        return replies.TOO_BIG
    return command


def parse_rcpt(argument: str, hostname: str, *, smtputf8: bool) -> Recipient | Reply:
    """RCPT with the parameters of RFC 3461; `<Postmaster>` alone means our own (RFC 5321 §4.1.1.3)."""
    match = _RCPT.match(argument) or _slow_path(argument, "TO")
    if match is None:
        return replies.RCPT_SYNTAX
    path, rest = match.groups()
    if not path:
        return replies.RCPT_SYNTAX
    if not smtputf8 and not argument.isascii():
        return replies.NEED_SMTPUTF8
    if path.lower() == "postmaster":
        path = f"{path}@{hostname}"
    address = _read_path(path, "5.1.3")
    if isinstance(address, Reply):
        return address
    if not rest:
        return Recipient(address)
    values: dict[str, object] = {}
    refusal = _read_parameters(rest, _RCPT_PARAMETERS, values, None)
    if refusal is not None:
        return refusal
    return Recipient(address, **values)  # type: ignore[arg-type]  # the table below names fields


def _slow_path(argument: str, word: str) -> re.Match[str] | None:
    if argument[: len(word) + 1].upper() != f"{word}:":
        return None
    return _QUOTED_PATH.match(argument) or _BARE_PATH.match(argument)


def _read_path(path: str, status: str) -> Address | Reply:
    if path[0] == "@":
        route = _SOURCE_ROUTE.match(path)
        if route is not None:
            path = path[route.end() :]
    try:
        address = parse_address(path)
    except AddressSyntaxError as error:
        return replies.syntax_error(501, status, str(error))
    if "." not in address.domain and not address.is_literal:  # RFC 6409 §4.2
        return replies.syntax_error(501, status, f"{address.domain!r} is not a full domain name")
    return address


_Reader = Callable[[str, dict[str, object], Clock | None], bool]


def _read_parameters(
    text: str, readers: dict[str, _Reader], values: dict[str, object], clock: Clock | None
) -> Reply | None:
    seen: set[str] = set()
    for word in text.split():
        keyword, _, value = word.partition("=")
        keyword = keyword.upper()
        reader = readers.get(keyword)
        if reader is None:
            return replies.syntax_error(555, "5.5.4", f"Parameter {keyword} is not known")
        if keyword in seen or not reader(value, values, clock):
            return replies.syntax_error(501, "5.5.4", f"Bad or repeated parameter {keyword}")
        seen.add(keyword)
    return None


def _read_size(value: str, values: dict[str, object], _: Clock | None) -> bool:
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        return False
    values["size_bytes"] = int(value)
    return True


def _read_body(value: str, values: dict[str, object], _: Clock | None) -> bool:
    kind = value.upper()
    values["eight_bit"] = kind == "8BITMIME"
    return kind in ("7BIT", "8BITMIME")


def _read_smtputf8(value: str, values: dict[str, object], _: Clock | None) -> bool:
    values["smtputf8"] = True
    return not value


def _read_auth(value: str, _values: dict[str, object], _: Clock | None) -> bool:
    """RFC 4954 §5: parsed and ignored, for we trust no client to speak for another."""
    return value == "<>" or bool(value and _XTEXT.match(value))


def _read_ret(value: str, values: dict[str, object], _: Clock | None) -> bool:
    values["ret"] = value.upper()
    return values["ret"] in ("FULL", "HDRS")


def _read_envid(value: str, values: dict[str, object], _: Clock | None) -> bool:
    decoded = decode_xtext(value)
    if not decoded or len(value) > _MAX_ENVID:
        return False
    values["envelope_id"] = decoded
    return True


def _read_hold_for(value: str, values: dict[str, object], clock: Clock | None) -> bool:
    if clock is None or not (value.isascii() and value.isdigit() and len(value) <= 9):
        return False
    return _set_release(clock.now_ms() + int(value) * 1000, values, clock)


def _read_hold_until(value: str, values: dict[str, object], clock: Clock | None) -> bool:
    if clock is None or _DATE_TIME.match(value) is None:
        return False
    text = value.upper()
    leap = text[17:19] == "60"  # RFC 3339 allows a leap second, datetime does not
    try:
        moment = datetime.fromisoformat(text[:17] + "59" + text[19:] if leap else text)
    except ValueError:
        return False
    if leap:
        moment += timedelta(seconds=1)
    return _set_release(round(moment.timestamp() * 1000), values, clock)


def _set_release(at_ms: int, values: dict[str, object], clock: Clock) -> bool:
    """RFC 4865 §5: one of the two parameters, not beyond what EHLO said; the past means now."""
    now_ms = clock.now_ms()
    if "release_at_ms" in values or at_ms - now_ms > MAX_FUTURE_RELEASE_S * 1000:
        return False
    values["release_at_ms"] = at_ms if at_ms > now_ms else 0
    return True


def _read_notify(value: str, values: dict[str, object], _: Clock | None) -> bool:
    words = value.upper().split(",")
    notify = Notify.UNSET
    for word in words:
        flag = _NOTIFY.get(word)
        if flag is None or flag in notify:
            return False
        notify |= flag
    values["notify"] = notify
    return Notify.NEVER not in notify or len(words) == 1


def _read_orcpt(value: str, values: dict[str, object], _: Clock | None) -> bool:
    kind, _separator, text = value.partition(";")
    if not text or len(value) > _MAX_ORCPT or _ATOM.match(kind) is None:
        return False
    if kind.lower() == "utf-8":  # RFC 6533 §3: its own encoding, kept as it is
        decoded: str | None = text if _UTF8_ADDRESS.match(text) else decode_xtext(text)
    else:
        decoded = decode_xtext(text)
    if not decoded:
        return False
    values["original"] = f"{kind};{decoded}"
    return True


def decode_xtext(text: str) -> str | None:
    """RFC 3461 §4; None when it is not xtext or hides anything but printable ASCII."""
    if _XTEXT.match(text) is None:
        return None
    decoded = _XTEXT_CODE.sub(lambda code: chr(int(code[1], 16)), text) if "+" in text else text
    return decoded if _PRINTABLE.match(decoded) else None


_NOTIFY = {
    "NEVER": Notify.NEVER,
    "SUCCESS": Notify.SUCCESS,
    "FAILURE": Notify.FAILURE,
    "DELAY": Notify.DELAY,
}
# Each reader sets the field of `MailCommand` or `Recipient` that the parameter fills.
_MAIL_PARAMETERS: dict[str, _Reader] = {
    "SIZE": _read_size,
    "BODY": _read_body,
    "SMTPUTF8": _read_smtputf8,
    "AUTH": _read_auth,
    "RET": _read_ret,
    "ENVID": _read_envid,
    "HOLDFOR": _read_hold_for,
    "HOLDUNTIL": _read_hold_until,
}
_RCPT_PARAMETERS: dict[str, _Reader] = {"NOTIFY": _read_notify, "ORCPT": _read_orcpt}
