"""`relevo webhook …` on a data directory of its own, without a server."""

import json

import pytest

from console.cli.frame import run


@pytest.fixture
def relevo(tmp_path, monkeypatch, capfd):
    """Runs a command that has to succeed; gives its JSON."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "relevo.toml").write_text('[server]\nhostname = "mail.example.org"\n')

    def call(*arguments: str):
        code = run([*arguments, "--json"])
        captured = capfd.readouterr()
        assert code == 0, captured.err
        return json.loads(captured.out)

    run(["account", "add", "Ministerio"])
    capfd.readouterr()
    return call


def test_a_webhook_is_added_changed_rotated_and_listed(relevo):
    made = relevo("webhook", "add", "https://app.example.org/x", "--type", "message.bounced")
    assert made["secret"].startswith("whsec_")
    assert made["state"] == "active"
    changed = relevo("webhook", "change", made["id"], "--all-types", "--description", "ERP")
    assert (changed["types"], changed["description"]) == ([], "ERP")
    assert relevo("webhook", "rotate", made["id"])["secret"] != made["secret"]
    (listed,) = relevo("webhook", "list")
    assert listed == changed
    assert relevo("webhook", "log", made["id"]) == []


def test_a_private_address_is_refused_with_a_reason(relevo, capfd):
    assert run(["webhook", "add", "https://127.0.0.1/x"]) == 1
    assert "127.0.0.1 is not a public address" in capfd.readouterr().err


def test_a_removed_one_is_gone(relevo, capfd):
    made = relevo("webhook", "add", "https://app.example.org/x")
    assert run(["webhook", "remove", made["id"]]) == 0
    capfd.readouterr()
    assert relevo("webhook", "list") == []
