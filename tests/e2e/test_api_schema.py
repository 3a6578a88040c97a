"""Schemathesis against the document of a real server: what fits is taken, what does not is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from console.accounts.values import Scope
from tests.e2e.ground import free_port
from tests.e2e.server import RelevoServer

CONFIG = Path(__file__).with_name("schemathesis.toml")
TOOL = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 8  # of each operation; by hand with 500
DEADLINE_S = 220  # against hanging; on a busy machine it took 110


@pytest.mark.timeout(DEADLINE_S + 20)
def test_T_f_the_api_is_as_its_document_says(ground) -> None:
    modes = {"DELIVERY__MODE": "sandbox", "SANDBOX__LISTEN": f"127.0.0.1:{free_port()}"}
    with RelevoServer(ground, name="schema", **modes) as server:
        server.start()
        scopes = ",".join(scope for scope in Scope if scope is not Scope.ANY_SENDER)
        server.add_credential("--scopes", scopes)
        found = subprocess.run(
            [
                TOOL, "--config-file", CONFIG, "run",
                f"http://127.0.0.1:{server.console_port}/api/v1/openapi.json",
                "--header", f"Authorization: Bearer {server.password}",
                "--checks", "all", "--max-examples", str(EXAMPLES), "--continue-on-failure",
                "--generation-deterministic", "--no-color",
            ],
            cwd=server.directory, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
        server.stop()
        assert found.returncode == 0, found.stdout[-12_000:]
        assert server.errors() == []
