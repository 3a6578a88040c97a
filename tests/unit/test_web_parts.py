"""Parts of the console by themselves: forms, proxies, files."""

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request

from console.pages.assets import Assets
from console.pages.forms import has_token, is_from_here, local_path
from console.web.forwarded import client_address, plain_address


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
    request = make_mocked_request("POST", "/")
    assert has_token(request, {"csrf": "abc"}, "abc")
    for form in ({}, {"csrf": ""}, {"csrf": "abd"}, {"csrf": "ñ"}, {"csrf": 1}):
        assert not has_token(request, form, "abc")


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
