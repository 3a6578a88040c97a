"""Parts of the console by themselves: sessions, forms, proxies, files."""

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request

from console.pages.assets import Assets
from console.pages.forms import has_token, is_from_here, local_path
from console.pages.sessions import ABSOLUTE_S, IDLE_S, MAX_SESSIONS, Sessions
from console.web.forwarded import client_address, plain_address
from mta.model.clock import ManualClock


def test_a_session_is_found_by_its_id_alone():
    sessions = Sessions(ManualClock())
    identifier = sessions.open(7, "ana@example.org")
    found = sessions.find(identifier)
    assert found is not None
    assert (found.user_id, found.email) == (7, "ana@example.org")
    assert sessions.find(identifier[:-1]) is None
    assert sessions.find("") is None


def test_ids_and_tokens_are_long_and_never_the_same():
    sessions = Sessions(ManualClock())
    identifiers = {sessions.open(1, "a@example.org") for _ in range(50)}
    tokens = {session.csrf_token for i in identifiers if (session := sessions.find(i))}
    assert len(identifiers) == len(tokens) == 50
    assert all(len(text) >= 43 for text in identifiers | tokens)  # 256 bits in base64url


def test_the_id_itself_is_not_kept():
    sessions = Sessions(ManualClock())
    identifier = sessions.open(1, "a@example.org")
    assert identifier not in repr(vars(sessions))


def test_a_session_ends_when_it_is_not_used():
    clock = ManualClock()
    sessions = Sessions(clock)
    identifier = sessions.open(1, "a@example.org")
    clock.advance(IDLE_S - 1)
    assert sessions.find(identifier) is not None
    clock.advance(IDLE_S - 1)
    assert sessions.find(identifier, is_use=False) is not None
    clock.advance(1)
    assert sessions.find(identifier) is None
    assert len(sessions) == 0


def test_a_session_ends_after_half_a_day_however_busy():
    clock = ManualClock()
    sessions = Sessions(clock)
    identifier = sessions.open(1, "a@example.org")
    for _ in range(round(ABSOLUTE_S / 600) - 1):
        clock.advance(600)
        assert sessions.find(identifier) is not None
    clock.advance(600)
    assert sessions.find(identifier) is None


def test_a_closed_session_is_gone():
    sessions = Sessions(ManualClock())
    identifier = sessions.open(1, "a@example.org")
    sessions.close(identifier)
    sessions.close(identifier)
    assert sessions.find(identifier) is None


def test_too_many_sessions_push_out_the_least_used():
    sessions = Sessions(ManualClock())
    first, second = sessions.open(1, "a@example.org"), sessions.open(2, "b@example.org")
    sessions.find(first)
    for _ in range(MAX_SESSIONS - 1):
        sessions.open(3, "c@example.org")
    assert len(sessions) == MAX_SESSIONS
    assert sessions.find(first) is not None
    assert sessions.find(second) is None


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, True),  # curl and old browsers: the token decides
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://console.example:8080"}, True),
        ({"Origin": "http://CONSOLE.example:8080"}, True),
        ({"Origin": "http://console.example"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://["}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://console.example:8080"}, False),
    ],
)
def test_browsers_say_where_a_form_comes_from(headers: dict[str, str], is_ours: bool):
    request = make_mocked_request(
        "POST", "/logout", headers={"Host": "console.example:8080", **headers}
    )
    assert is_from_here(request) is is_ours


def test_a_form_needs_the_very_token():
    assert has_token({"csrf": "abc"}, "abc")
    for form in ({}, {"csrf": ""}, {"csrf": "abd"}, {"csrf": "ñ"}, {"csrf": 1}):
        assert not has_token(form, "abc")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/sandbox?text=a", "/sandbox?text=a"),
        ("/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
def test_only_paths_of_our_own_are_gone_to(path: str, kept: str):
    assert local_path(path) == kept


PROXIES = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("peer", "fields", "client"),
    [
        ("192.0.2.1", ["203.0.113.5"], "192.0.2.1"),  # not from a proxy: anybody can write it
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
        ("127.0.0.1", ["203.0.113.5, 10.1.2.3"], "203.0.113.5"),
        ("127.0.0.1", ["203.0.113.5", "10.1.2.3"], "203.0.113.5"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["rubbish, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["::ffff:203.0.113.5"], "203.0.113.5"),
        ("", ["203.0.113.5"], ""),
    ],
)
def test_the_client_is_the_last_address_no_proxy_vouches_for(
    peer: str, fields: list[str], client: str
):
    assert client_address(peer, fields, PROXIES) == client


def test_an_address_is_read_in_all_its_forms():
    assert plain_address("fe80::1%eth0") == "fe80::1"
    assert plain_address("[fe80::1]") == "fe80::1"
    assert plain_address("unknown") == ""


def test_files_are_addressed_by_their_content():
    assets = Assets()
    assert assets.url("relevo.css").startswith("/static/relevo.")
    assert assets.url("relevo.css").endswith(".css")
    with pytest.raises(KeyError):
        assets.url("nothing.css")
