"""`relevo audit`, `account rename|set|close`, `user role|remove`, down to a real store."""

import csv
import json

import pytest

from console.cli.frame import run
from tests.cli_application import SmallApplication


@pytest.fixture
def relevo(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "relevo.toml").write_text('[server]\ntimezone = "America/Lima"\n')
    (tmp_path / "queue").mkdir()
    application = SmallApplication()

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments, application)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _json(result):
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def test_an_account_is_renamed_set_and_closed(relevo):
    account = _json(relevo("account", "add", "Agencia", "--json"))
    assert _json(relevo("account", "rename", "Agencia", "Central", "--json"))["id"] == account["id"]
    changed = _json(relevo("account", "set", "Central", "--language", "en", "--approval", "--json"))
    assert (changed["language"], changed["needs_approval"]) == ("en", True)
    assert _json(relevo("account", "show", "Central", "--json")) == changed
    assert relevo("account", "set", "Central")[0] == 2
    assert relevo("account", "set", "Central", "--timezone", "Lima/Peru")[0] == 1
    assert relevo("account", "close", "Central", "--yes") == (0, "closed Central\n", "")
    assert _json(relevo("account", "show", "Central", "--json"))["state"] == "closed"
    code, _, err = relevo("account", "enable", "Central")
    assert (code, "closed for good" in err) == (1, True)


def test_a_role_is_changed_and_taken_away_but_not_from_the_last_owner(relevo):
    relevo("account", "add", "Agencia")
    for email in ("ana@example.org", "bea@example.org"):
        assert relevo("user", "add", email, "--role", "owner")[0] == 0
    person = _json(relevo("user", "role", "bea@example.org", "--role", "viewer", "--json"))
    assert person["memberships"][0]["role"] == "viewer"
    code, _, err = relevo("user", "role", "ana@example.org", "--role", "viewer")
    assert (code, "without an owner" in err) == (1, True)
    code, _, err = relevo("user", "remove", "ana@example.org")
    assert (code, "without an owner" in err) == (1, True)
    assert relevo("user", "remove", "bea@example.org") == (0, "removed bea@example.org\n", "")
    people = _json(relevo("user", "list", "--json"))
    assert [len(person["memberships"]) for person in people] == [1, 0]
    assert relevo("user", "remove", "bea@example.org")[0] == 1


def test_the_trail_is_listed_filtered_and_exported(relevo, tmp_path):
    relevo("account", "add", "Agencia")
    relevo("account", "rename", "Agencia", "Central")
    relevo("user", "add", "ana@example.org", "--role", "owner")
    entries = _json(relevo("audit", "list", "--json"))
    assert [entry["action"] for entry in entries] == [
        "user.created",
        "account.renamed",
        "account.created",
    ]
    assert entries[1]["before"] == {"name": "Agencia"}
    assert entries[1]["after"] == {"name": "Central"}
    (only,) = _json(relevo("audit", "list", "--action", "user", "--json"))
    assert (only["object"], only["actor_kind"]) == ("ana@example.org", "command")
    assert len(_json(relevo("audit", "list", "--limit", "2", "--json"))) == 2
    code, out, _ = relevo("audit", "list")
    assert code == 0
    assert "name: Agencia → Central" in out
    file = tmp_path / "audit.csv"
    assert relevo("audit", "export", str(file))[0] == 0
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [row["action"] for row in rows] == [entry["action"] for entry in entries]
    assert relevo("audit", "list", "--since", "yesterday-ish")[0] == 2


def test_the_trail_never_holds_a_password(relevo):
    relevo("account", "add", "Agencia")
    made = _json(relevo("user", "add", "ana@example.org", "--role", "owner", "--json"))
    secret = _json(relevo("credential", "add", "--name", "ERP", "--json"))["password"]
    again = _json(relevo("user", "reset", "ana@example.org", "--json"))["password"]
    text = json.dumps(_json(relevo("audit", "list", "--json")))
    for hidden in (made["password"], secret, again):
        assert hidden not in text
