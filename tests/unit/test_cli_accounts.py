"""`relevo account|user|credential|domain`, down to a real store."""

import io
import json

import pytest

from console.cli.frame import run
from tests.cli_application import SmallApplication


@pytest.fixture
def relevo(tmp_path, monkeypatch, capsys):
    """Runs a command; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "relevo.toml").write_text('[server]\ntimezone = "America/Lima"\n')
    (tmp_path / "queue").mkdir()
    application = SmallApplication()

    def call(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(arguments, application)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _json(result):
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def test_an_account_is_added_and_listed_with_its_id_as_a_string(relevo):
    made = _json(relevo("account", "add", "Agencia", "--json"))
    assert isinstance(made["id"], str)
    assert made["name"] == "Agencia"
    assert _json(relevo("account", "list", "--json")) == [made]
    sub = _json(relevo("account", "add", "Curso", "--parent", "Agencia", "--training", "--json"))
    assert (sub["parent"], sub["kind"]) == (made["id"], "training")


def test_people_read_tables_with_local_times(relevo):
    relevo("account", "add", "Agencia")
    code, out, err = relevo("account", "list")
    assert (code, err) == (0, "")
    heading, row = out.splitlines()
    assert heading.split() == ["id", "name", "parent", "kind", "state", "created"]
    assert "Agencia" in row
    assert row.endswith("2027-01-15 03:00:00"), "08:00 UTC is 03:00 in Lima"


def test_a_credential_shows_its_secret_once(relevo):
    relevo("account", "add", "Agencia")
    made = _json(relevo("credential", "add", "--name", "ERP", "--json"))
    assert made["password"] == made["api_key"]
    assert made["password"].startswith(f"rk_{made['key_id']}_")
    assert made["username"] == f"erp-{made['key_id']}"
    (listed,) = _json(relevo("credential", "list", "--json"))
    assert made["password"] not in json.dumps(listed)
    code, out, _ = relevo("credential", "list")
    assert code == 0
    assert made["username"] in out
    assert made["password"] not in out


def test_a_new_credential_is_readable_for_people(relevo):
    account = _json(relevo("account", "add", "Agencia", "--json"))
    code, out, err = relevo("credential", "add", "--account", account["id"], "--name", "ERP")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "id",
        "username",
        "password",
        "api_key",
    ]
    assert "only now" in err


def test_every_limit_of_a_credential_can_be_given(relevo):
    relevo("account", "add", "Agencia")
    options = (
        *("--scopes", "mail.send, mail.urgent", "--sender-domain", "Example.org"),
        *("--allow-ip", "192.0.2.0/24", "--allow-ip", "2001:db8::1", "--class", "urgent"),
        *("--rate", "60", "--expires", "2030-01-01"),
    )
    made = _json(relevo("credential", "add", "--name", "OTP", *options, "--json"))
    assert made["scopes"] == ["mail.send", "mail.urgent"]
    assert made["sender_domains"] == ["example.org"]
    assert made["networks"] == ["192.0.2.0/24", "2001:db8::1/128"]
    assert made["class"] == "urgent"
    assert made["rate_per_minute"] == 60
    assert made["expires"] == "2030-01-01T05:00:00.000Z", "midnight in Lima"


@pytest.mark.parametrize(
    "options",
    [
        ("--scopes", "mail.everything"),
        ("--allow-ip", "192.0.2.1/24"),
        ("--class", "urgent"),
        ("--sender-domain", "a b"),
    ],
)
def test_limits_that_do_not_fit_are_refused_in_one_line(relevo, options):
    relevo("account", "add", "Agencia")
    code, out, err = relevo("credential", "add", "--name", "x", *options)
    assert (code, out) == (1, "")
    assert err.startswith("relevo: ")
    assert err.count("\n") == 1


def test_rotation_gives_a_new_secret_and_tells_when_the_old_one_ends(relevo):
    relevo("account", "add", "Agencia")
    old = _json(relevo("credential", "add", "--name", "ERP", "--json"))
    new = _json(relevo("credential", "rotate", old["username"], "--overlap", "2h", "--json"))
    assert new["replaces"] == old["id"]
    assert new["replaced_until"] == "2027-01-15T10:00:00.000Z"
    assert new["password"] != old["password"]
    listed = _json(relevo("credential", "list", "--json"))
    assert [c["status"] for c in listed] == ["replaced", "active"]
    assert listed[0]["replaced_by"] == new["id"]


def test_a_credential_is_revoked_by_any_of_its_names(relevo):
    relevo("account", "add", "Agencia")
    for key in ("id", "username", "key_id"):
        made = _json(relevo("credential", "add", "--name", "ERP", "--json"))
        assert relevo("credential", "revoke", made[key]) == (0, f"revoked {made['username']}\n", "")
    listed = _json(relevo("credential", "list", "--account", "Agencia", "--json"))
    assert {c["status"] for c in listed} == {"revoked"}


def test_a_user_gets_a_password_that_was_made_up_or_read_from_standard_input(relevo):
    relevo("account", "add", "Agencia")
    made = _json(relevo("user", "add", "ana@example.org", "--role", "owner", "--json"))
    assert len(made["password"]) >= 16
    options = ("--role", "viewer", "--password-stdin", "--json")
    given = _json(relevo("user", "add", "luz@example.org", *options, stdin="long enough\n"))
    assert "password" not in given
    code, _, err = relevo("user", "add", "eva@example.org", *options)
    assert code == 2
    assert "standard input" in err
    people = _json(relevo("user", "list", "--json"))
    assert [person["email"] for person in people] == ["ana@example.org", "luz@example.org"]
    code, out, _ = relevo("user", "list", "--account", "Agencia")
    assert "owner of Agencia" in out


def test_a_user_is_disabled_unlocked_and_reset(relevo):
    relevo("account", "add", "Agencia")
    relevo("user", "add", "ana@example.org", "--role", "owner")
    assert relevo("user", "disable", "ana@example.org") == (0, "disabled ana@example.org\n", "")
    assert _json(relevo("user", "list", "--json"))[0]["state"] == "disabled"
    assert relevo("user", "unlock", "ana@example.org")[0] == 0
    assert _json(relevo("user", "list", "--json"))[0]["state"] == "active"
    assert "password" in _json(relevo("user", "reset", "ana@example.org", "--json"))
    code, _, err = relevo("user", "disable", "eva@example.org")
    assert code == 1
    assert err.startswith("relevo: there is no user eva@example.org")


def test_domains_are_added_and_listed(relevo):
    account = _json(relevo("account", "add", "Agencia", "--json"))
    made = _json(relevo("domain", "add", "Example.org", "--account", account["id"], "--json"))
    assert (made["domain"], made["account"], made["shared"]) == ("example.org", account["id"], True)
    assert made["id"] == "example.org"
    private = _json(relevo("domain", "add", "a.example", "--private", "--json"))
    assert private["shared"] is False
    assert len(_json(relevo("domain", "list", "--json"))) == 2
    code, _, err = relevo("domain", "add", "example.org")
    assert code == 1
    assert "belongs to an account already" in err


def test_an_account_is_disabled_and_enabled(relevo):
    relevo("account", "add", "Agencia")
    assert relevo("account", "disable", "Agencia")[0] == 0
    assert _json(relevo("account", "list", "--json"))[0]["state"] == "disabled"
    assert relevo("account", "enable", "Agencia")[0] == 0
    assert _json(relevo("account", "list", "--json"))[0]["state"] == "active"
