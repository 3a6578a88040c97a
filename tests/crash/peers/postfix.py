"""Debian's Postfix as a relay with a configuration and a queue of its own. Needs root.

`master -c DIR`, nothing of the system's Postfix is touched. A transport map names the receivers, so
that it needs no DNS. Its durability is left as it is; deferred mail is tried again at once.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.crash.peers.server import Peer

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {directory}/spool
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
transport_maps = texthash:{directory}/etc/transport
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_peername_lookup = no
smtputf8_enable = no
biff = no
in_flow_delay = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
maillog_file_prefixes = {directory}
maillog_file = {directory}/mail.log
"""
MASTER_CF = """\
127.0.0.1:{port} inet n  -       n       -       -       smtpd
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


class PostfixRelay(Peer):
    """Postfix; `routes`: the receiver of each domain as `ADDRESS:PORT`."""

    name = "postfix"
    calls = ("fsync", "rename", "write", "sendto", "unlink")

    def __init__(self, directory: Path, routes: Mapping[str, str]) -> None:
        super().__init__(directory)
        for name in ("etc", "spool", "data"):
            (directory / name).mkdir()
        shutil.chown(directory / "data", "postfix")
        etc = directory / "etc"
        (etc / "main.cf").write_text(MAIN_CF.format(directory=directory))
        (etc / "master.cf").write_text(MASTER_CF.format(port=self.port))
        lines = []
        for domain, receiver in routes.items():
            address, _, port = receiver.rpartition(":")
            lines.append(f"{domain} smtp:[{address}]:{port}\n")
        (etc / "transport").write_text("".join(lines))
        subprocess.run(  # makes the queue's directories
            ["/usr/sbin/postfix", "-c", str(etc), "check"],
            check=True,
            env={**os.environ, "PATH": _PATH},
        )

    def command(self) -> list[str]:
        return ["/usr/lib/postfix/sbin/master", "-s", "-c", str(self.directory / "etc")]

    def queued(self) -> int:
        queues = ("incoming", "active", "deferred", "maildrop")
        files = (self.directory / "spool" / name for name in queues)
        # Only a whole message's file may be executed: what a kill left half written was never
        # acknowledged, and Postfix sweeps it away later.
        return sum(
            path.is_file() and os.access(path, os.X_OK)
            for queue in files
            for path in queue.rglob("*")
        )
