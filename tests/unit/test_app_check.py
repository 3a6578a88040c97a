"""`relevo check`: what the server would not start with is an error, and texts are sentences."""

import json

import pytest

from console.cli.frame import run
from tests.dnsserver import DnsServer


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "relevo.toml"
    path.write_text('[server]\nhostname = "mta.example.com"\n')
    return path


def _errors(capsys):
    assert run(["check", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    return [f for f in findings if f["severity"] == "error"]


def test_a_key_that_others_can_read_is_an_error(config, tmp_path, capsys):
    assert run(["check"]) == 0
    assert run(["dkim", "new", "example.com", "--selector", "s1", "--type", "ed25519"]) == 0
    key = tmp_path / "dkim_keys" / "example.com" / "s1.pem"
    key.chmod(0o644)
    capsys.readouterr()
    (error,) = _errors(capsys)
    assert error["key"] == "server.dkim_dir"
    assert "s1.pem: mode 0644 lets others read" in error["text"]
    key.chmod(0o600)
    assert run(["check"]) == 0


def test_a_store_that_this_release_does_not_have_is_an_error(config, capsys):
    config.write_text('[server]\nstore = "postgresql://u:p@db/relevo"\n')
    (error,) = _errors(capsys)
    assert error["key"] == "server.store"


async def test_findings_of_the_dns_are_sentences(tmp_path):
    from console.app.readiness import dns_findings
    from mta.dkim import KeyType, generate_key
    from mta.settings import load_settings

    async with DnsServer({}) as dns:
        path = tmp_path / "relevo.toml"
        path.write_text(
            f'[server]\nhostname = "mta.example.com"\ndkim_dir = "{tmp_path}/keys"\n'
            f'[delivery]\nnameservers = ["{dns.host_port}"]\n'
        )
        settings = load_settings(path, {}).settings
        import datetime as dt

        generate_key(
            settings.server.dkim_dir, "example.com", today=dt.date(2026, 11, 1), selector="s1",
            key_type=KeyType.ED25519,
        )  # fmt: skip
        found = await dns_findings(settings)
    assert len(found) == 2
    for finding in found:
        assert finding["text"].endswith(".")
        assert finding["remedy"].endswith(".")
        assert "\n" not in finding["text"]


async def test_the_return_path_domain_needs_mx_and_spf(tmp_path):
    from console.app.readiness import dns_findings
    from mta.settings import load_settings

    records = {
        "mta.example.com": {"A": "192.0.2.1"},
        "1.2.0.192.in-addr.arpa": {"PTR": "mta.example.com."},
    }
    both = {
        "b.example.com": {"MX": ["10 mta.example.com."], "TXT": ['"v=spf1 a:mta.example.com -all"']}
    }
    for published, expected in (({}, ["no MX record", "no SPF record"]), (both, [])):
        async with DnsServer({**records, **published}) as dns:
            path = tmp_path / "relevo.toml"
            path.write_text(
                f'[server]\nhostname = "mta.example.com"\ndkim_dir = "{tmp_path}/keys"\n'
                f'[delivery]\nnameservers = ["{dns.host_port}"]\n'
                '[inbound]\nlisten = ["0.0.0.0:25"]\nreturn_path_domain = "b.example.com"\n'
            )
            found = await dns_findings(load_settings(path, {}).settings)
        assert len(found) == len(expected), found
        for finding, text in zip(found, expected, strict=True):
            assert text in finding["text"]
            assert finding["remedy"].startswith("Publish: b.example.com. ")


def test_a_machine_that_cannot_draw_pdfs_is_told_what_to_install():
    from console.app.readiness import drawing_findings

    assert drawing_findings() == []
    (note,) = drawing_findings("libnothing-of-this-name.so.7")
    assert note["severity"] == "note"
    assert "libpangoft2" in note["remedy"]
