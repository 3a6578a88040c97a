"""The kinds of values that settings are made of: durations, sizes, HOST:PORT, networks, paths, names.

Each kind is an annotated type: a reader that turns what stands in the file or in the environment
into the value the program uses, and a `Kind` that the documentation and the display go by. A reader
raises `ValueError` with what it expected; `mta.settings.problems` adds file, table, key and value.
"""

import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, StrictBool, StrictInt, StrictStr, ValidationInfo

from mta.model.address import Address, parse_address, parse_domain
from mta.model.errors import AddressSyntaxError

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")
_SIZE = re.compile(r"(\d+) ?(?:([KMGT])i?)?B?\Z", re.IGNORECASE)
_SIZE_POWERS = {"K": 10, "M": 20, "G": 30, "T": 40}
_MAX_DURATION_S = 10 * 366 * 86400  # longer is a mistake, and must fit in milliseconds everywhere


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting's value is called in the documentation; `hide`: what of it is never shown."""

    name: str
    hide: str = ""  # "password": the user information of a URL; "all": everything but the host


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address to listen on or to connect to; `str()` brackets IPv6."""

    host: str  # IP address or lower-case A-labels, never in brackets
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_duration(value: object) -> float:
    """Seconds from `"1h30m"`, `"250ms"`, `"90"` or a number of seconds."""
    expected = 'expected a duration such as "30s", "5m", "1h30m" or "2d", or a number of seconds'
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(expected)  # noqa: TRY004 - pydantic collects ValueError only
    if isinstance(value, str):
        text = value.strip().replace(" ", "")
        if _NUMBER.match(text):
            value = float(text)
        elif text and not _DURATION_PART.sub("", text):
            parts = _DURATION_PART.findall(text)
            value = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
        else:
            raise ValueError(expected)
    if not 0 <= value <= _MAX_DURATION_S:
        raise ValueError("expected a duration from 0 to 10 years")
    return float(value)


def read_seconds(value: object) -> int:
    """Whole seconds, in the notations of `read_duration`."""
    seconds = read_duration(value)
    if seconds != int(seconds):
        raise ValueError("expected a duration of whole seconds")
    return int(seconds)


def read_size(value: object) -> int:
    """Bytes from `"25MiB"`, `"25M"` or a number; K, M, G and T are powers of 1024."""
    expected = 'expected a size in bytes, or such as "512K", "25MiB" or "1GiB"'
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(expected)
    return int(match[1]) << (_SIZE_POWERS[match[2].upper()] if match[2] else 0)


def read_percent(value: object) -> float:
    """A number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError("expected a number from 0 to 100, without quotes")
    return float(value)


def _host_port(value: object, lowest_port: int) -> HostPort:
    expected = (
        "expected HOST:PORT, for example 192.0.2.1:587, mail.example.org:25 or [2001:db8::1]:25"
    )
    if isinstance(value, HostPort):
        return value
    if not isinstance(value, str):
        raise ValueError(expected)  # noqa: TRY004 - pydantic collects ValueError only
    host, colon, port = value.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not host:
        raise ValueError(expected)
    if not lowest_port <= int(port) <= 65535:
        raise ValueError(f"expected a port from {lowest_port} to 65535")
    if host.startswith("[") and host.endswith("]"):
        try:
            return HostPort(str(ipaddress.IPv6Address(host[1:-1])), int(port))
        except ValueError:
            raise ValueError(expected) from None
    if ":" in host:
        raise ValueError("expected an IPv6 address in brackets, for example [2001:db8::1]:25")
    return HostPort(_host_name(host, expected), int(port))


