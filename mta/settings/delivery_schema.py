"""Settings of how mail goes out: `[delivery]`, `[queue]`, `[dkim]`, `[sandbox]`."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from mta.settings.table import Table, required, setting, table
from mta.settings.values import (
    AsTuple,
    Count,
    Destination,
    Domain,
    Duration,
    Flag,
    IPAddress,
    Listen,
    Nameserver,
    OptionalDestination,
    OptionalDomain,
    OptionalPath,
    Seconds,
    Text,
)


class Route(Table):
    """`[[delivery.routes]]`: where the mail of one domain goes, whatever DNS says."""

    domain: Domain = required("Recipient domain.", "intranet.example")
    to: Destination = required("Server that takes its mail, HOST:PORT.", "10.0.0.5:25")


class Source(Table):
    """`[[delivery.sources]]`: one address that mail is sent from."""

    address: IPAddress = setting(
        "0.0.0.0", "Local IP address to send from; 0.0.0.0 leaves the choice to the system."
    )
    ehlo: OptionalDomain = setting(
        "",
        "Name said in EHLO from this address; it should be the address's reverse DNS name. "
        "Empty: server.hostname.",
    )
    pool: Text = setting("default", "Name of the pool the address belongs to.", min_length=1)


class Timeouts(Table):
    """`delivery.timeouts`: how long each step of sending may take (RFC 5321 §4.5.3.2)."""

    connect: Duration = setting("30s", "Opening the TCP connection.", gt=0)
    greeting: Duration = setting("5m", "The server's greeting.", gt=0)
    ehlo: Duration = setting("5m", "Reply to EHLO.", gt=0)
    tls: Duration = setting("60s", "Reply to STARTTLS and the TLS handshake.", gt=0)
    mail: Duration = setting("5m", "Reply to MAIL.", gt=0)
    rcpt: Duration = setting("5m", "Reply to RCPT.", gt=0)
    data: Duration = setting("2m", "Reply to DATA.", gt=0)
    block: Duration = setting("3m", "Taking each block of the message.", gt=0)
    dot: Duration = setting(
        "10m",
        "Reply to the end of the message. A shorter time risks that mail is delivered twice.",
        gt=0,
    )


class Delivery(Table):
    """How mail reaches the recipients' servers."""

    mode: Literal["internet", "sandbox", "smarthost"] = setting(
        "internet",
        '"internet": to the MX hosts of each domain. "sandbox": everything to the built-in '
        'receiving simulator, nothing leaves the machine. "smarthost": everything to one relay.',
    )
    smarthost: OptionalDestination = setting(
        "",
        'The relay for mode = "smarthost", HOST:PORT, for all mail; [[delivery.routes]] may send the '
        "mail of single domains elsewhere.",
    )
    smarthost_user: Text = setting("", "User name for AUTH at the smarthost; empty: no AUTH.")
    smarthost_password_file: OptionalPath = setting(
        "", "File whose first line is the password for AUTH at the smarthost."
    )
    port: Count = setting(25, "Port of MX hosts.", ge=1, le=65535)
    nameservers: Annotated[tuple[Nameserver, ...], AsTuple] = setting(
        [],
        'DNS servers, for example ["127.0.0.1:53"]; empty: those of the system.',
    )
    max_connections: Count = setting(2000, "Outgoing connections at one time, in all.", ge=1)
    max_addresses: Count = setting(
        5, "Addresses of a domain's MX hosts tried in one attempt.", ge=1
    )
    sessions_per_attempt: Count = setting(
        2, "Addresses that may greet and then defer before an attempt ends.", ge=1
    )
    tls: Literal["opportunistic", "required", "off"] = setting(
        "opportunistic",
        '"opportunistic": TLS where the server offers it. "required": mail waits until the '
        'server offers it. "off": never.',
    )
    allow_private_addresses: Flag = setting(
        False,
        "Let MX hosts resolve to loopback and private addresses (tests, intranets).",
    )
    timeouts: Timeouts = table("How long each step of sending may take.")
    routes: Annotated[tuple[Route, ...], AsTuple] = setting(
        [], "Transport map: domains whose mail goes to a fixed server; wins over MX."
    )
    sources: Annotated[tuple[Source, ...], AsTuple] = setting(
        [], "Addresses to send from; none: one source, the system's choice."
    )

    @model_validator(mode="after")
    def _smarthost_complete(self) -> Self:
        if self.mode == "smarthost" and self.smarthost is None:
            raise ValueError('mode = "smarthost" needs smarthost = "HOST:PORT"')
        if bool(self.smarthost_user) != bool(self.smarthost_password_file):
            raise ValueError("smarthost_user and smarthost_password_file need each other")
        return self

    @model_validator(mode="after")
    def _entries_are_single(self) -> Self:
        domains = [route.domain for route in self.routes]
        for domain in domains:
            if domains.count(domain) > 1:
                raise ValueError(f"routes has more than one entry for the domain {domain}")
        return self


class Expire(Table):
    """`queue.expire`: how long mail is tried before it is given up."""

    urgent: Seconds = setting("15m", "One-time codes and the like.", gt=0)
    transactional: Seconds = setting("24h", "Transactional mail of the API.", gt=0)
    automated: Seconds = setting("24h", "Mail sent by automations.", gt=0)
    campaign: Seconds = setting(
        "24h", "Campaigns, from the first attempt; a campaign has its own end as well.", gt=0
    )
    relay: Seconds = setting("5d", "Mail taken by SMTP without a class of its own.", gt=0)


class Queue(Table):
    """When mail is tried again, and when it is given up."""

    retry: Annotated[tuple[Seconds, ...], AsTuple] = setting(
        ["5m", "15m", "30m", "1h", "2h", "4h"],
        "Waiting times after each attempt; the last one repeats. Each varies by 10 %.",
        min_length=1,
    )
    retry_urgent: Annotated[tuple[Seconds, ...], AsTuple] = setting(
        ["30s", "1m", "2m", "4m"], "The same for urgent mail.", min_length=1
    )
    greylist_retry: Seconds = setting(
        "6m", "Waiting time when the server greylists; tried again from the same source.", gt=0
    )
    uncertain_retry: Seconds = setting(
        "15m",
        "Waiting time when it is unknown whether the server took the mail (crash, connection "
        "lost after the end of the message).",
        gt=0,
    )
    delay_notice: Seconds = setting(
        "4h", "Age at which the sender of relay mail is told of the delay; 0: never."
    )
    content_retention: Seconds = setting(
        "1d", "How long the content of mail is kept after its last recipient is final."
    )
    history_retention: Seconds = setting(
        "90d", "How long the history of a delivery is kept after it is final."
    )
    expire: Expire = table("How long mail is tried before it is given up.")

    @model_validator(mode="after")
    def _retries_wait(self) -> Self:
        if not all(self.retry) or not all(self.retry_urgent):
            raise ValueError("a waiting time in retry or retry_urgent is 0")
        return self


class Dkim(Table):
    """Signing of outgoing mail; the keys are in server.dkim_dir."""

    signing_threads: Count = setting(2, "Threads that compute signatures.", ge=1, le=64)


class Sandbox(Table):
    """The built-in receiving simulator."""

    listen: Listen = setting(
        "127.0.0.1:2525", "Where it listens in sandbox mode; it takes mail from anyone."
    )
    read_after: Seconds = setting(
        "20s", "How long after its arrival `open@` and `click@` read their mail. What is read within "
        "15 s of it may be a machine's.", ge=0, le=3600,
    )  # fmt: skip
