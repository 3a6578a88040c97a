"""What works beside the server works under the system calls that `relevo.service` leaves it."""

import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = shutil.which("systemd-analyze")
pytestmark = pytest.mark.skipif(
    TOOL is None or find_library("seccomp") is None, reason="no systemd-analyze or no libseccomp"
)

# A process that takes the filter upon itself and becomes the command. What is not allowed is
# answered EPERM, as the unit says; memory is never made executable (MemoryDenyWriteExecute).
_JAIL = """
import ctypes, errno, os, sys
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
seccomp.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
calls = seccomp.seccomp_init(0x00050000 | errno.EPERM)
for name in sys.argv[1].split():
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        seccomp.seccomp_rule_add(calls, 0x7FFF0000, number, 0)
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
libc.prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE; older kernels do not know it
if seccomp.seccomp_load(calls):
    sys.exit("the filter cannot be loaded")
os.execv(sys.argv[2], sys.argv[2:])
"""


def _group(name: str) -> set[str]:
    """System calls of a group of systemd's, those of groups inside of it too."""
    done = subprocess.run(
        [str(TOOL), "syscall-filter", "--no-pager", name],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    calls: set[str] = set()
    for line in done.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            calls |= _group(word) if word.startswith("@") else {word}
    return calls


@pytest.fixture(scope="module")
def allowed() -> set[str]:
    """What the unit allows, its lines read from above to below."""
    calls = _group("@default")
    for line in (ROOT / "systemd" / "relevo.service").read_text("utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == "SystemCallFilter":
            for word in value.removeprefix("~").split():
                named = _group(word) if word.startswith("@") else {word}
                calls = calls - named if value.startswith("~") else calls | named
    return calls


def _under(allowed: set[str], *words: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command, as the service could run it."""
    return subprocess.run(
        [sys.executable, "-c", _JAIL, " ".join(sorted(allowed)), sys.executable, *words],
        input=text, capture_output=True, check=False, cwd=ROOT,
    )  # fmt: skip


def test_a_report_s_pdf_is_made_and_steps_back_behind_mail(allowed):
    done = _under(allowed, "-m", "console.pages.pdf", "--patient", text="<h1>Día</h1>".encode())
    assert done.stdout.startswith(b"%PDF-"), done.stderr.decode()


def test_a_complete_export_goes_on_where_priorities_are_nobody_s_to_change(allowed, tmp_path):
    order = b'{"data_dir": "%s", "account": "1", "target": "%s"}' % (
        str(tmp_path / "none").encode(), str(tmp_path / "made.zip").encode()
    )  # fmt: skip
    done = _under(allowed - {"setpriority"}, "-m", "console.app.export_worker", text=order)
    assert b"PermissionError" not in done.stderr
    assert b"none" in done.stdout + done.stderr  # it came as far as the order
