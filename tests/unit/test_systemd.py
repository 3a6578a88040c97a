"""The files under `systemd/`: as hardened as we say, and fitting each other and the program."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from console.app.server import FEEDBACK_SOCKET, IMPLICIT_TLS_SOCKET, PUBLIC_SOCKET

FOLDER = Path(__file__).parents[2] / "systemd"
MAX_EXPOSURE = 20  # tenths: `systemd-analyze` calls up to 2.0 well protected
TOOL = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    TOOL is None, reason="systemd-analyze is missing: apt-get install systemd"
)


def _unit(name: str) -> dict[str, dict[str, list[str]]]:
    """Sections, keys and all their values; the order of values is kept."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in (FOLDER / name).read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = sections.setdefault(match[1], {})
        elif line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


@needs_systemd
def test_the_service_is_exposed_no_more_than_2_0():
    command = [TOOL, "security", "--offline=yes", "--no-pager", f"--threshold={MAX_EXPOSURE}"]
    done = subprocess.run(
        [*command, str(FOLDER / "relevo.service")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
    exposure = re.search(r"exposure level for relevo\.service: ([\d.]+)", done.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= MAX_EXPOSURE / 10


@needs_systemd
def test_the_units_hold_no_unknown_or_wrong_directive(tmp_path):
    program = tmp_path / "relevo"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in FOLDER.glob("relevo*.s*"):
        if unit.suffix in {".service", ".socket"}:
            text = unit.read_text().replace("/opt/relevo/bin/relevo", str(program))
            (tmp_path / unit.name).write_text(text)
    units = sorted(str(p) for p in tmp_path.glob("relevo*.s*"))
    done = subprocess.run(
        [TOOL, "verify", "--recursive-errors=no", "--man=no", *units],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "relevo" in line]
    assert ours == []


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("Type", "notify"),
        ("User", "relevo"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("ProtectClock", "yes"),
        ("ProtectHostname", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectProc", "invisible"),
        ("ProcSubset", "pid"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("SystemCallArchitectures", "native"),
        ("UMask", "0077"),
        ("StateDirectory", "relevo"),
        ("StateDirectoryMode", "0700"),
        ("LimitNOFILE", "65536"),
        ("LimitCORE", "0"),
        ("TimeoutStopSec", "30"),
        ("Restart", "on-failure"),
    ],
)
def test_the_service_has_each_directive_we_promise(directive, value):
    assert _unit("relevo.service")["Service"][directive] == [value]


def test_system_calls_are_those_of_a_service_without_the_privileged_ones():
    filters = _unit("relevo.service")["Service"]["SystemCallFilter"]
    assert filters == ["@system-service", "~@privileged @resources @mount @obsolete", "setpriority"]


def test_a_reload_is_sighup_and_the_watchdog_is_on():
    service = _unit("relevo.service")["Service"]
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert int(service["WatchdogSec"][0]) > 0


@pytest.mark.parametrize(
    ("unit", "name", "port"),
    [
        ("relevo.socket", "submission", 587),
        ("relevo-submissions.socket", IMPLICIT_TLS_SOCKET, 465),
        ("relevo-feedback.socket", FEEDBACK_SOCKET, 25),
        ("relevo-public.socket", PUBLIC_SOCKET, 443),
    ],
)
def test_low_ports_come_from_socket_units_with_names(unit, name, port):
    found = _unit(unit)["Socket"]
    assert found["FileDescriptorName"] == [name]
    assert found["ListenStream"] == [f"0.0.0.0:{port}"]
    assert found["Service"] == ["relevo.service"]


def test_kernel_settings_are_names_and_numbers():
    parser = configparser.ConfigParser()
    parser.read_string("[all]\n" + (FOLDER / "relevo.sysctl.conf").read_text())
    for name, value in parser["all"].items():
        path = Path("/proc/sys") / name.replace(".", "/")
        assert path.exists() or name.startswith("net."), name
        assert re.fullmatch(r"\d+( \d+)?", value), name


def test_folders_belong_to_the_user_that_is_made():
    (user,) = [
        line.split()
        for line in (FOLDER / "relevo.sysusers.conf").read_text().splitlines()
        if line.startswith("u ")
    ]
    assert user[1] == "relevo"
    for line in (FOLDER / "relevo.tmpfiles.conf").read_text().splitlines():
        if line and not line.startswith("#"):
            kind, path, mode, owner, group = line.split()
            assert (kind, group) == ("d", "relevo")
            assert path.startswith(("/etc/relevo", "/var/lib/relevo"))
            assert mode in {"0750", "0700"}
            assert owner in {"root", "relevo"}
