"""Postfix, tuned for bulk, from a configuration and a queue of its own; OpenDKIM signs for it.

Nothing of the system's own Postfix is touched: `master -c DIR` with queue, data and log below the
run's directory (`postfix start-fg` would put a shell between, which does not pass SIGTERM on). It asks the benchmark's DNS because it runs in a mount namespace in which
/etc/resolv.conf names it. Needs root, as Postfix does.

Tuned: 100 processes a service, 20 connections a destination, connection cache on demand, no
in_flow_delay, no look-ups of client names, a large active queue. Its durability is left as it is.
"""

import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import machine
from bench.cases import SIGNED_FROM, Case
from bench.children import Child, SubjectError, wait_for
from bench.generator import Release, Stream
from bench.ground import Ground, free_port, is_open
from bench.meter import SyncCounter

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

MAIN_CF = """compatibility_level = 3.6
queue_directory = {directory}/spool
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtputf8_enable = no
biff = no
smtp_tcp_port = {mx_port}
default_process_limit = 100
in_flow_delay = 0
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
qmgr_message_active_limit = 50000
qmgr_message_recipient_limit = 50000
smtp_connection_cache_on_demand = yes
maillog_file_prefixes = {directory}
maillog_file = {directory}/mail.log
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_PRELOAD BENCH_SYNCS
"""
TLS_CF = """smtpd_tls_security_level = may
smtp_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtp_tls_session_cache_database = btree:$data_directory/smtp_scache
"""
MILTER_CF = """smtpd_milters = inet:{milter}
milter_default_action = tempfail
"""
MASTER_CF = """{port}     inet  n       -       n       -       -       smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""
OPENDKIM_CONF = """Syslog no
Mode s
Domain {domain}
Selector s1
KeyFile {directory}/dkim.pem
Socket inet:{port}@127.0.0.1
Canonicalization relaxed/relaxed
InternalHosts 127.0.0.0/8
RequireSafeKeys no
OversignHeaders From
"""


class PostfixSubject:
    """Debian's postfix, and opendkim for signed mail."""

    name = "postfix"

    def __init__(self, ground: Ground) -> None:
        self.roots: tuple[int, ...] = ()
        self.target = ""
        self.credentials = ""
        self.notes: list[str] = []
        self._ground = ground
        self._children: list[Child] = []

    def obstacle(self, case: Case) -> str:
        if shutil.which("postfix", path=_PATH) is None:
            return "postfix is not installed"
        if case.is_signed and shutil.which("opendkim", path=_PATH) is None:
            return "opendkim is not installed"
        if not machine.is_root():
            return "postfix needs root"
        if not self._ground.has_standard_dns or not _has_mount_namespaces():
            return "postfix cannot be given a DNS of its own here"
        return ""

    def start(self, case: Case, directory: Path, syncs: SyncCounter) -> float:
        self.notes = ["without AUTH"] if case.load.auth else []
        port = free_port()
        self.target = f"127.0.0.1:{port}"
        settings = MAIN_CF.format(directory=directory, mx_port=self._ground.mx_port)
        if case.load.tls or case.receivers.tls:
            ground = self._ground
            settings += TLS_CF.format(certificate=ground.certificate, key=ground.key)
        if case.is_signed:
            self.notes.append("OpenDKIM signs")
            settings += MILTER_CF.format(milter=self._start_opendkim(directory, syncs))
        for name in ("etc", "spool", "data"):
            (directory / name).mkdir()
        shutil.chown(directory / "data", "postfix")
        (directory / "etc" / "main.cf").write_text(settings)
        (directory / "etc" / "master.cf").write_text(MASTER_CF.format(port=port))
        return self._start_postfix(directory, syncs)

    def restart(self) -> float:
        raise SubjectError("a restart of postfix is not part of any case")

    def put_template(self, stream: Stream) -> dict[str, float]:  # noqa: ARG002
        raise SubjectError("postfix knows no templates")

    def release(self, expanded: dict[str, float]) -> Release:  # noqa: ARG002
        raise SubjectError("postfix knows no templates")

    def counters(self) -> dict[str, float]:
        return {}

    def stop(self) -> list[str]:
        problems = [problem for child in reversed(self._children) if (problem := child.stop())]
        self._children.clear()
        self.roots = ()
        return problems

    def _start_postfix(self, directory: Path, syncs: SyncCounter) -> float:
        resolver = directory / "resolv.conf"
        resolver.write_text(f"nameserver {self._ground.nameserver.rpartition(':')[0]}\n")
        script = (
            f"mount --bind {resolver} /etc/resolv.conf && "
            f"postfix -c {directory / 'etc'} check && "  # makes the queue's directories
            f"exec /usr/lib/postfix/sbin/master -s -c {directory / 'etc'}"
        )
        child = Child(
            ["unshare", "--mount", "sh", "-c", script],
            directory / "postfix.log",
            environment={**syncs.environment, "PATH": _PATH},
        )
        self._add(child)
        return wait_for("postfix", lambda: is_open(self.target), child)

    def _start_opendkim(self, directory: Path, syncs: SyncCounter) -> str:
        port = free_port()
        key = directory / "dkim.pem"
        key.write_bytes(
            rsa.generate_private_key(65537, 2048).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        settings = directory / "opendkim.conf"
        settings.write_text(
            OPENDKIM_CONF.format(domain=SIGNED_FROM, directory=directory, port=port)
        )
        child = Child(
            ["opendkim", "-f", "-x", str(settings)],
            directory / "opendkim.log",
            environment={**syncs.environment, "PATH": _PATH},
        )
        self._add(child)
        wait_for("opendkim", lambda: is_open(f"127.0.0.1:{port}"), child)
        return f"127.0.0.1:{port}"

    def _add(self, child: Child) -> None:
        self._children.append(child)
        self.roots = tuple(child.pid for child in self._children)


def _has_mount_namespaces() -> bool:
    command = ["unshare", "--mount", "mount", "--bind", "/etc/resolv.conf", "/etc/resolv.conf"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
