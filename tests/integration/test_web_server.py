"""The console's server: headers, errors, health, TLS, proxies, start and stop."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from console.web.application import ConsoleServer
from mta.engine.health import Health
from mta.model.errors import ConfigurationError, StoreError
from mta.settings.loading import load_settings
from tests.web_world import WebWorld, empty_api, open_web, sign_in


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        yield web


ALL_PATHS = ["/login", "/sandbox", "/nothing", "/healthz", "/readyz", "/api/v1/nothing", "/sandbox"]


@pytest.mark.parametrize("path", [*ALL_PATHS, "/static/nothing.css", "/status"])
async def test_every_response_carries_the_safety_headers(web: WebWorld, path: str):
    async with web.signed_in() as browser:
        async with browser.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Server"] == "Relevo"


async def test_no_page_has_a_script_or_style_of_its_own(web: WebWorld):
    async with web.signed_in() as browser:
        for path in ("/login?out=1", "/sandbox", "/status", "/nothing"):
            async with browser.get(path) as response:
                page = await response.text()
            assert "<style" not in page
            assert " style=" not in page
            assert "<script>" not in page
            assert " onclick" not in page


async def test_files_of_the_pages_are_kept_for_ever_by_their_hash(web: WebWorld):
    async with web.browser() as browser:
        async with browser.get("/login") as response:
            page = await response.text()
        paths = [part.partition('"')[0].partition("#")[0] for part in page.split('="/static/')[1:]]
        assert len(set(paths)) >= 7
        for path in set(paths):
            async with browser.get(f"/static/{path}") as response:
                assert response.status == 200
                assert "immutable" in response.headers["Cache-Control"]
                assert await response.read()


async def test_readiness_needs_no_sign_in_and_tells_why_not(web: WebWorld):
    problems = [""]
    web.health.check("disk", lambda: problems[0])
    async with web.browser() as browser:
        async with browser.get("/readyz") as response:
            assert response.status == 200
        problems[0] = "2 % free"
        async with browser.get("/readyz") as response:
            assert response.status == 503
            assert (await response.json())["problems"] == {"disk": "2 % free"}
        async with browser.get("/healthz") as response:
            assert response.status == 200


async def test_the_status_page_tells_what_is_wrong(tmp_path: Path):
    async with open_web(tmp_path, is_sandbox=False) as web, web.signed_in() as browser:
        async with browser.get("/") as response:
            page = await response.text()
        assert response.url.path == "/"
        assert "Listo: el servidor recibe correo." in page
        assert "Sandbox" not in page
        web.health.check("disk", lambda: "2 % <free>")
        async with browser.get("/status") as response:
            page = await response.text()
        assert "no está listo" in page
        assert "2 % &lt;free&gt;" in page
        async with browser.get("/sandbox") as response:
            assert response.status == 404


async def test_a_page_that_does_not_exist_is_told_in_words(web: WebWorld):
    async with web.signed_in() as browser, browser.get("/nothing") as response:
        assert response.status == 404
        assert "No existe" in await response.text()


async def test_a_method_that_does_not_fit_is_refused(web: WebWorld):
    async with web.browser() as browser, browser.put("/login") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET,HEAD,POST"


async def test_a_form_that_is_too_large_is_refused(web: WebWorld):
    async with web.browser() as browser:
        async with browser.get("/login"):
            pass
        async with browser.post("/login", data={"email": "a" * 100_000}) as response:
            assert response.status == 413


@pytest.mark.parametrize(("error", "status"), [(StoreError("busy"), 503), (ValueError("x"), 500)])
async def test_a_failure_is_a_page_without_details(
    web: WebWorld, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
):
    async def fail(_email: str, _password: str) -> None:
        raise error

    monkeypatch.setattr(web.accounts.accounts.users, "authenticate", fail)
    async with web.browser() as browser:
        response = await sign_in(browser)
        assert response.status == status
        page = await response.text()
        assert str(status) in page
        assert "Traceback" not in page
        assert ("Retry-After" in response.headers) is (status == 503)


def _certificate(folder: Path) -> dict[str, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return {
        "RELEVO_CONSOLE__TLS_CERTIFICATE": str(certificate),
        "RELEVO_CONSOLE__TLS_KEY": str(key),
    }


async def test_with_tls_the_cookie_belongs_to_this_host_alone(tmp_path: Path):
    async with open_web(tmp_path, settings=_certificate(tmp_path)) as web:
        context = ssl.create_default_context(cafile=tmp_path / "tls.crt")
        context.check_hostname = False
        connector = aiohttp.TCPConnector(ssl=context)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(web.url, connector=connector, cookie_jar=jar) as browser:
            response = await sign_in(browser)
            assert response.status == 303
            (line,) = response.headers.getall("Set-Cookie")
            assert line.startswith("__Host-relevo=")
            assert "; Secure" in line
            assert "Domain" not in line
            assert "max-age=" in response.headers["Strict-Transport-Security"]


async def test_a_certificate_is_renewed_while_it_runs(tmp_path: Path):
    async with open_web(tmp_path, settings=_certificate(tmp_path)) as web:
        first = await _served(web)
        (tmp_path / "tls.crt").write_text("rubbish")
        with pytest.raises(ConfigurationError):
            web.console.reload()
        assert await _served(web) == first
        _certificate(tmp_path)
        web.console.reload()
        assert await _served(web) != first


async def _served(web: WebWorld) -> str:
    host, port = web.console.addresses[0]
    return await asyncio.to_thread(ssl.get_server_certificate, (host, port), timeout=20)


async def test_a_trusted_proxy_says_who_asks_and_how(tmp_path: Path):
    settings = {"RELEVO_CONSOLE__TRUSTED_PROXIES": "127.0.0.1"}
    async with open_web(tmp_path, settings=settings) as web:
        forwarded = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
        async with web.browser(**forwarded) as browser:
            async with browser.get("/login") as response:
                assert response.headers["Set-Cookie"].startswith("__Host-relevo-form=")


async def test_nobody_else_says_so(web: WebWorld):
    forwarded = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    async with web.browser(**forwarded) as browser, browser.get("/login") as response:
        assert response.headers["Set-Cookie"].startswith("relevo_form=")


async def test_failures_are_counted_for_the_client_behind_the_proxy(tmp_path: Path):
    settings = {"RELEVO_CONSOLE__TRUSTED_PROXIES": "127.0.0.1"}
    async with open_web(tmp_path, settings=settings) as web:
        async with web.browser(**{"X-Forwarded-For": "203.0.113.5"}) as attacker:
            statuses = [
                (await sign_in(attacker, email=f"u{n}@example.org")).status for n in range(11)
            ]
            assert statuses == [401] * 10 + [429]
        async with web.browser(**{"X-Forwarded-For": "203.0.113.6"}) as other:
            assert (await sign_in(other)).status == 303


async def test_an_address_that_is_taken_is_told(web: WebWorld, tmp_path: Path):
    host, port = web.console.addresses[0]
    environ = {
        "RELEVO_CONSOLE__LISTEN": f"{host}:{port}",
        "RELEVO_SERVER__DATA_DIR": str(tmp_path),
    }
    settings = load_settings(None, environ).settings
    accounts = web.accounts
    second = ConsoleServer(
        settings, Health(), accounts.sign_in, accounts.authenticator, None, empty_api(accounts)
    )
    with pytest.raises(ConfigurationError, match=r"\[console\] listen"):
        await second.start()


async def test_a_certificate_that_does_not_fit_is_told(web: WebWorld, tmp_path: Path):
    (tmp_path / "bad.pem").write_text("rubbish")
    bad = str(tmp_path / "bad.pem")
    environ = {
        "RELEVO_CONSOLE__LISTEN": "127.0.0.1:0",
        "RELEVO_CONSOLE__TLS_CERTIFICATE": bad,
        "RELEVO_CONSOLE__TLS_KEY": bad,
    }
    settings = load_settings(None, environ).settings
    accounts = web.accounts
    server = ConsoleServer(
        settings, Health(), accounts.sign_in, accounts.authenticator, None, empty_api(accounts)
    )
    with pytest.raises(ConfigurationError, match=r"\[console\] tls_certificate"):
        await server.start()


async def test_stopping_ends_live_pages_at_once(tmp_path: Path):
    async with open_web(tmp_path) as web, web.signed_in() as browser:
        stream = await browser.get("/sandbox/live")
        assert await stream.content.readline() == b"retry: 2000\n"
        async with asyncio.timeout(10):
            await web.console.close()
            await stream.content.read()


@pytest.mark.parametrize(
    ("language", "expected"), [("es", "Se esperaba: "), ("en", "Expected: "), ("", "Se esperaba: ")]
)
async def test_a_key_that_is_missing_is_told_with_the_id_of_the_request(
    web: WebWorld, language: str, expected: str
):
    headers = {"Accept-Language": language} if language else {}
    async with web.browser() as browser:
        async with browser.get("/api/v1/sandbox/messages", headers=headers) as response:
            body = await response.json()
        assert response.status == 401
        assert body["detail"].startswith(expected)
        assert body["request_id"] == response.headers["X-Request-Id"]
        own = {"X-Request-Id": "pedido-7"}
        async with browser.get("/api/v1/sandbox/messages", headers=own) as response:
            assert (await response.json())["request_id"] == "pedido-7"


async def test_a_page_that_refuses_says_why_in_the_readers_language_and_escapes_it(tmp_path: Path):
    reason = "there is no template <b>7"

    async def refuses(_: aiohttp.web.Request) -> aiohttp.web.Response:
        raise aiohttp.web.HTTPUnprocessableEntity(text=reason)

    def add(app: aiohttp.web.Application, _: object) -> None:
        app.router.add_get("/status/refuses", refuses)

    async with open_web(tmp_path, areas=lambda *_: (add,)) as opened, opened.signed_in() as browser:
        async with browser.get("/status/refuses") as response:
            page = await response.text()
        assert response.status == 422
        assert "no existe la plantilla &lt;b&gt;7" in page
