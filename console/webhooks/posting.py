"""One POST to an endpoint: bounded in time and size, to a vetted address, never redirected."""

import asyncio
import time
from importlib.metadata import version

import aiohttp

from console.webhooks.signing import Signer
from console.webhooks.targets import AddressRefused, TargetPolicy, VettedResolver
from console.webhooks.values import Answer, Webhook
from mta.model.clock import Clock
from mta.model.errors import PermanentError

TIMEOUT_S = 5.0  # for everything: name, connection, TLS, answer
MAX_ANSWER = 64 * 1024  # bytes of the answer that are read at most
MAX_KEPT = 1_000  # characters of it in the log
MAX_AT_ONCE = 64  # connections of all endpoints together


class Poster:
    """Sends signed bodies; `close()` ends it."""

    def __init__(
        self,
        signer: Signer,
        policy: TargetPolicy,
        clock: Clock,
        *,
        resolver: VettedResolver | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._signer = signer
        self._policy = policy
        self._clock = clock
        self._resolver = resolver or VettedResolver(policy)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    def secret(self, number: int, generation: int) -> str:
        """With which the posts of something that is no endpoint of its own are signed."""
        return self._signer.secret(number, generation)

    def checked_url(self, url: str) -> str:
        """The URL as it will be called. Raises `PermanentError` with what is wrong."""
        try:
            return self._policy.checked_url(url)
        except AddressRefused as error:
            raise PermanentError(str(error)) from None

    async def post(self, webhook: Webhook, message_id: str, body: bytes) -> Answer:
        """Send it and tell what came of it; never raises but when cancelled.

        A message that is sent again keeps its `message_id`, so that receivers can tell.
        """
        async with self._places:
            started_s = time.monotonic()
            try:
                status, text = await self._send(webhook, message_id, body)
            except TimeoutError:
                status, text = 0, f"no answer within {self._timeout_s:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                status, text = 0, _reason(error)
            took_ms = round((time.monotonic() - started_s) * 1000)
        return Answer(status, text[:MAX_KEPT].replace("\0", "\N{REPLACEMENT CHARACTER}"), took_ms)

    async def _send(self, webhook: Webhook, message_id: str, body: bytes) -> tuple[int, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Relevo/{version('relevo')}",
            **self._signer.headers(webhook, message_id, body, self._clock.now_ms()),
        }
        async with (
            asyncio.timeout(self._timeout_s),
            self._client().post(
                webhook.url, data=body, headers=headers, allow_redirects=False
            ) as response,
        ):
            text = await _beginning(response)
            if 300 <= response.status < 400:
                text = f"redirects are not followed (to {response.headers.get('Location', '?')})"
            return response.status, text

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver, use_dns_cache=False, limit=MAX_AT_ONCE,
                keepalive_timeout=30.0, socket_factory=self._policy.open_socket,
            )  # fmt: skip
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
                trust_env=False,
            )  # fmt: skip
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """What the log keeps; an answer longer than `MAX_ANSWER` is cut off by closing."""
    data = b""
    while len(data) < MAX_ANSWER:
        piece = await response.content.read(MAX_ANSWER - len(data))
        if not piece:
            break
        data += piece
    else:
        response.close()
    return data[: 4 * MAX_KEPT].decode("utf-8", "replace")


def _reason(error: BaseException) -> str:
    """Why there was no answer, without the library's own words where ours are plainer."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
