"""The load programs in C: compiled to `bench/bin` when their sources are newer."""

import shutil
import subprocess
from pathlib import Path

from bench.cases import BENCH

SOURCES = BENCH / "load"
BIN = BENCH / "bin"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Wno-sign-compare")
TLS = ("-lssl", "-lcrypto")
PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "msrc": ("msrc.c", TLS),
    "msink": ("msink.c", TLS),
    "syncs.so": ("syncs.c", ("-shared", "-fPIC")),
}


class CannotBuildError(RuntimeError):
    """The compiler or a library is missing; the text says what to install."""


def program(name: str) -> Path:
    """Path of a load program, compiled if need be. Raises `CannotBuildError`."""
    source, options = PROGRAMS[name]
    made = BIN / name
    newest = max(path.stat().st_mtime for path in (SOURCES / source, SOURCES / "wire.h"))
    if not made.exists() or made.stat().st_mtime < newest:
        BIN.mkdir(exist_ok=True)
        _compile(SOURCES / source, made, options)
    return made


def _compile(source: Path, made: Path, options: tuple[str, ...]) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CannotBuildError("no C compiler: apt-get install gcc libc6-dev libssl-dev")
    command = [compiler, *FLAGS, "-o", str(made), str(source), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        hint = "apt-get install libssl-dev" if "openssl/" in done.stderr else ""
        raise CannotBuildError(f"{' '.join(command)}\n{done.stderr}{hint}")
