"""Settings of the admin console and of operation: `[console]` to `[log]`."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import model_validator

from mta.settings.hours import read_spans
from mta.settings.table import Table, setting
from mta.settings.values import (
    AsTuple,
    Count,
    Duration,
    FilePath,
    Flag,
    Listen,
    MailAddress,
    Network,
    OptionalAddress,
    OptionalDestination,
    OptionalFilterUrl,
    OptionalListen,
    OptionalPath,
    OptionalSecretUrl,
    Percent,
    Seconds,
    Text,
)


class Console(Table):
    """Admin pages and API."""

    listen: Listen = setting("127.0.0.1:8080", "Address of the admin pages and the API.")
    tls_certificate: OptionalPath = setting(
        "", "PEM file with the certificate chain; empty: plain HTTP (behind a proxy, or loopback)."
    )
    tls_key: OptionalPath = setting("", "PEM file with the certificate's private key.")
    mail_from: OptionalAddress = setting(
        "",
        "Sender of what Relevo itself writes to people: invitations, resets, warnings. "
        "Empty: relevo@ the server's hostname.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], AsTuple] = setting(
        [],
        "Networks whose X-Forwarded-For and X-Forwarded-Proto headers are believed.",
    )
    max_connections: Count = setting(
        1000, "Most connections at one time; fewer when LimitNOFILE leaves fewer to mail.", ge=1
    )
    max_connections_per_address: Count = setting(
        200,
        "Most connections from one client address (IPv6: one /64) at one time; through a trusted "
        "proxy most requests.",
        ge=1,
    )
    secret_file: FilePath = setting(
        "queue/secret.key",
        "Key that signs sessions and tracking links, created with mode 0600 at the first start. "
        "Unless set it lies in server.data_dir.",
    )

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key need each other")
        return self


class Public(Table):
    """A listener of its own for what the public reaches."""

    listen: OptionalListen = setting(
        "",
        "Address for tracking, unsubscribe, view in browser and public images; the admin pages "
        "do not exist there. Empty: on the console's listener.",
    )
    tls_certificate: OptionalPath = setting(
        "",
        "PEM file with the certificate chain of this listener; empty: plain HTTP (behind a proxy). "
        "Read again on SIGHUP.",
    )
    tls_key: OptionalPath = setting("", "PEM file with the certificate's private key.")
    trusted_proxies: Annotated[tuple[Network, ...], AsTuple] = setting(
        [],
        "Networks whose X-Forwarded-For and X-Forwarded-Proto headers are believed here.",
    )
    max_connections: Count = setting(
        2000, "Most connections at one time; fewer when LimitNOFILE leaves fewer to mail.", ge=1
    )
    max_connections_per_address: Count = setting(
        200,
        "Most connections from one client address (IPv6: one /64) at one time; through a trusted "
        "proxy most requests. Large mail providers fetch pictures from few addresses.",
        ge=1,
    )

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key need each other")
        return self


class Webhooks(Table):
    """Events that are POSTed to applications."""

    allow_private_addresses: Flag = setting(
        False,
        "Let webhooks go to loopback and private addresses and over plain HTTP (tests, intranets); "
        "whoever may add a webhook then reaches what this machine reaches.",
    )


class Campaigns(Table):
    """What campaigns are held to."""

    spam_filter: OptionalFilterUrl = setting(
        "",
        "SpamAssassin (spamd://127.0.0.1:783) or rspamd (http://127.0.0.1:11333) that the preflight "
        "shows the mail to, with the values of the first recipient. Empty: none.",
    )
    stop_bounces: Percent = setting(
        5.0, "A campaign pauses when more of its addresses than that do not exist; 0: never."
    )
    stop_bounces_after: Count = setting(500, "Not before so many mails were tried.", ge=1)
    stop_complaints: Percent = setting(
        0.3, "A campaign pauses when more of those who got it than that complain; 0: never."
    )
    stop_complaints_after: Count = setting(3, "Not before so many complaints.", ge=1)
    stop_policy: Percent = setting(
        20.0,
        "A campaign pauses when one provider refuses more of its mail than that for policy, "
        "content or reputation; 0: never.",
    )
    stop_policy_after: Count = setting(
        100, "Not before so many mails were tried at that provider.", ge=1
    )


class Retention(Table):
    """How long personal data is kept; contents and histories: `[queue]`."""

    dialogues: Duration = setting(
        "30d",
        "How long the words and names of receiving servers are kept; then their codes stay. "
        "0: as long as the history.",
    )
    addresses: Duration = setting(
        "90d",
        "How long the IP addresses and programs of clients and readers are kept; then their "
        "network stays (/24, /48). 0: as long as the history.",
    )
    uploads: Duration = setting(
        "90d",
        "How long files with recipients and their rows are kept; those that a campaign still needs "
        "stay until it is over. 0: until somebody removes them.",
    )
    exports: Seconds = setting(
        "7d", "How long the file of a complete export of an account can be downloaded.", gt=0
    )
    erasure_wait: Seconds = setting(
        "7d",
        "How long the erasure of an account can be taken back after a second person confirmed it.",
        ge=0,
    )


class Alerts(Table):
    """Who is told when something is wrong."""

    mail: Annotated[tuple[MailAddress, ...], AsTuple] = setting(
        [], "Mail addresses that get alerts; sent through Relevo itself."
    )
    smarthost: OptionalDestination = setting(
        "", "Other relay, HOST:PORT, for alerts when Relevo itself cannot send."
    )
    webhook: OptionalSecretUrl = setting("", "URL that gets alerts by POST.", repr=False)


class Processor(Table):
    """Who processes personal data here, for the data processor's report."""

    name: Text = setting("", "Name of the organisation that runs Relevo.")
    tax_id: Text = setting("", "Its tax number (Peru: RUC).")
    address: Text = setting("", "Its address.")
    officer: Text = setting("", "Whom to write to about personal data.")
    contract: Text = setting("", "The contract or mandate under which it processes data.")
    location: Text = setting("", "Where the servers stand.")
    purposes: Text = setting("", "What the data are processed for; empty: the report's own words.")
    sub_processors: Text = setting("", "Who else processes data, and what for; empty: none.")
    measures: Text = setting("", "Measures beyond those that Relevo tells itself.")


