"""Relevo as an operator runs it: settings file, commands, `relevo serve`."""

import base64
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from bench.campaign import CAMPAIGN
from bench.cases import SIGNED_FROM, Case
from bench.children import Child, SubjectError, wait_for
from bench.generator import Release, Stream
from bench.ground import Ground, free_port
from bench.meter import SyncCounter

_COMMAND_S = 60.0
_READY_S = 60.0
_EXPANSION_S = 600.0
SCOPES = "mail.send,campaign.view,campaign.edit,campaign.send,contact.view,contact.edit,quota.view"
_COMMITS = "relevo_store_commit_"


class RelevoSubject:
    """The server of this working tree."""

    name = "relevo"

    def __init__(self, ground: Ground) -> None:
        self.roots: tuple[int, ...] = ()
        self.target = ""
        self.credentials = ""
        self.api_key = ""
        self.console = ""
        self.public = ""
        self.notes: list[str] = []
        self._ground = ground
        self._template = ground.directory / "relevo-template"
        self._program = str(Path(sys.executable).parent / "relevo")
        self._directory = self._template
        self._monitor = ""
        self._account = ""
        self._server: Child | None = None
        self._environment: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.roots[0]

    def obstacle(self, case: Case) -> str:  # noqa: ARG002
        return ""

    def start(self, case: Case, directory: Path, syncs: SyncCounter) -> float:
        self.notes = []
        if not self._template.exists():
            self._prepare()
        shutil.copytree(self._template, directory, dirs_exist_ok=True)
        shutil.copy(case.shaping, directory / "shaping.toml")
        self._directory = directory
        self._environment = syncs.environment
        self._configure(directory, is_signed=case.is_signed)
        return self._serve()

    def restart(self) -> float:
        problems = self.stop()
        if problems:
            raise SubjectError("; ".join(problems))
        self._configure(self._directory, is_signed=False)
        return self._serve()

    def crash(self) -> float:
        """Kill it without a word and start it again; the seconds until it was ready."""
        assert self._server is not None
        self._server.process.kill()
        self._server.process.wait()
        return self._serve()

    def put_template(self, stream: Stream) -> dict[str, float]:
        problems = self.stop()
        if problems:
            raise SubjectError("; ".join(problems))
        load = stream.load
        command = [sys.executable, "-m", "bench.campaign", "--run", stream.run]
        command += ["--config", str(self._directory / "relevo.toml"), "--account", self._account]
        command += ["--recipients", str(load.messages), "--size", str(load.size)]
        command += ["--domains", str(load.domains), "--domain-format", load.domain_format]
        expanded: dict[str, float] = json.loads(_run(command, _EXPANSION_S))
        thousands = expanded["deliveries"] / 1000
        self.notes.append(
            f"{expanded['deliveries']:,} rows in {expanded['seconds']:.1f} s, "
            f"{expanded['cpu_s'] / thousands:.3f} CPU s/1000; times to delivery count from then"
        )
        self._serve()
        return expanded

    def release(self, expanded: dict[str, float]) -> Release:
        config = str(self._directory / "relevo.toml")
        command = [self._program, "queue", "release", "--campaign", CAMPAIGN, "--config", config]
        return Release(command, expanded)

    def counters(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for line in self._get("/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            if name.startswith(_COMMITS) and name.endswith(("_sum", "_count")):
                found[name.removeprefix("relevo_store_")] = float(value)
        return found

    def stop(self) -> list[str]:
        server, self._server, self.roots = self._server, None, ()
        problem = server.stop() if server else ""
        return [problem] if problem else []

    def _serve(self) -> float:
        command = [self._program, "serve", "--config", str(self._directory / "relevo.toml")]
        self._server = Child(command, self._directory / "relevo.log", environment=self._environment)
        self.roots = (self._server.pid,)
        return wait_for("relevo", lambda: bool(self._get("/readyz")), self._server, _READY_S)

    def _get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://{self._monitor}{path}", timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return ""

    def _prepare(self) -> None:
        """Account, credential, sending domain and key, once: every run begins with a copy."""
        self._template.mkdir()
        self._configure(self._template, is_signed=True)
        self._account = json.loads(self.command("account", "add", "bench", "--json"))["id"]
        self.command("domain", "add", SIGNED_FROM, "--json")
        self.command("dkim", "new", SIGNED_FROM, "--json")
        made = json.loads(
            self.command("credential", "add", "--name", "bench", "--scopes", SCOPES, "--json")
        )
        self.api_key = made["api_key"]
        secret = f"\0{made['username']}\0{made['password']}"
        self.credentials = base64.b64encode(secret.encode()).decode()

    def command(self, *arguments: str, text: str = "") -> str:
        """What a command on the directory of this run writes; `text` is its input."""
        config = str(self._directory / "relevo.toml")
        return _run([self._program, *arguments, "--config", config], _COMMAND_S, text)

    def _configure(self, directory: Path, *, is_signed: bool) -> None:
        port, monitor, console, public = free_port(), free_port(), free_port(), free_port()
        self.target = f"127.0.0.1:{port}"
        self._monitor = f"127.0.0.1:{monitor}"
        self.console = f"127.0.0.1:{console}"
        self.public = f"127.0.0.1:{public}"
        keys = "dkim_keys" if is_signed else "no_keys"
        (directory / keys).mkdir(exist_ok=True)
        (directory / "relevo.toml").write_text(
            f"""[server]
hostname = "relevo.test"
data_dir = "queue"
dkim_dir = "{keys}"
public_url = "http://{self.public}"

[store]
min_free_percent = 1

[submission]
listen = ["{self.target}"]
tls_certificate = "{self._ground.certificate}"
tls_key = "{self._ground.key}"
trusted_networks = ["127.0.0.1/32"]
trusted_account = "bench"
max_connections_per_address = 1000

[delivery]
port = {self._ground.mx_port}
nameservers = ["{self._ground.nameserver}"]
allow_private_addresses = true

[console]
listen = "{self.console}"

[public]
listen = "{self.public}"

[metrics]
listen = "{self._monitor}"
"""
        )


def _run(command: list[str], deadline_s: float, text: str = "") -> str:
    """What a command writes. Raises `SubjectError` when it fails."""
    done = subprocess.run(
        command, capture_output=True, input=text, text=True, check=False, timeout=deadline_s
    )
    if done.returncode:
        raise SubjectError(f"{' '.join(command)}\n{done.stderr}{done.stdout}")
    return done.stdout
