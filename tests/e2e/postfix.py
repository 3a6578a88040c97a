"""A receiving Postfix of Debian with a configuration, queue and maildirs of its own.

Nothing of the system's Postfix is touched: `postfix -c DIR start|stop`, with the directory of the
configuration, queue and log below the ground's. It takes mail for its domains' known users and
refuses others at RCPT, as most of the world's servers do. It is the receiver that SMTP smuggling
works on: clients of `mynetworks` may end lines with a bare LF (trust.md, finding 7), so two mails
here are one mistake of ours. Needs root, as Postfix does.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.ground import IS_ROOT, Ground, accepts, until

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_START_S = 30.0
OWNER = "nobody"  # of the maildirs: virtual(8) never delivers as root
USERS = ("ana", "luis", "rosa", "postmaster")

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {directory}/spool
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {host}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_forbid_bare_newline = no
smtputf8_enable = yes
mydestination =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = texthash:{directory}/etc/users
virtual_mailbox_limit = 0
mailbox_size_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_destination_recipient_limit = 1
biff = no
in_flow_delay = 0
maillog_file_prefixes = {directory}
maillog_file = {directory}/mail.log
"""
TLS_CF = """\
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_received_header = yes
"""
# The address stands here: `inet_interfaces` knows only addresses that an interface was given.
MASTER_CF = """\
{address}:{port} inet n       -       n       -       -       smtpd
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
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


def obstacle() -> str:
    """Why Postfix cannot run here; empty when it can."""
    if shutil.which("postfix", path=_PATH) is None:
        return "postfix is not installed"
    if not IS_ROOT:
        return "postfix needs root"
    return ""


class Postfix:
    """Postfix at 127.0.0.NUMBER, called mxNUMBER.test, for some domains."""

    def __init__(
        self,
        ground: Ground,
        number: int,
        *domains: str,
        requires_tls: bool = False,
        further: str = "",
    ) -> None:
        """`further`: more lines of main.cf."""
        self.ground = ground
        self.address = f"127.0.0.{number}"
        self.host = f"mx{number}.test"
        self.domains = domains
        self.directory = ground.directory / f"postfix{number}"
        self._requires_tls = requires_tls
        self._further = further
        ground.dns.set(self.host, A=self.address)
        for domain in domains:
            ground.domain(domain, self.host)

    def __enter__(self) -> Self:
        self._configure()
        self._control("start")
        try:
            until(lambda: accepts(self.address, self.ground.mx_port), "postfix listens", _START_S)
        except BaseException:
            self._control("stop")
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._control("stop")

    def _configure(self) -> None:
        owner = pwd.getpwnam(OWNER)
        self.directory.mkdir()
        for name in ("etc", "spool", "data", "mail"):
            (self.directory / name).mkdir()
        shutil.chown(self.directory / "data", "postfix")
        shutil.chown(self.directory / "mail", owner.pw_uid, owner.pw_gid)
        text = MAIN_CF.format(
            directory=self.directory,
            host=self.host,
            address=self.address,
            domains=", ".join(self.domains),
            uid=owner.pw_uid,
            gid=owner.pw_gid,
        )
        if self._requires_tls:
            leaf = self.ground.certificate(self.host)
            text += TLS_CF.format(certificate=leaf.certificate, key=leaf.key)
        text += self._further
        etc = self.directory / "etc"
        (etc / "main.cf").write_text(text)
        (etc / "master.cf").write_text(
            MASTER_CF.format(address=self.address, port=self.ground.mx_port)
        )
        users = [f"{u}@{d} {d}/{u}/\n" for d in self.domains for u in USERS]
        (etc / "users").write_text("".join(users))

    def _control(self, verb: str) -> None:
        environment = {**os.environ, "PATH": _PATH}
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.directory / "etc"), verb],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_START_S,
            check=False,
        )
        assert done.returncode == 0, f"postfix {verb}: {done.stderr}\n{self.log()}"

    def log(self) -> str:
        """What it logged so far."""
        with contextlib.suppress(OSError):
            return (self.directory / "mail.log").read_text()
        return ""

    def mails(self, recipient: str) -> list[bytes]:
        """The files in a recipient's maildir, in order of arrival, with CRLF lines."""
        user, _, domain = recipient.partition("@")
        new = self.directory / "mail" / domain / user / "new"
        if not new.is_dir():
            return []
        files = sorted(new.iterdir(), key=_arrival)
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in files]

    def wait(self, recipient: str, marker: str, count: int = 1) -> list[bytes]:
        """The mails of a recipient that contain the marker, once there are so many."""

        def look() -> list[bytes]:
            found = [mail for mail in self.mails(recipient) if marker.encode() in mail]
            return found if len(found) >= count else []

        try:
            found = until(look, f"{count} mails with {marker} for {recipient}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from None
        assert len(found) == count, found
        return found


def _arrival(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name
