"""`relevo queue` and `relevo trace`: what is asked, and how answers are shown."""

import json

import pytest

from console.cli.frame import run
from mta.model.errors import PermanentError
from tests.cli_application import SmallApplication

AT = 1_800_000_000_000
ROW = {
    "id": "1800000000000000001",
    "message": "1800000000000000000",
    "recipient": "ana@example.org",
    "state": "scheduled",
    "class": "transactional",
    "site": "google",
    "flow": "ERP",
    "account": "5",
    "attempts": 2,
    "due": AT,
    "last_reply": "451 4.7.1 \x1b[31mlater",
    "created": AT - 1000,
}


@pytest.fixture
def application(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "relevo.toml").write_text('[server]\ntimezone = "America/Lima"\n')
    return SmallApplication()


def test_the_list_is_a_table_without_escape_sequences(application, capsys):
    application.answers["queue.list"] = [ROW]
    assert run(["queue", "list", "--site", "google", "--state", "scheduled"], application) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.startswith("id ")
    assert "2027-01-15 03:00:00" in row
    assert row.endswith("451 4.7.1 \\x1b[31mlater")
    assert application.asked == [
        ("queue.list", {"site": "google", "state": "scheduled", "limit": 100})
    ]


def test_the_list_as_json_has_times_in_utc_and_ids_as_strings(application, capsys):
    application.answers["queue.list"] = [{**ROW, "message": 1_800_000_000_000_000_000, "due": 0}]
    assert run(["queue", "list", "--json"], application) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["message"] == "1800000000000000000"
    assert row["created"] == "2027-01-15T07:59:59.000Z"
    assert row["due"] is None
    assert row["attempts"] == 2


def test_the_list_marks_what_is_held(application, capsys):
    held = {**ROW, "held": True, "held_reason": "site google: blocked"}
    application.answers["queue.list"] = [
        ROW,
        held,
        {**held, "state": "ready", "due": 0},
        {**held, "due": 0, "held_reason": "queue hold"},
    ]
    assert run(["queue", "list"], application) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    where = heading.index("state")
    states = [row[where : where + 16].rstrip() for row in rows]
    assert states == ["scheduled", "held (scheduled)", "held (ready)", "held"]
    assert ["site google: blocked" in row for row in rows] == [False, True, True, False]
    assert run(["queue", "list", "--json"], application) == 0
    assert json.loads(capsys.readouterr().out)[3]["state"] == "scheduled"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        ({"changed": 3, "sites": ["google"]}, "site google is held (3 deliveries wait now)\n"),
        ({"changed": 0, "sites": ["a", "b"]}, "sites a, b are held (0 deliveries wait now)\n"),
        ({"changed": 1, "sites": ["a"]}, "site a is held (1 delivery waits now)\n"),
    ],
)
def test_a_site_on_hold_is_told_however_much_mail_waits(application, capsys, result, line):
    application.answers["queue.hold"] = result
    assert run(["queue", "hold", "--site", "google"], application) == 0
    assert capsys.readouterr().out == line


def test_a_list_that_was_cut_says_so(application, capsys):
    application.answers["queue.list"] = [ROW]
    assert run(["queue", "list", "--limit", "1"], application) == 0
    assert "--limit" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["hold", "release", "retry", "cancel"])
def test_changes_act_on_what_was_selected(application, capsys, command):
    application.answers[f"queue.{command}"] = {"changed": 3}
    for selection, asked in (
        (["17"], {"id": "17"}),
        (["--id", "17"], {"id": "17"}),
        (["--site", "google", "--account", "5"], {"site": "google", "account": "5"}),
        (["--campaign", "Navidad"], {"campaign": "Navidad"}),
        (["--source", "192.0.2.1"], {"source": "192.0.2.1"}),
        (["--all"], {"all": True}),
    ):
        assert run(["queue", command, *selection], application) == 0
        assert application.asked[-1] == (f"queue.{command}", asked)
    assert capsys.readouterr().out.splitlines()[0].startswith("3 deliveries ")


def test_a_hold_can_carry_its_reason(application):
    application.answers["queue.hold"] = {"changed": 3}
    assert run(["queue", "hold", "--site", "google", "--reason", "maintenance"], application) == 0
    assert application.asked == [("queue.hold", {"site": "google", "reason": "maintenance"})]
    assert run(["queue", "hold", "--reason", "x"], application) == 2, "a reason selects nothing"


@pytest.mark.parametrize("command", ["hold", "release", "retry", "cancel"])
@pytest.mark.parametrize("selection", [[], ["--all", "--site", "x"], ["17", "--id", "18"]])
def test_nothing_changes_without_a_clear_selection(application, command, selection):
    assert run(["queue", command, *selection], application) == 2
    assert application.asked == []


