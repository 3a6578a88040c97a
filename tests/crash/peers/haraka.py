"""Haraka as a relay, from the folder where `npm install Haraka` ran, with its default queue.

A plugin of a few lines lets everybody relay and names the receivers. One process, as it is shipped.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.crash.peers.server import Peer

PLUGIN = """\
const routes = {routes}
exports.hook_connect = function (next, connection) {{
    connection.relaying = true
    next()
}}
exports.hook_rcpt = function (next) {{
    next(OK)
}}
exports.hook_get_mx = function (next, hmail, domain) {{
    const [exchange, port] = routes[domain].split(':')
    next(OK, [{{ exchange, port: Number(port), priority: 0 }}])
}}
"""
SETTINGS = {
    "smtp.ini": "listen=127.0.0.1:{port}\n",
    "plugins": "everybody\n",
    "me": "relay.test\n",
    "host_list": "relay.test\n",
    "log.ini": "[main]\nlevel=warn\n",
    "outbound.ini": "enable_tls=false\nlocal_mx_ok=true\ntemp_fail_intervals=1s*30\n",
    "queue_dir": "{directory}/queue\n",
}


class HarakaRelay(Peer):
    """Haraka; `routes`: the receiver of each domain as `ADDRESS:PORT`."""

    name = "haraka"
    calls = ("fsync", "rename", "write", "writev", "unlink")

    def __init__(self, directory: Path, routes: Mapping[str, str], installed: Path) -> None:
        super().__init__(directory)
        package = installed / "node_modules" / "Haraka"
        self._program = package / "bin" / "haraka"
        shutil.copytree(package / "config", directory / "config")  # as `haraka -i` does
        for name in ("plugins", "queue"):
            (directory / name).mkdir()
        for name, text in SETTINGS.items():
            (directory / "config" / name).write_text(
                text.format(port=self.port, directory=directory)
            )
        plugin = PLUGIN.format(routes=json.dumps(dict(routes)))
        (directory / "plugins" / "everybody.js").write_text(plugin)

    def command(self) -> list[str]:
        return ["node", str(self._program), "-c", str(self.directory)]

    def queued(self) -> int:
        return sum(path.is_file() for path in (self.directory / "queue").iterdir())
