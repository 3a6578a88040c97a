"""A small program behind the command line: real accounts in a folder, queue answers as given."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from console.accounts.audit.operations import operations as audit_operations
from console.accounts.operations import operations
from console.accounts.sending.checking import DomainChecker, Installation
from console.accounts.sending.operations import DomainOperations
from console.accounts.sending.service import SendingDomains
from mta.dns.lookup import Lookup
from mta.settings import describe, load_settings, warnings
from tests.accounts_world import OPERATOR, World, open_world


class SmallApplication:
    """Runs account operations on a real store; answers others from `answers`, noting what was asked."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[tuple[str, Path]] = []
        self.findings: list[dict[str, str]] = []

    def run_operation(self, config: Path, name: str, arguments: Mapping[str, Any], /) -> Any:
        self.asked.append((name, dict(arguments)))
        if name in self.answers:
            answer = self.answers[name]
            if isinstance(answer, BaseException):
                raise answer
            return answer
        return asyncio.run(self._run(config, name, arguments))

    async def _run(self, config: Path, name: str, arguments: Mapping[str, Any]) -> Any:
        data_dir = load_settings(config, os.environ).settings.server.data_dir
        async with open_world(data_dir) as world:
            if name.startswith("domain."):
                return await domain_operations(world)[name](arguments)
            return await {**operations(), **audit_operations()}[name](world, arguments)

    def serve(self, config: Path, /) -> None:
        self.calls.append(("serve", config))

    def sandbox(self, config: Path, /) -> None:
        self.calls.append(("sandbox", config))

    def init(self, directory: Path, /) -> Sequence[Path]:
        self.calls.append(("init", directory))
        return [directory / "config" / "relevo.toml"]

    def check(self, config: Path, dns: bool, /) -> Mapping[str, Any]:
        loaded = load_settings(config, os.environ)
        found = [
            {"severity": h.severity, "key": h.key, "text": h.text, "remedy": h.remedy}
            for h in warnings(loaded.settings)
        ]
        settings = [row._asdict() for row in describe(loaded)]
        return {"settings": settings, "findings": self.findings or found}

    def verify(self, config: Path, progress: Any, /) -> Mapping[str, Any]:
        self.calls.append(("verify", config))
        return self.answers["verify"]

    def backup(self, config: Path, target: Path, progress: Any, /) -> Mapping[str, Any]:
        self.calls.append(("backup", target))
        return self.answers["backup"]

    def export_account(
        self, config: Path, account: str | None, target: Path, progress: Any, /
    ) -> Mapping[str, Any]:
        self.calls.append(("export_account", target))
        return self.answers["export_account"]

    def restore(self, config: Path, source: Path, progress: Any, /) -> Mapping[str, Any]:
        self.calls.append(("restore", source))
        return self.answers["restore"]


def domain_operations(world: World) -> Mapping[str, Any]:
    """Sending domains over the same store; no name server is asked."""
    installation = Installation("mail.example.org", (), bytes(32))
    service = SendingDomains(
        world.store, world.clock, world.trail, world.authenticator,
        DomainChecker(Lookup(), installation), world.folder / "dkim_keys",
    )  # fmt: skip

    async def find(name: str | None) -> int:
        if name is None:
            return (await world.accounts.only(OPERATOR)).id
        return (await world.accounts.get(OPERATOR, name)).id

    return DomainOperations(service, find).operations()
