"""How commands begin and end: help, exit codes, errors, the settings file."""

import importlib.metadata
import json
from pathlib import Path

import click
import pytest

from console.cli.frame import relevo as group
from console.cli.frame import run
from mta.model.errors import ConfigurationError, InternalError, TransientError
from tests.cli_application import SmallApplication


def _commands(command=group, path=()):
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _commands(inner, (*path, name))
    else:
        yield path, command


@pytest.fixture
def application():
    return SmallApplication()


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RELEVO_CONFIG", raising=False)
    path = tmp_path / "config" / "relevo.toml"
    path.parent.mkdir()
    path.write_text("")
    return path


@pytest.mark.parametrize(("path", "command"), list(_commands()), ids=lambda value: str(value))
def test_every_command_takes_config_and_help(path, command, capsys):
    assert "config" in {parameter.name for parameter in command.params}
    assert run([*path, "--help"]) == 0
    assert "--config" in capsys.readouterr().out


@pytest.mark.parametrize(("path", "command"), list(_commands()), ids=lambda value: str(value))
def test_commands_that_list_show_or_add_take_json(path, command):
    if path[-1] in ("list", "show", "add", "new", "check", "rotate", "why", "top", "trace"):
        assert "as_json" in {parameter.name for parameter in command.params}


def test_wrong_usage_is_one_line_and_exit_code_2(capsys):
    assert run(["queue", "list", "--no-such"]) == 2
    assert run(["no-such-command"]) == 2
    assert run(["account", "add"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("relevo: ") for line in lines)
    assert lines[0].endswith("(see `relevo queue list --help`)")


def test_without_arguments_the_commands_are_shown(capsys):
    assert run([]) == 2
    assert "credential" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TransientError("the disk is full"), "relevo: the disk is full\n"),
        (ConfigurationError("a: 1\nb: 2"), "relevo: a: 1\nrelevo: b: 2\n"),
        (FileNotFoundError(2, "No such file or directory", "x.pem"), "relevo: x.pem: No such file"),
        (InternalError("\x1b[31mred"), "relevo: \\x1b[31mred\n"),
        (ZeroDivisionError("oops"), "relevo: internal error: ZeroDivisionError: oops"),
        (ExceptionGroup("tasks", [ConfigurationError("port 1: taken")]), "relevo: port 1: taken\n"),
    ],
)
def test_a_failure_is_told_in_a_line_without_a_trace(settings, application, capsys, error, line):
    application.answers["account.list"] = error
    assert run(["account", "list"], application) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert "Traceback" not in captured.err


def test_debugging_shows_the_trace(settings, application, monkeypatch):
    monkeypatch.setenv("RELEVO_DEBUG", "1")
    application.answers["account.list"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        run(["account", "list"], application)


def test_an_interrupt_ends_with_130(settings, application, capsys):
    application.answers["account.list"] = KeyboardInterrupt()
    assert run(["account", "list"], application) == 130
    assert capsys.readouterr().err.strip() == "relevo: interrupted"


def test_the_settings_file_comes_from_the_option_the_environment_or_its_usual_place(
    settings, application, monkeypatch
):
    run(["serve"], application)
    monkeypatch.setenv("RELEVO_CONFIG", "/etc/relevo/relevo.toml")
    run(["serve"], application)
    run(["serve", "--config", "other.toml"], application)
    assert application.calls == [
        ("serve", Path("config/relevo.toml")),
        ("serve", Path("/etc/relevo/relevo.toml")),
        ("serve", Path("other.toml")),
    ]


def test_problems_of_the_settings_are_told_line_by_line(settings, application, capsys):
    settings.write_text('[submission]\nlisten = "abc"\n[nonsense]\nx = 1\n')
    assert run(["check"], application) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("relevo: config/relevo.toml: ") for line in lines)


def test_check_shows_every_value_with_its_origin(settings, application, capsys, monkeypatch):
    settings.write_text('[server]\nhostname = "mail.example.net"\n')
    monkeypatch.setenv("RELEVO_SUBMISSION__MAX_RECIPIENTS", "7")
    assert run(["check"], application) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["server.hostname", '"mail.example.net"', "config/relevo.toml"] in rows
    assert ["submission.max_recipients", "7", "RELEVO_SUBMISSION__MAX_RECIPIENTS"] in rows
    assert ["submission.max_connections", "10000", "default"] in rows


def test_check_is_loud_about_dangers(settings, application, capsys):
    settings.write_text(
        '[submission]\nlisten = ["0.0.0.0:587"]\nrequire_auth = false\ntrusted_account = "x"\n'
    )
    assert run(["check"], application) == 0
    assert "DANGER: submission.require_auth: OPEN RELAY" in capsys.readouterr().out
    assert run(["check", "--json"], application) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["findings"][0]["severity"] == "danger"


def test_check_fails_on_errors(settings, application, capsys):
    application.findings = [{"severity": "error", "key": "", "text": "no MX", "remedy": "Add it."}]
    assert run(["check", "--dns"], application) == 1
    assert "ERROR: no MX Add it." in capsys.readouterr().out


def test_init_says_what_to_do_next(tmp_path, application, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--dir", "here"], application) == 0
    out = capsys.readouterr().out
    assert "made here/config/relevo.toml" in out
    assert "relevo check --config here/config/relevo.toml" in out
    assert run(["init"], application) == 0
    assert "--config" not in capsys.readouterr().out
    assert run(["init", "--config", "there/config/relevo.toml"], application) == 0
    assert run(["init", "--config", "elsewhere.toml"], application) == 2
    assert [path for _, path in application.calls] == [Path("here"), Path(), tmp_path / "there"]


def test_version_is_that_of_the_distribution(capsys):
    number = importlib.metadata.version("relevo")
    assert run(["version"]) == 0
    assert capsys.readouterr().out == f"relevo {number}\n"
    assert run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": number}


def test_version_is_an_option_too(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"relevo {importlib.metadata.version('relevo')}\n"


def test_choices_of_a_missing_option_are_in_one_line(capsys):
    assert run(["user", "add", "ana@example.org"]) == 2
    complaint = capsys.readouterr().err
    assert "Missing option '--role'. Choose from: " in complaint
    assert "\\t" not in complaint
    assert complaint.count("\n") == 1


def test_without_a_settings_file_the_defaults_hold_but_a_named_one_must_exist(
    tmp_path, application, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RELEVO_CONFIG", raising=False)
    application.answers["account.list"] = []
    assert run(["account", "list"], application) == 0
    assert run(["account", "list", "--config", "no.toml"], application) == 1
    monkeypatch.setenv("RELEVO_CONFIG", "config/relevo.toml")
    assert run(["account", "list"], application) == 1
    assert capsys.readouterr().err.count("no such file") == 2
