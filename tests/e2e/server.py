"""A real `relevo serve` process on a directory of its own, steered as an operator does.

with RelevoServer(ground) as server:      # `relevo init`, settings, account, domain, credential
    server.start()                        # returns when /readyz says so
    server.cli("queue", "list")           # any command, its JSON
    server.stop()                         # SIGTERM, exit status 0
    server.kill()                         # SIGKILL
"""

import datetime as dt
import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mta.model.traffic import DeliveryState
from tests.e2e.ground import DEADLINE_S, Ground, free_port, until

RELEVO = Path(sys.executable).with_name("relevo")
ACCOUNT = "Proof"
SENDER_DOMAIN = "sender.test"
SENDER = f"app@{SENDER_DOMAIN}"
HOSTNAME = "relay.test"
STOP_S = 30.0  # a stop is graceful within half a minute
SHAPING = """\
[default]
connections_start = 4
connections_max = 10
messages_per_connection = 100
idle_timeout = "60s"
"""
SETTINGS = """\
[server]
hostname = "{hostname}"
[store]
min_free_percent = 0
min_free_inodes_percent = 0
min_free_bytes = 0
[submission]
listen = ["127.0.0.1:{port}"]
implicit_tls_listen = ["127.0.0.1:{tls_port}"]
tls_certificate = "certificate.pem"
tls_key = "key.pem"
[delivery]
port = {mx_port}
nameservers = ["{nameserver}"]
allow_private_addresses = true
[console]
listen = "127.0.0.1:{console_port}"
[metrics]
listen = "127.0.0.1:{metrics_port}"
[log]
format = "json"
"""


