"""Secrets of endpoints and the signatures made with them (Standard Webhooks 1.0.0).

A secret is derived from the installation's key, the endpoint and the generation, so none is stored:
a copy of the database signs nothing. While a rotation's overlap lasts, two secrets sign.
"""

import base64
import hashlib
import hmac

from console.webhooks.values import Webhook

PREFIX = "whsec_"
_PERSON = b"webhook"


class Signer:
    """Signs what goes to an endpoint."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 secret bytes of the installation."""
        self._key = key

    def secret(self, webhook_id: int, generation: int) -> str:
        """What the receiver is given, `whsec_` and 32 bytes in base64."""
        return PREFIX + base64.b64encode(self._bytes(webhook_id, generation)).decode()

    def headers(
        self, webhook: Webhook, message_id: str, body: bytes, now_ms: int
    ) -> dict[str, str]:
        """`webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`."""
        generations = [webhook.generation]
        if webhook.generation > 1 and now_ms < webhook.previous_until_ms:
            generations.append(webhook.generation - 1)
        timestamp = str(now_ms // 1000)
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        signatures = (
            hmac.digest(self._bytes(webhook.id, generation), signed, "sha256")
            for generation in generations
        )
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures),
        }

    def _bytes(self, webhook_id: int, generation: int) -> bytes:
        text = f"{webhook_id}.{generation}".encode()
        return hashlib.blake2s(text, key=self._key, person=_PERSON).digest()
