"""Tells what works but is dangerous, doubtful or forgotten in the settings, for `relevo check`.

`DANGER` is for what lets strangers send mail or read passwords: it has to be shown loudly. `ERROR`
is for what the server does not start with. A pure function of the settings: no files, no DNS.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mta.settings.schema import EXAMPLE_HOSTNAME, EXAMPLE_PUBLIC_URL, Settings
from mta.settings.values import HostPort, IPNetwork

_DOT_MINIMUM_S = 600  # RFC 5321 §4.5.3.2.6
_WIDEST_V4, _WIDEST_V6 = 8, 32  # wider networks are never one organisation's clients

# Loopback, link-local and private networks: nobody outside can have an address in them.
_PRIVATE = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)


class Severity(StrEnum):
    """How much it matters."""

    ERROR = "error"
    DANGER = "danger"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Hazard:
    """One finding; `str()` is the line that is shown."""

    severity: Severity
    key: str  # dotted name of the key it is about
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity.upper()}: {self.key}: {self.text} {self.remedy}"


def warnings(settings: Settings) -> list[Hazard]:
    """All findings, the worst first."""
    found = [
        *_open_relay(settings),
        *_passwords_in_clear(settings),
        *_inbound(settings),
        *_console(settings),
        *_public(settings),
        *_delivery(settings),
        *_identity(settings),
        *_queue(settings),
        *_alerts(settings),
        *_not_yet(settings),
    ]
    order = list(Severity)
    return sorted(found, key=lambda hazard: order.index(hazard.severity))


def _is_exposed(listeners: Iterable[HostPort]) -> bool:
    return any(not listener.is_loopback for listener in listeners)


def _submission_listeners(settings: Settings) -> tuple[HostPort, ...]:
    return settings.submission.listen + settings.submission.implicit_tls_listen


def _open_relay(settings: Settings) -> Iterator[Hazard]:
    submission = settings.submission
    exposed = _is_exposed(_submission_listeners(settings))
    if not submission.require_auth:
        if exposed:
            yield Hazard(
                Severity.DANGER,
                "submission.require_auth",
                "OPEN RELAY: whoever can connect may send mail to anyone, without a password.",
                "Set require_auth = true and name the machines that need it in trusted_networks.",
            )
        else:
            yield Hazard(
                Severity.WARNING,
                "submission.require_auth",
                "every user of this machine may send mail without a password.",
                "Set require_auth = true unless this is a test.",
            )
    for network in submission.trusted_networks:
        yield from _trusted_network(network, exposed=exposed)


def _trusted_network(network: IPNetwork, *, exposed: bool) -> Iterator[Hazard]:
    if any(_covers(ipaddress.ip_network(private), network) for private in _PRIVATE):
        return
    widest = _WIDEST_V4 if network.version == 4 else _WIDEST_V6
    is_mapped = _covers(ipaddress.IPv6Network("::ffff:0:0/96"), network)
    if network.prefixlen < widest or (is_mapped and network.prefixlen < 96 + _WIDEST_V4):
        yield Hazard(
            Severity.DANGER if exposed else Severity.WARNING,
            "submission.trusted_networks",
            f"OPEN RELAY: {network} covers {network.num_addresses:,} addresses, and all of them "
            "may send mail without a password.",
            "Name only the networks of your own machines.",
        )
    else:
        yield Hazard(
            Severity.WARNING,
            "submission.trusted_networks",
            f"{network} is a public network whose machines may send mail without a password.",
            "Make sure that every address in it is yours, or use credentials.",
        )


def _covers(wide: IPNetwork, network: IPNetwork) -> bool:
    if isinstance(wide, ipaddress.IPv4Network):
        return isinstance(network, ipaddress.IPv4Network) and network.subnet_of(wide)
    return isinstance(network, ipaddress.IPv6Network) and network.subnet_of(wide)


def _passwords_in_clear(settings: Settings) -> Iterator[Hazard]:
    submission, delivery = settings.submission, settings.delivery
    if submission.allow_plaintext_auth and _is_exposed(submission.listen):
        yield Hazard(
            Severity.DANGER,
            "submission.allow_plaintext_auth",
            "PASSWORDS IN CLEAR: AUTH is offered without TLS on an address that others can reach.",
            "Set tls_certificate and tls_key, and allow_plaintext_auth = false.",
        )
    elif (
        not submission.tls_certificate
        and not submission.allow_plaintext_auth
        and submission.require_auth
        and not submission.trusted_networks
    ):
        yield Hazard(
            Severity.WARNING,
            "submission.tls_certificate",
            "without a certificate there is no TLS, without TLS no AUTH: nobody can submit mail.",
            "Set tls_certificate and tls_key.",
        )
    if delivery.smarthost_user and delivery.tls != "required":
        yield Hazard(
            Severity.DANGER if delivery.tls == "off" else Severity.WARNING,
            "delivery.smarthost_user",
            "PASSWORDS IN CLEAR: the smarthost's password may be sent without TLS.",
            'Set delivery.tls = "required".',
        )


def _inbound(settings: Settings) -> Iterator[Hazard]:
    inbound = settings.inbound
    if inbound.return_path_domain is not None and not inbound.listen:
        yield Hazard(
            Severity.WARNING,
            "inbound.return_path_domain",
            f"envelope senders in {inbound.return_path_domain} invite bounces that nobody takes.",
            'Set inbound.listen = ["0.0.0.0:25"], or leave return_path_domain empty.',
        )
    if settings.delivery.mode == "sandbox" and not settings.sandbox.listen.is_loopback:
        yield Hazard(
            Severity.WARNING,
            "sandbox.listen",
            "the receiving simulator takes mail from anyone who can reach it.",
            'Set sandbox.listen = "127.0.0.1:2525".',
        )


def _console(settings: Settings) -> Iterator[Hazard]:
    console = settings.console
    if not console.listen.is_loopback and console.tls_certificate is None:
        behind_proxy = bool(console.trusted_proxies)
        yield Hazard(
            Severity.WARNING if behind_proxy else Severity.DANGER,
            "console.listen",
            "PASSWORDS IN CLEAR: the console is reachable from other machines without TLS.",
            "Set console.tls_certificate and tls_key, or listen on 127.0.0.1 behind a proxy.",
        )
    if any(network.prefixlen == 0 for network in console.trusted_proxies):
        yield Hazard(
            Severity.DANGER,
            "console.trusted_proxies",
            "anyone can claim any client address and pass key allow-lists.",
            "Name only the addresses of your proxies.",
        )
    metrics = settings.metrics.listen
    if metrics is not None and not metrics.is_loopback:
        yield Hazard(
            Severity.NOTE,
            "metrics.listen",
            "figures are shown without login to whoever can connect.",
            "Keep the port closed to others with a firewall.",
        )


def _public(settings: Settings) -> Iterator[Hazard]:
    public = settings.public
    if any(network.prefixlen == 0 for network in public.trusted_proxies):
        yield Hazard(
            Severity.WARNING,
            "public.trusted_proxies",
            "anyone can claim any client address in the evidence of an unsubscribe.",
            "Name only the addresses of your proxies.",
        )
    if (
        public.listen is not None
        and not public.listen.is_loopback
        and public.tls_certificate is None
        and not public.trusted_proxies
    ):
        yield Hazard(
            Severity.WARNING,
            "public.listen",
            "links in mail lead to a listener without TLS.",
            "Set public.tls_certificate and tls_key, or listen on 127.0.0.1 behind a proxy.",
        )


def _delivery(settings: Settings) -> Iterator[Hazard]:
    delivery = settings.delivery
    if delivery.mode == "internet" and delivery.allow_private_addresses:
        yield Hazard(
            Severity.WARNING,
            "delivery.allow_private_addresses",
            "whoever controls a domain's DNS can point deliveries at machines of your network.",
            "Set it to false, and use [[delivery.routes]] for your own servers.",
        )
    if delivery.mode != "sandbox" and delivery.tls == "off":
        yield Hazard(
            Severity.WARNING,
            "delivery.tls",
            "all mail is sent in clear, and large providers refuse it.",
            'Set delivery.tls = "opportunistic".',
        )
    if delivery.timeouts.dot < _DOT_MINIMUM_S:
        yield Hazard(
            Severity.NOTE,
            "delivery.timeouts.dot",
            "servers that need longer to answer get the same mail more than once.",
            'RFC 5321 asks for "10m" at least.',
        )


def _identity(settings: Settings) -> Iterator[Hazard]:
    server = settings.server
    is_real = settings.delivery.mode != "sandbox"
    if is_real and (server.hostname == EXAMPLE_HOSTNAME or "." not in server.hostname):
        yield Hazard(
            Severity.WARNING,
            "server.hostname",
            f"{server.hostname} is not a name that other servers can look up; many refuse such mail.",
            "Set it to this server's full name, the same as its reverse DNS name.",
        )
    if is_real and server.public_url == EXAMPLE_PUBLIC_URL:
        yield Hazard(
            Severity.NOTE,
            "server.public_url",
            "links in mail would lead to the example address.",
            "Set it before sending campaigns.",
        )
    elif is_real and server.public_url.startswith("http:"):
        yield Hazard(
            Severity.WARNING,
            "server.public_url",
            "links in mail are not https; one-click unsubscribe needs https (RFC 8058).",
            "Use an https:// address.",
        )


def _queue(settings: Settings) -> Iterator[Hazard]:
    queue = settings.queue
    if queue.expire.urgent <= queue.retry_urgent[0]:
        yield Hazard(
            Severity.NOTE,
            "queue.expire.urgent",
            "urgent mail expires before its first retry.",
            "Make it longer than the first value of retry_urgent.",
        )
    shortest = min(queue.expire.transactional, queue.expire.automated, queue.expire.campaign)
    if min(shortest, queue.expire.relay) <= queue.retry[0]:
        yield Hazard(
            Severity.NOTE,
            "queue.expire",
            "some mail expires before its first retry.",
            "Make every expiry longer than the first value of retry.",
        )


def _alerts(settings: Settings) -> Iterator[Hazard]:
    alerts = settings.alerts
    if alerts.mail and alerts.smarthost is None and alerts.webhook is None:
        yield Hazard(
            Severity.WARNING,
            "alerts.mail",
            "is the only way for alerts: when Relevo cannot send, nobody is told.",
            "Name another relay in smarthost, or a webhook.",
        )
    if alerts.smarthost is not None and not alerts.mail:
        yield Hazard(
            Severity.WARNING, "alerts.smarthost", "has no effect without mail.", "Set mail."
        )


def _not_yet(settings: Settings) -> Iterator[Hazard]:
    """What has a place and no effect in this release: said, not ignored."""
    if settings.server.store != "sqlite":
        yield Hazard(
            Severity.ERROR,
            "server.store",
            "PostgreSQL is not supported in this release.",
            'Expected "sqlite".',
        )