def _host_name(host: str, expected: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        pass
    try:
        name = parse_domain(host)
    except AddressSyntaxError:
        raise ValueError(expected) from None
    if name.startswith("[") or name.rpartition(".")[2].isdigit():
        raise ValueError(expected)
    return name


def read_listen(value: object) -> HostPort:
    """A local address; port 0 lets the system choose."""
    return _host_port(value, 0)


def read_destination(value: object) -> HostPort:
    """An address to connect to."""
    return _host_port(value, 1)


def read_nameserver(value: object) -> HostPort:
    """The address of a DNS server, its port 53 when none is given."""
    if isinstance(value, str):
        try:
            return HostPort(str(ipaddress.ip_address(value.strip())), 53)
        except ValueError:
            pass
    expected = "expected the IP address of a DNS server, for example 127.0.0.1:53 or [::1]:53"
    try:
        server = _host_port(value, 1)
        ipaddress.ip_address(server.host)
    except ValueError:
        raise ValueError(expected) from None
    return server


def read_network(value: object) -> IPNetwork:
    """A network in CIDR notation, or one address."""
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    expected = "expected a network such as 10.0.0.0/8 or 2001:db8::/32"
    if not isinstance(value, str):
        raise ValueError(expected)  # noqa: TRY004 - pydantic collects ValueError only
    try:
        return ipaddress.ip_network(value.strip())
    except ValueError:
        pass
    try:
        wider = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError(expected) from None
    host = value.strip().partition("/")[0]
    raise ValueError(f"expected a network; write {wider}, or {host} for the one address")


def read_domain(value: object) -> str:
    """A domain name, as lower-case A-labels."""
    if isinstance(value, str):
        try:
            name = parse_domain(value.strip())
        except AddressSyntaxError:
            name = "["
        if not name.startswith("[") and not name.rpartition(".")[2].isdigit():
            return name
    raise ValueError("expected a domain name, for example mail.example.org")


def read_address(value: object) -> str:
    """A mailbox, in the form used on the wire."""
    if isinstance(value, Address):
        return str(value)
    try:
        return str(parse_address(value if isinstance(value, str) else ""))
    except AddressSyntaxError as error:
        raise ValueError(
            f"expected a mail address, for example ops@example.org ({error})"
        ) from None


def read_ip(value: object) -> str:
    """One IP address, without port."""
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("expected an IP address, without port") from None


def read_timezone(value: object) -> str:
    """A name of the IANA time zone database."""
    name = value if isinstance(value, str) else ""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        guess = suggest(name, zoneinfo.available_timezones())
        raise ValueError(f"expected an IANA time zone such as America/Lima{guess}") from None
    return name


def read_url(value: object) -> str:
    """An http or https URL without a slash at its end."""
    expected = "expected a URL such as https://correo.example.org"
    if not isinstance(value, str) or not value.isascii() or any(c <= " " for c in value):
        raise ValueError(expected)
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if not valid:
        raise ValueError(expected)
    return value.rstrip("/")


def read_filter(value: object) -> str:
    """A spam filter: `spamd://HOST:PORT` (SpamAssassin) or the URL of an rspamd worker."""
    if not isinstance(value, str) or not value.startswith("spamd://"):
        return read_url(value)
    try:
        parts = urlsplit(value)
        valid = parts.hostname and parts.port and not parts.path.strip("/")
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("expected spamd://HOST:PORT or a URL such as http://127.0.0.1:11333")
    return value.rstrip("/")


def read_store(value: object) -> str:
    """`sqlite` or a PostgreSQL URL."""
    if value == "sqlite":
        return "sqlite"
    if isinstance(value, str):
        try:
            parts = urlsplit(value)
            if parts.scheme in ("postgresql", "postgres") and parts.path.strip("/"):
                return value
        except ValueError:
            pass
    raise ValueError('expected "sqlite" or postgresql://user:password@host/database')


def read_path(value: object, info: ValidationInfo) -> Path:
    """A path; a relative one is taken from the base directory of the settings file."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("expected a path")
    base = (info.context or {}).get("base")
    path = Path(value).expanduser()
    return base / path if base is not None else path


def suggest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean …?"`, or nothing when no known name is near."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def _or_none(value: object) -> object:
    """Reader for optional settings: what is written as an empty string is `None`."""
    return None if value == "" else value


def _tuple(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError('expected a list, for example ["first", "second"]')


Flag = Annotated[StrictBool, Kind("true or false")]
Count = Annotated[StrictInt, Kind("number")]
Text = Annotated[StrictStr, Kind("text")]
Duration = Annotated[float, BeforeValidator(read_duration), Kind("duration")]
Seconds = Annotated[int, BeforeValidator(read_seconds), Kind("duration")]
Size = Annotated[int, BeforeValidator(read_size), Kind("size")]
Percent = Annotated[float, BeforeValidator(read_percent), Kind("percent")]
Listen = Annotated[HostPort, BeforeValidator(read_listen), Kind("HOST:PORT")]
Destination = Annotated[HostPort, BeforeValidator(read_destination), Kind("HOST:PORT")]
Nameserver = Annotated[HostPort, BeforeValidator(read_nameserver), Kind("HOST:PORT")]
Network = Annotated[IPNetwork, BeforeValidator(read_network), Kind("CIDR")]
Domain = Annotated[str, BeforeValidator(read_domain), Kind("domain")]
MailAddress = Annotated[str, BeforeValidator(read_address), Kind("mail address")]
IPAddress = Annotated[str, BeforeValidator(read_ip), Kind("IP address")]
Timezone = Annotated[str, BeforeValidator(read_timezone), Kind("IANA time zone")]
Url = Annotated[str, BeforeValidator(read_url), Kind("URL")]
SecretUrl = Annotated[str, BeforeValidator(read_url), Kind("URL", hide="all")]
FilterUrl = Annotated[str, BeforeValidator(read_filter), Kind("spamd://HOST:PORT or URL")]
StoreUrl = Annotated[str, BeforeValidator(read_store), Kind("sqlite or URL", hide="password")]
FilePath = Annotated[Path, BeforeValidator(read_path), Kind("path")]
OptionalListen = Annotated[Listen | None, BeforeValidator(_or_none)]
OptionalDestination = Annotated[Destination | None, BeforeValidator(_or_none)]
OptionalDomain = Annotated[Domain | None, BeforeValidator(_or_none)]
OptionalAddress = Annotated[MailAddress | None, BeforeValidator(_or_none)]
OptionalPath = Annotated[FilePath | None, BeforeValidator(_or_none)]
OptionalFilterUrl = Annotated[FilterUrl | None, BeforeValidator(_or_none)]
OptionalSecretUrl = Annotated[SecretUrl | None, BeforeValidator(_or_none)]
AsTuple = BeforeValidator(_tuple)
