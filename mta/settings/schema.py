"""The schema of the settings: every table and key, its default and what it means.

Defaults stand in the notation of the file, so that the sample, the reference and the values the
program uses have one source. Contradictions that cannot work are refused by the tables; what works
but is dangerous is told by `mta.settings.hazards`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import model_validator

from mta.settings.console_schema import (
    Alerts,
    Audit,
    Campaigns,
    Console,
    Incidents,
    Log,
    Metrics,
    Processor,
    Public,
    Retention,
    Support,
    Webhooks,
)
from mta.settings.delivery_schema import Delivery, Dkim, Queue, Sandbox
from mta.settings.table import Table, setting, table
from mta.settings.values import (
    AsTuple,
    Count,
    Domain,
    Duration,
    FilePath,
    Flag,
    Listen,
    Network,
    OptionalDomain,
    OptionalPath,
    Percent,
    Seconds,
    Size,
    StoreUrl,
    Text,
    Timezone,
    Url,
)

EXAMPLE_HOSTNAME = "relevo.example.org"
EXAMPLE_PUBLIC_URL = "https://correo.example.org"


class Server(Table):
    """The installation as a whole."""

    hostname: Domain = setting(
        EXAMPLE_HOSTNAME,
        "Name of this server, said in the greeting and in EHLO; also the domain of Message-IDs. "
        "It should have an address record, and the address's reverse DNS name should be the same.",
    )
    data_dir: FilePath = setting("queue", "Folder of all durable state: the one folder to back up.")
    dkim_dir: FilePath = setting(
        "dkim_keys", "Folder of the DKIM keys, <domain>/<selector>.pem with mode 0600."
    )
    store: StoreUrl = setting(
        "sqlite",
        '"sqlite": in data_dir. Or the URL of a PostgreSQL database, '
        "postgresql://user:password@host/database.",
        repr=False,
    )
    public_url: Url = setting(
        EXAMPLE_PUBLIC_URL,
        "Base of the links in mail: tracking, unsubscribe, view in browser, console.",
    )
    timezone: Timezone = setting("America/Lima", "Time zone of reports, schedules and pages.")
    language: Literal["es", "en"] = setting("es", "Language of pages and system mails: es or en.")


class Store(Table):
    """Limits of the disk: new mail is refused for a time (452, HTTP 503) before space runs out."""

    min_free_bytes: Size = setting("512MiB", "Free space below which no mail is taken.")
    min_free_percent: Percent = setting(
        10, "Free space, in percent of the file system, below which no mail is taken."
    )
    min_free_inodes_percent: Percent = setting(
        10, "Free inodes, in percent, below which no mail is taken."
    )


class Submission(Table):
    """The SMTP listener that applications hand their mail to."""

    listen: Annotated[tuple[Listen, ...], AsTuple] = setting(
        ["0.0.0.0:587"], "Addresses of the listener (STARTTLS)."
    )
    implicit_tls_listen: Annotated[tuple[Listen, ...], AsTuple] = setting(
        [], 'Addresses where TLS begins at once, for example ["0.0.0.0:465"].'
    )
    tls_certificate: OptionalPath = setting(
        "",
        "PEM file with the certificate chain. Empty: STARTTLS is not offered, and then nobody "
        "can log in unless allow_plaintext_auth is true. Read again on SIGHUP.",
    )
    tls_key: OptionalPath = setting("", "PEM file with the certificate's private key.")
    line_endings: Literal["normalize", "reject"] = setting(
        "normalize",
        'A lone CR or LF inside a message is made CRLF ("normalize") or the message is refused '
        '("reject"). Only CRLF.CRLF ends a message in both cases.',
    )
    require_auth: Flag = setting(
        True,
        "Mail is taken only after AUTH, or from trusted_networks. false: from anyone who can "
        "connect, for trusted_account; on a public address that is an open relay.",
    )
    trusted_networks: Annotated[tuple[Network, ...], AsTuple] = setting(
        [], 'Networks that may submit without AUTH, for example ["10.1.2.0/24"].'
    )
    trusted_account: Text = setting(
        "", "Account that mail taken without AUTH belongs to (name or id)."
    )
    allow_plaintext_auth: Flag = setting(
        False,
        "Offer AUTH without TLS. Only for tests on loopback: passwords can be read on the way.",
    )
    max_message_bytes: Size = setting(26214400, "Largest message, said in SIZE.", ge=65536)
    max_recipients: Count = setting(1000, "Most recipients of a transaction.", ge=1, le=1900)
    max_connections: Count = setting(10000, "Most connections at one time.", ge=1)
    max_connections_per_address: Count = setting(
        50, "Most connections from one client address at one time.", ge=1
    )
    max_errors_soft: Count = setting(
        10, "Errors in a session after which its replies are slowed down.", ge=1
    )
    max_errors_hard: Count = setting(20, "Errors in a session that end it.", ge=1)
    auth_failures: Count = setting(
        5,
        "Failed logins from one client address after which its logins are slowed down and then "
        "cut off.",
        ge=1,
    )
    auth_failure_window: Seconds = setting("10m", "For how long a failed login counts.", gt=0)
    idle_timeout: Duration = setting(
        "5m", "How long a client may say nothing (RFC 5321 §4.5.3.2.7).", gt=0
    )
    data_timeout: Duration = setting("10m", "How long a client may take for one message.", gt=0)
    max_hops: Count = setting(
        50, "Most Received headers of a message; more is taken for a loop (554 5.4.6).", ge=1
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key need each other")
        if self.implicit_tls_listen and not self.tls_certificate:
            raise ValueError("implicit_tls_listen needs tls_certificate and tls_key")
        if self.trusted_networks and not self.trusted_account:
            raise ValueError("trusted_networks needs trusted_account: whose mail is it?")
        if not self.require_auth and not self.trusted_account:
            raise ValueError("require_auth = false needs trusted_account: whose mail is it?")
        if self.max_errors_hard < self.max_errors_soft:
            raise ValueError("max_errors_hard is below max_errors_soft")
        return self


class Inbound(Table):
    """The listener for bounces, complaints and unsubscribes that come by mail."""

    listen: Annotated[tuple[Listen, ...], AsTuple] = setting(
        [],
        'Addresses of the listener, for example ["0.0.0.0:25"]; empty: none. It takes mail for the '
        "addresses that Relevo has made, nothing else; STARTTLS with submission.tls_certificate.",
    )
    return_path_domain: OptionalDomain = setting(
        "",
        "Domain of the envelope senders made for each recipient, so that bounces find their way "
        "back (VERP); its MX must be this server. Empty: the application's own senders are kept.",
    )

    @model_validator(mode="after")
    def _listener_has_addresses(self) -> Self:
        if self.listen and self.return_path_domain is None:
            raise ValueError("listen needs return_path_domain: which addresses are ours?")
        return self


class Settings(Table):
    """All settings; each table has its defaults."""

    server: Server = table("The installation as a whole.")
    store: Store = table("Limits of the disk.")
    submission: Submission = table("The SMTP listener that applications hand their mail to.")
    inbound: Inbound = table("Bounces, complaints and unsubscribes that come by mail.")
    delivery: Delivery = table("How mail reaches the recipients' servers.")
    queue: Queue = table("When mail is tried again, and when it is given up.")
    dkim: Dkim = table("Signing of outgoing mail.")
    sandbox: Sandbox = table("The built-in receiving simulator.")
    console: Console = table("Admin pages and API.")
    public: Public = table("A listener of its own for what the public reaches.")
    webhooks: Webhooks = table("Events that are POSTed to applications.")
    campaigns: Campaigns = table("What campaigns are held to.")
    retention: Retention = table("How long personal data is kept.")
    alerts: Alerts = table("Who is told when something is wrong.")
    processor: Processor = table("Who processes personal data here, for the processor's report.")
    audit: Audit = table("Proof of the audit trail that lies elsewhere.")
    support: Support = table("What the support page of the console shows.")
    incidents: Incidents = table("How soon the authority is told of a security incident.")
    metrics: Metrics = table("Figures and health for monitoring.")
    log: Log = table("What is logged, to standard error.")

    @model_validator(mode="before")
    @classmethod
    def _secret_lies_in_data_dir(cls, raw: Any) -> Any:
        """Unless it is set, `console.secret_file` follows `server.data_dir`."""
        if not isinstance(raw, dict):
            return raw
        server, console = raw.get("server"), raw.get("console", {})
        data_dir = server.get("data_dir") if isinstance(server, dict) else None
        if isinstance(data_dir, str) and isinstance(console, dict) and "secret_file" not in console:
            return {**raw, "console": {**console, "secret_file": f"{data_dir}/secret.key"}}
        return raw