class RelevoServer:
    """One installation; `start` and `stop` as often as wanted."""

    def __init__(
        self,
        ground: Ground,
        *,
        name: str = "relevo",
        shaping: str = SHAPING,
        scopes: str = "",
        bag: int = 0,
        **environ: str,
    ) -> None:
        """`scopes`: of its key; `bag`: mails of a contract, 0: there is none; `environ`: settings
        as `QUEUE__RETRY="1s"`, without the prefix.
        """
        self.ground = ground
        self.directory = ground.directory / name
        self.config = self.directory / "config" / "relevo.toml"
        self.data_dir = Path(environ.get("SERVER__DATA_DIR", self.directory / "queue"))
        self.host = "127.0.0.1"
        self.port, self.tls_port = free_port(), free_port()
        self.metrics_port, self.console_port = free_port(), free_port()
        self.username = self.password = ""
        self.account = ""
        self._shaping = shaping
        self._bag = bag
        self._scopes = ["--scopes", scopes] if scopes else []
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()
        if error is not None and self.log_path.exists():
            print(f"--- log of {self.directory.name}")
            print(self.log_path.read_text(errors="replace")[-8000:])

    # -- installing ----------------------------------------------------------------------------

    def install(self, *, has_account: bool = True) -> None:
        """What the how-to tells an operator: init, settings, certificate, account, credential."""
        self.directory.mkdir()
        self.command("init", "--dir", str(self.directory), has_config=False)
        self.use_certificate()
        text = SETTINGS.format(
            hostname=HOSTNAME,
            port=self.port,
            tls_port=self.tls_port,
            mx_port=self.ground.mx_port,
            nameserver=self.ground.dns.address,
            console_port=self.console_port,
            metrics_port=self.metrics_port,
        )
        self.config.write_text(text)
        self.config.with_name("shaping.toml").write_text(self._shaping)
        if not has_account:
            return
        made = self.cli_all(
            ["account", "add", ACCOUNT],
            ["domain", "add", SENDER_DOMAIN, "--account", ACCOUNT],
            ["credential", "add", "--account", ACCOUNT, "--name", "app", *self._scopes],
            *([_bag(self._bag, ACCOUNT)] if self._bag else []),
        )
        self.account = made[0]["id"]
        self.username, self.password = made[2]["username"], made[2]["password"]

    def use_certificate(self) -> None:
        """A new certificate for the submission ports, read at the next start or reload."""
        leaf = self.ground.certificate(self.host)
        for path, name in ((leaf.certificate, "certificate.pem"), (leaf.key, "key.pem")):
            new = self.directory / f"{name}.new"
            new.write_bytes(path.read_bytes())
            new.chmod(0o600)
            new.replace(self.directory / name)

    def add_credential(self, *options: str) -> None:
        """A login for applications, from now on the one that clients use."""
        made = self.cli("credential", "add", "--account", self.account, "--name", "app", *options)
        self.username, self.password = made["username"], made["password"]

    def add_bag(self, size: int, account: str = "") -> None:
        """A contract called "Bolsa" that began yesterday, of so many mails."""
        self.cli(*_bag(size, account or self.account))

    # -- running -------------------------------------------------------------------------------

    @property
    def is_spawned(self) -> bool:
        """Whether there is a process that nobody has waited for."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "not running"
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """Standard error of all starts."""
        return self.directory / "log"

    def spawn(self, wrapper: Sequence[str] = ()) -> None:
        """Start the process, and do not wait for it; `wrapper` is a command that runs it."""
        assert self._process is None, "runs already"
        self._log = self.log_path.open("ab")
        self._process = subprocess.Popen(
            [*wrapper, RELEVO, "serve", "--config", self.config],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=self.environment(),
            cwd=self.directory,
        )

    def start(self) -> None:
        """Start it; return when it takes mail."""
        self.spawn()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return once /readyz says that mail can be taken."""
        until(self.is_ready, "the server is ready")

    def is_ready(self) -> bool:
        """What /readyz says; fails when the process has ended."""
        assert self._process is not None
        status = self._process.poll()
        assert status is None, f"ended with {status}:\n{self.log_path.read_text()[-4000:]}"
        return self.http("/readyz")[0] == 200

    def http(self, path: str) -> tuple[int, str]:
        """Status and text of a page of `[metrics] listen`; status 0: nobody listens."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.metrics_port}{path}", timeout=DEADLINE_S
            ) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Stop as systemd does: SIGTERM, and it ends by itself with status 0."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_S)
        self._ended()
        assert status == 0, f"ended with {status}:\n{self.log_path.read_text()[-4000:]}"

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._ended()

    def is_running(self, wait_s: float) -> bool:
        """Whether it still runs when so much time has passed."""
        assert self._process is not None
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return True
        return False

    def wait_ended(self, why: str) -> int:
        """Wait for the process to end by itself; its exit status, -9 after SIGKILL."""
        assert self._process is not None
        try:
            status = self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"never, in {DEADLINE_S:g} s: {why}") from None
        self._ended()
        return status

    def _ended(self) -> None:
        self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    # -- commands ------------------------------------------------------------------------------

    def environment(self) -> Mapping[str, str]:
        """Ours without settings that somebody's shell may hold."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RELEVO_")}
        return {**kept, **{f"RELEVO_{k}": v for k, v in self._environ.items()}}

    def command(
        self, *arguments: str, has_config: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run `relevo …`; its status and output."""
        config = ["--config", str(self.config)] if has_config else []
        return subprocess.run(
            [RELEVO, *arguments, *config],
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.directory,
            timeout=DEADLINE_S,
            check=False,
        )

    def cli(self, *arguments: str) -> Any:
        """Run `relevo … --json`, which must succeed; what it prints."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, f"relevo {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout)

    def cli_all(self, *commands: Sequence[str]) -> list[Any]:
        """The same for several that nobody looks at, in one process."""
        config = ["--config", str(self.config), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "tests.e2e.commands"],
            input=json.dumps([[*command, *config] for command in commands]),
            capture_output=True,
            text=True,
            env={**self.environment(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=self.directory,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(text) for text in json.loads(done.stdout)]

    # -- looking -------------------------------------------------------------------------------

    def log(self) -> list[dict[str, Any]]:
        """Everything logged so far."""
        lines = self.log_path.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def errors(self) -> list[dict[str, Any]]:
        """What was logged as an error, which nothing a test does should cause."""
        return [entry for entry in self.log() if entry["level"] in {"error", "critical"}]

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the database from outside."""
        path = self.data_dir / "relevo.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def states(self, message: str) -> list[str]:
        """The states of a message's deliveries, as they are on disk."""
        rows = self.sql("SELECT state FROM delivery WHERE message = ? ORDER BY n", int(message))
        return [DeliveryState(state).label for (state,) in rows]

    def wait_states(self, message: str, *states: str) -> list[dict[str, Any]]:
        """Wait until a message's deliveries have these states, in order; as the command tells."""
        until(lambda: self.states(message) == [*states], f"message {message} is {states}")
        rows: list[dict[str, Any]] = self.cli("queue", "show", message)["deliveries"]
        assert [row["state"] for row in rows] == [*states]
        return rows


def _bag(size: int, account: str) -> list[str]:
    """The command for a contract that began yesterday, wherever the account is."""
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    starts = yesterday.date().isoformat()
    return [
        "contract", "add", "Bolsa", "--size", str(size), "--starts", starts, "--account", account
    ]  # fmt: skip


@contextmanager
def serving(
    ground: Ground, name: str, *, bag: int = 0, scopes: str = "", **environ: str
) -> Iterator[RelevoServer]:
    """A server that runs, and in the end has stopped without an error in its log."""
    with RelevoServer(ground, name=name, scopes=scopes, bag=bag, **environ) as made:
        made.start()
        yield made
        made.stop()
        assert made.errors() == []
