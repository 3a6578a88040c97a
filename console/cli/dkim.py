"""Commands on DKIM keys: make one, show what to publish, check what is published."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from console.cli.application import ask
from console.cli.options import config_option, json_option, settings_of
from console.cli.output import escape, print_json
from mta.dkim import (
    DkimKey,
    KeyRing,
    KeyType,
    generate_key,
    record_text,
    sign,
    txt_record,
)
from mta.dkim import check as check_record
from mta.dkim.keyfiles import awaited_keys
from mta.dkim.verification import Verification, verify
from mta.dns.lookup import Failed, Lookup, Records
from mta.dns.records import texts
from mta.engine.control import SOCKET_NAME, ControlClient, NoServer
from mta.model.address import parse_domain
from mta.model.errors import ConfigurationError, RelevoError
from mta.settings import Settings
from mta.store.database import DATABASE_NAME

_PROBE = "From: probe@{domain}\r\nSubject: probe\r\n\r\nIs the published key ours?\r\n"


@click.group()
def dkim() -> None:
    """DKIM keys, with which mail is signed."""


@dkim.command("new")
@click.argument("domain")
@click.option(
    "--selector",
    default="",
    metavar="S",
    help="Name of the key below the domain.  [default: after type and month, r202611]",
)
@click.option(
    "--type",
    "key_type",
    type=click.Choice([kind.value for kind in KeyType]),
    default=KeyType.RSA2048.value,
    show_default=True,
)
@json_option
@config_option
def dkim_new(domain: str, selector: str, key_type: str, as_json: bool, config: Path) -> None:
    """Make a key and show the record to publish.

    All keys of a domain sign. Publish the record before mail is signed with the key: a running
    server begins to use it at once.
    """
    settings = settings_of(config)
    today = dt.datetime.now(ZoneInfo(settings.server.timezone)).date()
    key, path = generate_key(
        settings.server.dkim_dir, domain, today=today, selector=selector, key_type=KeyType(key_type)
    )
    is_told = _tell_server(settings)
    if as_json:
        print_json({**_described(key), "path": str(path)})
        return
    click.echo(txt_record(key))
    used = (
        "The running server signs with it now." if is_told else "It signs from the next start on."
    )
    click.echo(f"Made {path}. Publish the line above in the DNS. {used}", err=True)
    if not _is_owned(key.domain, settings, config):
        click.echo(
            f"No account owns {key.domain} yet: `relevo domain add {key.domain}` lets one send "
            "from it.",
            err=True,
        )


@dkim.command("show")
@click.argument("domain", required=False)
@click.option("--selector", metavar="S", help="Only this key.")
@json_option
@config_option
def dkim_show(domain: str | None, selector: str | None, as_json: bool, config: Path) -> None:
    """Show the TXT records to publish, each as a line of a zone file.

    Without DOMAIN those of all domains.
    """
    keys = _keys(settings_of(config), domain, selector)
    if as_json:
        print_json([_described(key) for key in keys])
        return
    for key in keys:
        click.echo(txt_record(key))


@dkim.command("check")
@click.argument("domain", required=False)
@click.option("--selector", metavar="S", help="Only this key.")
@click.option(
    "--message",
    metavar="FILE",
    type=click.File("rb"),
    help="Instead of keys, check the signatures of this mail; - reads standard input.",
)
@json_option
@config_option
@click.pass_context
def dkim_check(
    context: click.Context,
    domain: str | None,
    selector: str | None,
    message: IO[bytes] | None,
    as_json: bool,
    config: Path,
) -> None:
    """Check that what the DNS publishes fits the keys, so that receivers can verify our mail.

    Each key signs a probe, which another implementation verifies with the published record. Exits
    with 1 when something is wrong.
    """
    settings = settings_of(config)
    ask = _Txt(settings)
    if message is not None:
        results = _check_message(message.read(), ask)
    else:
        results = [_check_key(key, ask) for key in _keys(settings, domain, selector)]
    if as_json:
        print_json(results)
    else:
        for result in results:
            name = f"{result['selector']}._domainkey.{result['domain']}"
            click.echo(f"{'ok     ' if result['ok'] else 'PROBLEM'}  {escape(name)}")
            for problem in result["problems"]:
                for line in str(problem).splitlines():
                    click.echo(f"         {escape(line)}")
    if not all(result["ok"] for result in results):
        context.exit(1)


class _Txt:
    """TXT look-ups by the configured name servers; each name is asked once."""

    def __init__(self, settings: Settings) -> None:
        self._nameservers = settings.delivery.nameservers
        self._known: dict[str, tuple[str, ...]] = {}

    async def records(self, name: str) -> Sequence[str]:
        """All records at a name; raises `OSError` when DNS fails."""
        if name not in self._known:
            found = await Lookup(self._nameservers).ask(f"{name}.", "TXT")
            if isinstance(found, Failed):
                raise OSError(found.reason)
            data = texts(found.data) if isinstance(found, Records) else ()
            self._known[name] = tuple(text.decode("utf-8", "replace") for text in data)
        return self._known[name]

    def first(self, name: str) -> str | None:
        """One record, for who cannot wait."""
        try:
            return next(iter(asyncio.run(self.records(name))), None)
        except OSError:
            return None


def _check_key(key: DkimKey, ask: _Txt) -> dict[str, Any]:
    problems = asyncio.run(check_record(key, ask.records))
    if not problems:
        probe = _PROBE.format(domain=key.domain).encode()
        signed = sign(probe, [key], int(dt.datetime.now(dt.UTC).timestamp())) + probe
        problems = [v.problem for v in verify(signed, ask.first) if not v.is_valid]
    return _result(key.domain, key.selector, key.algorithm, problems)


def _check_message(content: bytes, ask: _Txt) -> list[dict[str, Any]]:
    found: list[Verification] = verify(content, ask.first)
    if not found:
        raise ConfigurationError("the mail has no DKIM-Signature")
    return [
        _result(v.domain, v.selector, v.algorithm, [] if v.is_valid else [v.problem]) for v in found
    ]


def _result(domain: str, selector: str, algorithm: str, problems: Sequence[str]) -> dict[str, Any]:
    return {
        "domain": domain,
        "selector": selector,
        "algorithm": algorithm,
        "ok": not problems,
        "problems": list(problems),
    }


def _described(key: DkimKey) -> dict[str, Any]:
    return {
        "id": key.record_name,
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "name": key.record_name,
        "text": record_text(key),
        "zone": txt_record(key),
    }


def _keys(settings: Settings, domain: str | None, selector: str | None) -> list[DkimKey]:
    ring = KeyRing.load(settings.server.dkim_dir)
    domains = ring.domains if domain is None else (parse_domain(domain),)
    keys = [key for name in domains for key in ring.keys(name) if selector in (None, key.selector)]
    if not keys:
        what = f"{selector or 'key'} for {domain}" if domain else "keys"
        remedy = "`relevo dkim new DOMAIN` makes one"
        if domain and awaited_keys(ring.directory, domains[0]):
            remedy = f"its key waits for its record: `relevo domain check {domains[0]}` shows it"
        raise ConfigurationError(f"{ring.directory}: no {what} in use; {remedy}")
    return keys


def _is_owned(domain: str, settings: Settings, config: Path) -> bool:
    """Whether an account sends from the domain or from one below, which its key signs too."""
    if not (settings.server.data_dir / DATABASE_NAME).exists():
        return False
    try:
        rows = ask(config, "domain.list")
    except RelevoError:
        return True  # the key is made; a hint is not worth an error
    return any(f".{row['domain']}".endswith(f".{domain}") for row in rows)


def _tell_server(settings: Settings) -> bool:
    """Whether a running server has read its keys anew."""
    client = ControlClient(settings.server.data_dir / SOCKET_NAME)
    try:
        asyncio.run(client.call("dkim.reload", {}))
    except NoServer:
        return False
    except RelevoError as error:
        click.echo(f"relevo: the running server did not take the key: {error}", err=True)
        return False
    return True
