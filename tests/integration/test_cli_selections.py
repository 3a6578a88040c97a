"""Queue commands name accounts by id or name; without a server, on a queue of their own."""

import json

import pytest

from console.cli.frame import run


@pytest.fixture
def account(tmp_path, monkeypatch, capfd):
    """The id of the account `Shop`."""
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    capfd.readouterr()
    assert run(["account", "add", "Shop", "--json"]) == 0
    return json.loads(capfd.readouterr().out)["id"]


def test_an_account_is_named_by_its_id_or_its_name(account, capfd):
    for name in (account, "Shop"):
        assert run(["queue", "list", "--account", name, "--json"]) == 0
        assert run(["queue", "hold", "--account", name]) == 0
    assert "0 deliveries held" in capfd.readouterr().out


@pytest.mark.parametrize("command", ["list", "why", "hold", "release", "retry", "cancel"])
def test_an_account_that_is_nobodys_is_an_error(account, capfd, command):
    assert run(["queue", command, "--account", "Shpo"]) == 1
    assert "there is no account 'Shpo'" in capfd.readouterr().err
