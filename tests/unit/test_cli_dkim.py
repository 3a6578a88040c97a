"""`relevo dkim`: keys made, records shown, and what the DNS publishes checked against a real DNS server."""

import asyncio
import json
import stat
import threading
from contextlib import contextmanager

import pytest

from console.cli.frame import run
from mta.dkim import KeyRing, sign
from mta.engine.control import ControlServer
from tests.cli_application import SmallApplication
from tests.dnsserver import DnsServer


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "queue").mkdir()
    path = tmp_path / "config" / "relevo.toml"
    path.write_text("")
    return path


@contextmanager
def _in_a_thread(start, stop):
    """Run an asyncio service on a loop of its own, as another process would."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _dns(records, settings):
    server = DnsServer(records)

    async def stop():
        await server.__aexit__(None, None, None)

    with _in_a_thread(server.__aenter__, stop):
        settings.write_text(f'[delivery]\nnameservers = ["{server.host_port}"]\n')
        yield server


def _new(capsys, *options):
    assert run(["dkim", "new", "Example.org", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_new_key_is_private_and_its_record_is_shown(settings, capsys, tmp_path):
    assert run(["dkim", "new", "example.org", "--selector", "s1", "--type", "ed25519"]) == 0
    captured = capsys.readouterr()
    path = tmp_path / "dkim_keys" / "example.org" / "s1.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert captured.out.startswith('s1._domainkey.example.org. 3600 IN TXT "v=DKIM1; k=ed25519; p=')
    assert captured.out.count("\n") == 1, "nothing but the zone-file line, to be piped on"
    assert str(path) in captured.err
    assert run(["dkim", "show", "example.org"]) == 0
    assert capsys.readouterr().out == captured.out


def test_show_as_json_tells_name_and_text_of_the_record(settings, capsys):
    made = _new(capsys, "--type", "ed25519")
    assert run(["dkim", "show", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["name"] == f"{made['selector']}._domainkey.example.org"
    assert shown["text"].startswith("v=DKIM1; k=ed25519; p=")
    assert shown["bits"] == 256


def test_a_key_is_never_replaced_and_a_missing_one_is_told(settings, capsys):
    _new(capsys, "--selector", "s1")
    assert run(["dkim", "new", "example.org", "--selector", "s1"]) == 1
    assert "s1.pem: exists" in capsys.readouterr().err
    assert run(["dkim", "show", "example.net"]) == 1
    assert "relevo dkim new DOMAIN" in capsys.readouterr().err


def test_a_key_that_waits_for_its_record_is_no_missing_one(settings, capsys, tmp_path):
    made = _new(capsys, "--selector", "s1")
    key = tmp_path / "dkim_keys" / "example.org" / "s1.pem"
    key.rename(key.with_suffix(".pem.new"))
    assert made["selector"] == "s1"
    assert run(["dkim", "show", "example.org"]) == 1
    assert "`relevo domain check example.org` shows it" in capsys.readouterr().err


def test_a_running_server_is_told_of_the_new_key(settings, capsys, tmp_path):
    told = []

    async def reload(arguments):
        told.append(arguments)
        return {}

    server = ControlServer(tmp_path / "queue" / "relevo.sock", {"dkim.reload": reload})
    with _in_a_thread(server.start, server.close):
        assert run(["dkim", "new", "example.org"]) == 0
    assert told == [{}]
    assert "The running server signs with it now." in capsys.readouterr().err


def test_published_keys_are_verified_and_missing_ones_told(settings, capsys):
    rsa = _new(capsys, "--selector", "r1")
    _new(capsys, "--selector", "e1", "--type", "ed25519")
    with _dns({rsa["name"]: {"TXT": [_quoted(rsa["text"])]}}, settings):
        assert run(["dkim", "check", "example.org", "--selector", "r1"]) == 0
        assert capsys.readouterr().out == "ok       r1._domainkey.example.org\n"
        assert run(["dkim", "check", "example.org"]) == 1
        out = capsys.readouterr().out
        assert "PROBLEM  e1._domainkey.example.org" in out
        assert "no TXT record" in out
        assert run(["dkim", "check", "--json"]) == 1
        results = {r["selector"]: r["ok"] for r in json.loads(capsys.readouterr().out)}
        assert results == {"r1": True, "e1": False}


def test_another_published_key_is_a_problem(settings, capsys):
    ours = _new(capsys, "--selector", "r1")
    other = _new(capsys, "--selector", "r2")
    with _dns({ours["name"]: {"TXT": [_quoted(other["text"])]}}, settings):
        assert run(["dkim", "check", "example.org", "--selector", "r1"]) == 1
        assert "another key" in capsys.readouterr().out


def test_the_signatures_of_a_mail_are_verified(settings, capsys, tmp_path):
    key = _new(capsys, "--selector", "r1")
    (signer,) = KeyRing.load(tmp_path / "dkim_keys").signers("example.org")
    mail = b"From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n"
    (tmp_path / "good.eml").write_bytes(sign(mail, [signer], 1_700_000_000) + mail)
    (tmp_path / "bad.eml").write_bytes(
        sign(mail, [signer], 1_700_000_000) + mail.replace(b"hello", b"changed")
    )
    (tmp_path / "none.eml").write_bytes(mail)
    with _dns({key["name"]: {"TXT": [_quoted(key["text"])]}}, settings):
        assert run(["dkim", "check", "--message", "good.eml"]) == 0
        assert run(["dkim", "check", "--message", "bad.eml"]) == 1
        assert run(["dkim", "check", "--message", "none.eml"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "ok       r1._domainkey.example.org"
    assert "no DKIM-Signature" in captured.err


def _quoted(text):
    return " ".join(f'"{text[i : i + 200]}"' for i in range(0, len(text), 200))


def test_a_key_for_a_domain_that_no_account_owns_comes_with_a_hint(settings, capsys):
    application = SmallApplication()
    assert (
        run(["dkim", "new", "example.org", "--selector", "s1", "--type", "ed25519"], application)
        == 0
    )
    assert "No account owns example.org yet: `relevo domain add" in capsys.readouterr().err
    assert run(["account", "add", "Shop"], application) == 0
    assert run(["domain", "add", "mail.example.org"], application) == 0
    assert (
        run(["dkim", "new", "example.org", "--selector", "s2", "--type", "ed25519"], application)
        == 0
    )
    assert "No account owns" not in capsys.readouterr().err
    assert (
        run(["dkim", "new", "ample.org", "--selector", "s1", "--type", "ed25519"], application) == 0
    )
    assert "No account owns ample.org" in capsys.readouterr().err
