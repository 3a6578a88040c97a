"""The entry points of the command line.

What only some of them need is imported where it is: the whole server takes half a second and more
to import, and a command that asks a running one needs nothing of it.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mta.engine.control import SOCKET_NAME, ControlClient, NoServer
from mta.model.errors import ConfigurationError
from mta.settings import display, documents, hazards
from mta.settings.files import unusable_files
from mta.settings.loading import Loaded, load_settings
from mta.settings.whole_file import make_folder, write_whole

Progress = Callable[[str, int, int], None]


def load(config: Path) -> Loaded:
    """The settings of a command; the default file may be missing, a named one may not."""
    path = config if config.exists() or "RELEVO_CONFIG" in os.environ else None
    if path is None and config != Path("config/relevo.toml"):
        path = config
    return load_settings(path, os.environ)


def init(directory: Path) -> Sequence[Path]:
    """Write the commented settings and make the folders; what exists is left alone."""
    made = []
    for name in ("config", "queue", "dkim_keys"):
        folder = directory / name
        if not folder.exists():
            make_folder(folder, 0o755 if name == "config" else 0o700)
            made.append(folder)
    settings = directory / "config" / "relevo.toml"
    if not settings.exists():
        write_whole(settings, documents.sample().encode(), mode=0o644)
        made.append(settings)
    return made


def check(config: Path, dns: bool) -> Mapping[str, Any]:
    """Effective values with their origins, and what is wrong or dangerous."""
    from console.app.readiness import dns_findings, drawing_findings, key_findings

    loaded = load(config)
    findings = [
        {
            "severity": w.severity,
            "key": w.key,
            "text": w.text,
            "remedy": w.remedy,
        }
        for w in hazards.warnings(loaded.settings)
    ]
    findings += [
        {"severity": "error", "key": p.key, "text": p.text, "remedy": p.remedy}
        for p in unusable_files(loaded.settings)
    ]
    findings += key_findings(loaded.settings)
    findings += drawing_findings()
    findings += _rule_findings(loaded)
    if dns:
        findings += asyncio.run(dns_findings(loaded.settings))
    rows = [{"key": k, "value": v, "origin": o} for k, v, o in display.describe(loaded)]
    return {"settings": rows, "findings": findings}


def _rule_findings(loaded: Loaded) -> list[dict[str, str]]:
    """Rules whose own samples they do not match, and rule files that cannot be read."""
    from mta.bounces.classifier import Classifier

    folder = loaded.path.parent if loaded.path is not None else Path("config")
    findings = []
    for name, problems in (
        ("bounce_rules.toml", lambda path: Classifier.load(path).check_samples()),
        ("shaping.toml", _shaping_problems),
    ):
        path = folder / name
        try:
            texts = problems(path if path.exists() else None)
        except ConfigurationError as error:
            texts = str(error).splitlines()
        findings += [
            {"severity": "error", "key": name, "text": text, "remedy": ""} for text in texts
        ]
    return findings


def _shaping_problems(path: Path | None) -> list[str]:
    from mta.shaping.rules import Shaping

    Shaping.load(path)
    return []


def run_operation(config: Path, name: str, arguments: Mapping[str, Any]) -> Any:
    """Ask the running server; without one, open the store and do it here."""
    loaded = load(config)
    client = ControlClient(loaded.settings.server.data_dir / SOCKET_NAME)
    try:
        return asyncio.run(client.call(name, arguments))
    except NoServer:
        if name == "queue.top":
            raise ConfigurationError("no server is running: `relevo queue top` needs one") from None
        from console.app.services import run_without_server

        return run_without_server(loaded, name, arguments)


def serve(config: Path) -> None:
    """Run the server until SIGTERM."""
    from console.app.server import run_server

    run_server(load(config), lambda _server: None)


def sandbox(config: Path) -> None:
    """Run a server whose mail goes to the built-in simulator."""
    from console.app.sandbox import prepare_sandbox
    from console.app.server import run_server

    prepared = prepare_sandbox(config, os.environ)
    run_server(prepared.loaded, prepared.announce)


def verify(config: Path, progress: Progress) -> Mapping[str, Any]:
    """Look for damage in the data directory, beside the server or without one."""
    from console.app import keeping

    return keeping.verify_store(load(config), progress)


def backup(config: Path, target: Path, progress: Progress) -> Mapping[str, Any]:
    """Write a backup, beside the server or without one."""
    from console.app import keeping

    return keeping.back_up(load(config), target, progress)


def export_account(
    config: Path, account: str | None, target: Path, progress: Progress
) -> Mapping[str, Any]:
    """Write all that is kept of an account into one file, beside the server or without one."""
    from console.app import exporting

    exporting.require_new(target)  # before the audit trail tells of an export
    named = {} if account is None else {"account": account}
    begun = run_operation(config, "account.export", named)
    return exporting.write_export(load(config), int(begun["account"]), target, progress)


def report_evidence(
    config: Path, arguments: Mapping[str, Any], target: Path, progress: Progress
) -> Mapping[str, Any]:
    """Have evidence of sends made and kept, and write its file."""
    from console.app import report_files

    def run(name: str, given: Mapping[str, Any]) -> Any:
        return run_operation(config, name, given)

    return report_files.write_evidence(run, arguments, target, progress)


def write_usage_report(
    config: Path, arguments: Mapping[str, Any], target: Path, progress: Progress
) -> Mapping[str, Any]:
    """Have a report of consumption made and kept, and write its file."""
    from console.app import report_files

    def run(name: str, given: Mapping[str, Any]) -> Any:
        return run_operation(config, name, given)

    return report_files.write_usage_report(run, arguments, target, progress)


def restore(config: Path, source: Path, progress: Progress) -> Mapping[str, Any]:
    """Put a backup in place, with everything on hold."""
    from console.app import keeping

    return keeping.restore(config, source, load, progress)


def send_alert(config: Path, name: str, text: str) -> Mapping[str, Any]:
    """`sent` and `failed` ways, without the server."""
    from console.app import alerting

    return alerting.send_alert(load(config), name, text)