def test_one_delivery_is_told_in_the_singular_and_json_is_the_result(application, capsys):
    application.answers["queue.cancel"] = {"changed": 1}
    assert run(["queue", "cancel", "17"], application) == 0
    assert run(["queue", "cancel", "17", "--json"], application) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 delivery cancelled\n")
    assert json.loads(out.partition("\n")[2]) == {"changed": 1}


HISTORY = [
    {
        "id": "1",
        "at": AT,
        "type": "message.deferred",
        "message": "17",
        "delivery": "18",
        "data": {"reply": "451 later", "due_ms": AT + 1000},
    }
]


def test_a_message_is_shown_with_deliveries_and_history(application, capsys):
    application.answers["queue.show"] = {
        "message": {"id": "17", "sender": "app@example.org", "accepted": AT, "tags": []},
        "deliveries": [ROW],
        "history": HISTORY,
    }
    assert run(["queue", "show", "17"], application) == 0
    out = capsys.readouterr().out
    assert "sender    app@example.org\naccepted  2027-01-15 03:00:00\n" in out
    assert "tags" not in out
    assert "\ndeliveries:\nid " in out
    assert "2027-01-15 03:00:00  message.deferred  18" in out
    assert out.endswith("reply 451 later, due 2027-01-15 03:00:01\n")
    assert run(["queue", "show"], application) == 2
    assert run(["queue", "show", "--id", "17", "--json"], application) == 0
    assert application.asked[-1] == ("queue.show", {"id": "17"})


def test_why_explains_first_and_shows_the_rest(application, capsys):
    application.answers["queue.why"] = {
        "id": "17",
        "recipient": "ana@example.org",
        "state": "scheduled",
        "due": AT,
        "held_by": [{"what": "back-off", "detail": "1 message a minute", "until": AT}],
        "last_reply": "",
        "explanation": "google asked us to slow down until 2027-01-15T08:00:00.000Z",
    }
    assert run(["queue", "why", "17"], application) == 0
    out = capsys.readouterr().out
    assert out.startswith("google asked us to slow down until 2027-01-15 03:00:00\n")
    assert "held by:" in out
    assert "1 message a minute" in out
    assert "last reply  -" in out
    application.answers["queue.why"] = [application.answers["queue.why"]] * 2
    assert run(["queue", "why", "--site", "google"], application) == 0
    assert capsys.readouterr().out.count("google asked us to slow down") == 2


def test_top_shows_the_present_moment_once_without_a_terminal(application, capsys):
    application.answers["queue.top"] = [
        {"site": "google", "ready": 5, "connections": 2, "limit": 20, "rate": "20/s", "wait": ""}
    ]
    assert run(["queue", "top"], application) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["site", "ready"]
    assert "20/s" in row
    assert run(["queue", "top", "--json"], application) == 0
    assert json.loads(capsys.readouterr().out)[0]["rate"] == "20/s"


def test_top_repeats_on_a_terminal_until_it_is_interrupted(application, capsys, monkeypatch):
    application.answers["queue.top"] = [{"site": "google", "ready": 5}]
    turns = iter([None, None])

    def tick(_: float) -> None:
        if next(turns, "end") == "end":
            raise KeyboardInterrupt

    monkeypatch.setattr("console.cli.mailqueue.time.sleep", tick)
    monkeypatch.setattr("console.cli.mailqueue.sys.stdout.isatty", lambda: True, raising=False)
    assert run(["queue", "top"], application) == 0
    assert capsys.readouterr().out.count("google") == 3


def test_top_fails_when_no_server_runs(application, capsys):
    application.answers["queue.top"] = PermanentError("queue top needs a running server")
    assert run(["queue", "top"], application) == 1
    assert capsys.readouterr().err == "relevo: queue top needs a running server\n"


def test_trace_tells_everything_about_one_address(application, capsys):
    answer = {"address": "ana@example.org", "deliveries": [ROW], "history": HISTORY}
    application.answers["trace"] = answer
    assert run(["trace", "ana@example.org"], application) == 0
    out = capsys.readouterr().out
    assert "message.deferred" in out
    assert "scheduled" in out
    assert application.asked == [("trace", {"address": "ana@example.org"})]
    application.answers["trace"] = {**answer, "deliveries": [], "history": []}
    assert run(["trace", "eva@example.org"], application) == 0
    assert "nothing is known" in capsys.readouterr().out
    assert run(["trace", "eva@example.org", "--json"], application) == 0
    assert json.loads(capsys.readouterr().out)["deliveries"] == []
