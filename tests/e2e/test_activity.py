"""The message log of a real server: found, told, sent again, cancelled, by hand."""

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import until
from tests.e2e.server import RelevoServer, serving

OK, GREY = f"ok@{SANDBOX_DOMAIN}", f"full@{SANDBOX_DOMAIN}"


class Browser:
    """A person's browser without a screen."""

    def __init__(self, server: RelevoServer) -> None:
        self.base = f"http://127.0.0.1:{server.console_port}"
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        self.page = ""

    def get(self, path: str) -> str:
        with self.opener.open(self.base + path, timeout=30) as response:
            self.page = response.read().decode()
            self.path = urllib.parse.urlsplit(response.url).path
        return self.page

    def post(self, path: str, **form: str) -> str:
        token = re.search(r'name="csrf" value="([^"]+)"', self.page)
        data = urllib.parse.urlencode({"csrf": token[1], **form}).encode()
        request = urllib.request.Request(self.base + path, data, {"Origin": self.base})
        with self.opener.open(request, timeout=30) as response:
            self.page = response.read().decode()
            self.path = urllib.parse.urlsplit(response.url).path
        return self.page


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    with serving(ground, "activity") as made:
        yield made


@pytest.fixture(scope="module")
def browser(server) -> Browser:
    (account,) = server.cli("account", "list")
    person = server.cli(
        "user", "add", "ana@example.org", "--role", "owner", "--account", account["id"]
    )
    made = Browser(server)
    made.get("/login")
    made.post("/login", email="ana@example.org", password=str(person["password"]), next="/")
    return made


def sent(api: ApiClient, state: str, **request: object) -> str:
    """A message that got there; the id of its delivery."""
    item = api.send(**request).json["items"][0]["id"]

    def is_there() -> bool:
        shown = api.ask("GET", f"/api/v1/messages/{item}").json
        return shown["deliveries"][0]["status"] == state

    until(is_there, f"{item} is {state}")
    return item


def test_the_log_is_made_into_a_table_in_the_background(server, browser):
    api = ApiClient(server)
    sent(api, "delivered", to=[{"email": OK}], subject="Tabla ñ", text="x", tags=["tabla"])
    browser.get("/activity")
    browser.post("/activity/export.csv?tag=tabla")
    assert browser.path == "/exports"

    def made() -> list[str]:
        return re.findall(r"/exports/\d+/file", browser.get("/exports"))

    until(lambda: bool(made()), "the table is made")
    heading, row = browser.get(made()[0]).splitlines()
    assert heading.lstrip("\ufeff").startswith("Recibido,Destinatario,Remitente,Asunto,Etiqueta")
    assert f"{OK}," in row
    assert ",Tabla ñ,tabla,Transaccional,Entregado," in row


def listed(browser: Browser, **query: str) -> list[str]:
    page = browser.get("/activity?" + urllib.parse.urlencode(query))
    return re.findall(r'href="/activity/(\d+)"', page)


def test_mail_is_found_by_everything_that_is_known_of_it(server, browser):
    api = ApiClient(server)
    first = sent(
        api, "delivered", to=[{"email": OK}], subject="Boleta ñ 7", text="x", tags=["caja"]
    )
    second = sent(api, "delivered", to=[{"email": OK}], subject="Otra cosa", text="x")
    today = datetime.now(UTC) - timedelta(hours=5)
    day, before = today.date().isoformat(), (today - timedelta(days=2)).date().isoformat()
    for query, expected in (
        ({}, [second, first]),
        ({"recipient": OK.upper()}, [second, first]),
        ({"recipient": "nadie@x.org"}, []),
        ({"subject": "otra"}, [second]),
        ({"tag": "caja"}, [first]),
        ({"state": "bounced"}, []),
        ({"state": "delivered", "class": "transactional"}, [second, first]),
        ({"sender": "nobody"}, []),
        ({"since": before, "until": before}, []),
        ({"since": day, "until": day}, [second, first]),
        ({"since": "never", "key": "x", "before": "y"}, [second, first]),
    ):
        assert [i for i in listed(browser, **query) if i in (first, second)] == expected, query
    assert "Boleta ñ 7" in browser.get("/activity")
    page = browser.get(f"/activity/{first}")
    assert "Entregado al servidor del destinatario" in page
    assert f"RCPT TO:&lt;{OK}&gt;" in page
    with pytest.raises(urllib.error.HTTPError, match="404"):
        browser.get("/activity/12345")


def test_mail_of_a_test_key_says_so_and_offers_no_refund(server, browser):
    key = server.cli(
        "credential", "add", "--account", server.account, "--name", "t",
        "--scopes", "mail.send,mail.test,mail.view",
    )["api_key"]  # fmt: skip
    item = sent(ApiClient(server, key), "delivered", to=[{"email": "a@gmail.com"}], text="x")
    page = browser.get(f"/activity/{item}")
    assert "no se descontó de la bolsa" in page
    assert "/refunds/new" not in page
    assert "tampoco se descuenta" in page
    paid = sent(ApiClient(server), "delivered", to=[{"email": OK}], text="x")
    page = browser.get(f"/activity/{paid}")
    assert "tampoco" not in page
    assert "/refunds/new" in page


def test_mail_is_sent_again_as_a_new_mail(server, browser, sandbox):
    item = sent(ApiClient(server), "delivered", to=[{"email": OK}], subject="Otra vez", text="x")
    browser.get(f"/activity/{item}")
    page = browser.post(f"/activity/{item}/resend")
    assert "Se envió de nuevo" in page
    assert browser.path != f"/activity/{item}"
    until(
        lambda: len([m for m in sandbox.messages(OK) if m.subject == "Otra vez"]) == 2,
        "both arrived",
    )
    ids = {m.header("Message-ID") for m in sandbox.messages(OK) if m.subject == "Otra vez"}
    assert len(ids) == 2


def test_a_personalised_mail_is_sent_again_as_its_reader_got_it(server, browser, sandbox):
    api = ApiClient(server)
    item = sent(
        api, "delivered", recipients=[{"email": OK, "merge": {"n": "Ana"}}],
        subject="Para {{ n }} otra vez", text="Hola {{ n }}",
    )  # fmt: skip
    browser.get(f"/activity/{item}")
    browser.post(f"/activity/{item}/resend")
    until(
        lambda: len([m for m in sandbox.messages(OK) if m.subject == "Para Ana otra vez"]) == 2,
        "both arrived",
    )


def test_mail_that_waits_is_cancelled(server, browser):
    item = sent(ApiClient(server), "deferred", to=[{"email": GREY}], subject="Lleno", text="x")
    page = browser.get(f"/activity/{item}")
    assert "En espera de reintento" in page
    assert "Próximo intento" in page
    assert "Aplazado" in page
    assert "452 4.2.2" in page
    assert "El envío se canceló." in browser.post(f"/activity/{item}/cancel")
    assert "Ya no se podía cancelar" in browser.post(f"/activity/{item}/cancel")
