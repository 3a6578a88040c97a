"""A caller of the API that does nothing by itself: what it is told goes over the wire as it is."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.server import SENDER, RelevoServer

MESSAGES = "/api/v1/messages"


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> dict[str, str]:
        """Violations by field."""
        return {one["field"]: one["code"] for one in self.json.get("violations", ())}


class ApiClient:
    """Asks one server with one key."""

    def __init__(self, server: RelevoServer, key: str = "") -> None:
        self.server = server
        self.key = key or server.password

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        **headers: str,
    ) -> Reply:
        """One request; header names with underscores for dashes."""
        data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        sent = {"Authorization": f"Bearer {self.key}"}
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.console_port, timeout=30)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Reply(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()

    def send(self, *, key: str = "", **request: Any) -> Reply:
        """`POST /messages`, from the account's address and with a text if nothing else is said."""
        full = {"from": {"email": SENDER}, "subject": "Hola", "text": "Hola", **request}
        headers = {"Idempotency_Key": key} if key else {}
        return self.ask("POST", MESSAGES, full, **headers)