class Audit(Table):
    """Proof of the audit trail that lies elsewhere."""

    mail: Annotated[tuple[MailAddress, ...], AsTuple] = setting(
        [],
        "Mail addresses of auditors who get the last hashes of the audit trail and the ledger once a "
        "day; with them anybody can tell later whether entries were changed. Empty: nobody.",
    )


class Support(Table):
    """What the support page of the console shows."""

    email: OptionalAddress = setting("", "Mail address of the support.")
    phone: Text = setting("", "Telephone number of the support.")
    hours: Text = setting("", "When the support answers, in words.")
    schedule: Annotated[tuple[Text, ...], AsTuple] = setting(
        [],
        "The same for the page to tell whether it is open now, in server.timezone: "
        '["mon-fri 08:00-18:00", "sat 09:00-13:00"].',
    )
    holidays: Annotated[tuple[Text, ...], AsTuple] = setting(
        [], 'Days on which the support is closed: ["2027-01-01", "2027-07-28"].'
    )

    @model_validator(mode="after")
    def _hours_are_some(self) -> Self:
        read_spans(self.schedule)
        for day in self.holidays:
            date.fromisoformat(day)
        return self


class Incidents(Table):
    """How soon the authority is told of a security incident."""

    notice: Seconds = setting(
        "48h",
        "Time from when a security incident became known to the notice to the authority for personal "
        "data (Peru: Supreme Decree 016-2024-JUS).",
        gt=0,
    )
    warn: Seconds = setting(
        "24h", "How long before that deadline the people in charge are warned by mail.", ge=0
    )
    warn_again: Seconds = setting("6h", "The same once more; 0: not again.", ge=0)


class Metrics(Table):
    """Figures and health for monitoring."""

    listen: OptionalListen = setting(
        "",
        "Address of /metrics (Prometheus), /healthz and /readyz without login, for example "
        '"127.0.0.1:9090"; empty: none.',
    )


class Log(Table):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least level logged.")
    format: Literal["auto", "text", "json", "journald"] = setting(
        "auto",
        '"auto": journald under systemd, text on a terminal, otherwise JSON.',
    )
