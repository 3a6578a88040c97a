"""Loading settings: defaults, file, environment, origins, relative paths."""

import ipaddress
from pathlib import Path

import pytest

from mta.model.errors import ConfigurationError
from mta.settings import HostPort, Loaded, Settings, describe, load_settings


def load(tmp_path: Path, text: str, **environ: str) -> Loaded:
    path = tmp_path / "relevo.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, **environ)
    return str(caught.value).replace(str(tmp_path) + "/", "").splitlines()


def test_everything_has_a_default():
    settings = load_settings(None, {}).settings
    assert settings.submission.listen == (HostPort("0.0.0.0", 587),)
    assert settings.submission.max_message_bytes == 26214400
    assert settings.queue.retry == (300, 900, 1800, 3600, 7200, 14400)
    assert settings.queue.retry_urgent == (30, 60, 120, 240)
    assert settings.queue.expire.urgent == 900
    assert settings.queue.expire.relay == 5 * 86400
    assert settings.delivery.timeouts.dot == 600
    assert settings.delivery.smarthost is None
    assert settings.delivery.sources == ()
    assert settings.console.listen == HostPort("127.0.0.1", 8080)
    assert settings.public.listen is None
    assert settings.log.format == "auto"


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Settings().server.language = "en"


def test_the_file_is_read_with_its_nesting(tmp_path):
    settings = load(
        tmp_path,
        """
        [queue]
        expire.urgent = "10m"
        retry = [60, "2m"]
        [delivery]
        timeouts.connect = "250ms"
        nameservers = ["127.0.0.1:5353", "::1"]
        [[delivery.routes]]
        domain = "Intranet.Example"
        to = "[2001:db8::5]:25"
        [[delivery.sources]]
        address = "192.0.2.7"
        [[delivery.sources]]
        address = "192.0.2.8"
        ehlo = "m8.example.org"
        pool = "bulk"
        """,
    ).settings
    assert settings.queue.expire.urgent == 600
    assert settings.queue.expire.campaign == 86400
    assert settings.queue.retry == (60, 120)
    assert settings.delivery.timeouts.connect == 0.25
    assert settings.delivery.timeouts.dot == 600
    assert settings.delivery.nameservers == (HostPort("127.0.0.1", 5353), HostPort("::1", 53))
    (route,) = settings.delivery.routes
    assert (route.domain, route.to) == ("intranet.example", HostPort("2001:db8::5", 25))
    first, second = settings.delivery.sources
    assert (first.address, first.ehlo, first.pool) == ("192.0.2.7", None, "default")
    assert (second.ehlo, second.pool) == ("m8.example.org", "bulk")


def test_the_environment_wins_over_the_file_and_origins_tell(tmp_path):
    loaded = load(
        tmp_path,
        '[submission]\nmax_recipients = 5\nlisten = ["127.0.0.1:25"]\n',
        RELEVO_SUBMISSION__MAX_RECIPIENTS="7",
        RELEVO_QUEUE__EXPIRE__URGENT="90",
        RELEVO_CONFIG="not a setting",
        PATH="/bin",
    )
    assert loaded.settings.submission.max_recipients == 7
    assert loaded.settings.queue.expire.urgent == 90
    assert loaded.origins["submission.max_recipients"] == "RELEVO_SUBMISSION__MAX_RECIPIENTS"
    assert loaded.origins["submission.listen"] == str(tmp_path / "relevo.toml")
    assert loaded.origins["queue.expire.urgent"] == "RELEVO_QUEUE__EXPIRE__URGENT"
    assert loaded.origins["queue.expire.relay"] == "default"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        (
            "SUBMISSION__LISTEN",
            "127.0.0.1:1, [::1]:2",
            (HostPort("127.0.0.1", 1), HostPort("::1", 2)),
        ),
        (
            "SUBMISSION__LISTEN",
            "[::1]:2,127.0.0.1:1",
            (HostPort("::1", 2), HostPort("127.0.0.1", 1)),
        ),
        ("SUBMISSION__LISTEN", '["127.0.0.1:0"]', (HostPort("127.0.0.1", 0),)),
        ("SUBMISSION__LISTEN", "", ()),
        ("SUBMISSION__REQUIRE_AUTH", "true", True),
        ("DELIVERY__ALLOW_PRIVATE_ADDRESSES", "YES", True),
        ("SUBMISSION__MAX_MESSAGE_BYTES", "1MiB", 1 << 20),
        ("SUBMISSION__MAX_MESSAGE_BYTES", "100000", 100000),
        ("STORE__MIN_FREE_PERCENT", "2.5", 2.5),
        ("QUEUE__RETRY", "30,1h30m", (30, 5400)),
        ("SUPPORT__PHONE", "+51 1 555 0100", "+51 1 555 0100"),
        ("SERVER__LANGUAGE", "en", "en"),
        ("ALERTS__WEBHOOK", "", None),
        ("CONSOLE__TRUSTED_PROXIES", "10.0.0.0/8", (ipaddress.ip_network("10.0.0.0/8"),)),
    ],
)
def test_a_variable_is_read_like_its_key(variable, text, expected):
    settings = load_settings(None, {"RELEVO_" + variable: text}).settings
    section, key = variable.lower().split("__")
    assert getattr(getattr(settings, section), key) == expected


def test_arrays_of_tables_come_as_json():
    variable = '[{"domain": "a.example", "to": "10.0.0.5:25"}]'
    settings = load_settings(None, {"RELEVO_DELIVERY__ROUTES": variable}).settings
    assert settings.delivery.routes[0].to == HostPort("10.0.0.5", 25)


def test_relative_paths_start_beside_the_config_directory(tmp_path):
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "relevo.toml"
    path.write_text('[submission]\ntls_certificate = "config/tls/c.pem"\ntls_key = "/etc/k.pem"\n')
    settings = load_settings(path, {}).settings
    assert settings.server.data_dir == tmp_path / "queue"
    assert settings.server.dkim_dir == tmp_path / "dkim_keys"
    assert settings.submission.tls_certificate == tmp_path / "config/tls/c.pem"
    assert settings.submission.tls_key == Path("/etc/k.pem")
    assert settings.console.secret_file == tmp_path / "queue/secret.key"


def test_relative_paths_start_in_the_directory_of_a_file_elsewhere(tmp_path):
    assert load(tmp_path, "").settings.server.data_dir == tmp_path / "queue"


def test_the_secret_lies_in_the_data_directory_unless_set(tmp_path):
    moved = load(tmp_path, '[server]\ndata_dir = "/var/lib/relevo"\n').settings
    assert moved.console.secret_file == Path("/var/lib/relevo/secret.key")
    text = '[server]\ndata_dir = "/var/lib/relevo"\n[console]\nsecret_file = "/etc/relevo/key"\n'
    assert load(tmp_path, text).settings.console.secret_file == Path("/etc/relevo/key")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[submission]\nlisten = ["abc"]',
            'relevo.toml: [submission] listen = "abc": expected HOST:PORT, for example',
        ),
        (
            '[submission]\nlisten = ["::1:25"]',
            'relevo.toml: [submission] listen = "::1:25": expected an IPv6 address in brackets',
        ),
        (
            '[submission]\nlisten = ["127.0.0.1:65536"]',
            'relevo.toml: [submission] listen = "127.0.0.1:65536": expected a port from 0 to 65535',
        ),
        (
            '[submission]\nlisten = "127.0.0.1:25"',
            'relevo.toml: [submission] listen = "127.0.0.1:25": expected a list',
        ),
        (
            '[submission]\nrequire_auth = "false"',
            'relevo.toml: [submission] require_auth = "false": expected true or false, without quotes',
        ),
        (
            '[submission]\nline_endings = "lf"',
            'relevo.toml: [submission] line_endings = "lf": expected "normalize" or "reject"',
        ),
        (
            '[submission]\ntrusted_networks = ["10.1.2.3/8"]\ntrusted_account = "a"',
            'relevo.toml: [submission] trusted_networks = "10.1.2.3/8": expected a network; write 10.',
        ),
        (
            "[delivery]\nport = 0",
            "relevo.toml: [delivery] port = 0: expected 1 or more",
        ),
        (
            "[queue]\nretry = []",
            "relevo.toml: [queue] retry = []: expected at least one entry",
        ),
        (
            '[queue]\nexpire.urgent = "soon"',
            'relevo.toml: [queue] expire.urgent = "soon": expected a duration such as "30s"',
        ),
        (
            '[server]\ntimezone = "America/Limma"',
            'relevo.toml: [server] timezone = "America/Limma": expected an IANA time zone such as',
        ),
        (
            '[server]\nhostnme = "x.example"',
            'relevo.toml: [server] hostnme = "x.example": no such key; did you mean hostname?',
        ),
        (
            '[server]\ndata_dir = ""',
            'relevo.toml: [server] data_dir = "": expected a path',
        ),
        (
            '[submission]\nretry = ["1m"]',
            'relevo.toml: [submission] retry = ["1m"]: no such key; [queue] has a key of that name',
        ),
        ("[consolle]\n", "relevo.toml: [consolle]: no such table; did you mean console?"),
        ("server = 5", "relevo.toml: [server]: expected a table"),
        (
            '[[delivery.routes]]\ndomain = "a.example"\nto = "b"',
            'relevo.toml: [[delivery.routes]] entry 1 to = "b": expected HOST:PORT',
        ),
        (
            '[[delivery.routes]]\ndomain = "a.example"',
            "relevo.toml: [[delivery.routes]] entry 1: to is missing",
        ),
        (
            '[[delivery.sources]]\nehol = "a.example"',
            'relevo.toml: [[delivery.sources]] entry 1 ehol = "a.example": no such key; did you mean',
        ),
        (
            '[delivery]\nmode = "smarthost"',
            'relevo.toml: [delivery]: mode = "smarthost" needs smarthost = "HOST:PORT"',
        ),
        (
            '[submission]\ntls_certificate = "c.pem"',
            "relevo.toml: [submission]: tls_certificate and tls_key need each other",
        ),
        (
            '[submission]\ntrusted_networks = ["10.0.0.0/8"]',
            "relevo.toml: [submission]: trusted_networks needs trusted_account",
        ),
        (
            "[submission]\nrequire_auth = false",
            "relevo.toml: [submission]: require_auth = false needs trusted_account",
        ),
        (
            'delivery.routes = [{domain = "a.example", to = "b:1"}, {domain = "A.example", to = "c:1"}]',
            "relevo.toml: [delivery]: routes has more than one entry for the domain a.example",
        ),
    ],
)
def test_a_problem_names_file_table_key_value_and_remedy(tmp_path, text, expected):
    (line,) = problems(tmp_path, text)
    assert line.startswith(expected)


def test_all_problems_are_told_together(tmp_path):
    text = '[server]\nlanguage = "fr"\nhostnam = "x"\n[log]\nlevel = "loud"\n'
    assert len(problems(tmp_path, text, RELEVO_QUEUE__RETRY="x,y", RELEVO_LOGG__LEVEL="info")) == 6


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("RELEVO_SUBMISSION__LISTN", "no such setting; did you mean RELEVO_SUBMISSION__LISTEN?"),
        ("RELEVO_SUBMISSION_LISTEN", "did you mean RELEVO_SUBMISSION__LISTEN (two underscores)?"),
    ],
)
def test_a_misspelt_variable_is_an_error(variable, expected):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {variable: "127.0.0.1:1"})
    assert str(caught.value).startswith(variable)
    assert str(caught.value).endswith(expected)


def test_a_bad_variable_is_named_in_the_problem():
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"RELEVO_SUBMISSION__LISTEN": "127.0.0.1:1,abc"})
    assert str(caught.value).startswith('RELEVO_SUBMISSION__LISTEN = "abc": expected HOST:PORT')


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file; `relevo init` writes one"):
        load_settings(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[server\n", r"not valid TOML: .*line 1"),
        (b"[server]\nhostname = '\xff'\n", r"not UTF-8 text \(byte 21\)"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path, content, expected):
    path = tmp_path / "relevo.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected):
        load_settings(path, {})


def test_a_directory_is_not_a_settings_file(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_settings(tmp_path, {})


def test_passwords_are_never_shown(tmp_path):
    loaded = load(
        tmp_path,
        '[server]\nstore = "postgresql://relevo:hunter2@db/relevo?password=hunter2"\n'
        '[alerts]\nwebhook = "https://hooks.example/services/hunter2"\n',
    )
    shown = {row.key: row.value for row in describe(loaded)}
    assert shown["server.store"] == '"postgresql://relevo:***@db/relevo?***"'
    assert shown["alerts.webhook"] == '"https://hooks.example/***"'
    assert "hunter2" not in repr(loaded.settings)
    wrong = '[server]\nstore = "mysql://relevo:hunter2@db/relevo"\nstore_password = "hunter2"\n'
    assert not any("hunter2" in line for line in problems(tmp_path, wrong))


def test_every_effective_value_is_described_in_the_notation_of_the_file(tmp_path):
    loaded = load(tmp_path, '[queue]\nretry = [90, 3600]\n[log]\nlevel = "debug"\n')
    rows = {row.key: (row.value, row.origin) for row in describe(loaded)}
    file = str(tmp_path / "relevo.toml")
    assert rows["queue.retry"] == ('["1m30s", "1h"]', file)
    assert rows["log.level"] == ('"debug"', file)
    assert rows["submission.listen"] == ('["0.0.0.0:587"]', "default")
    assert rows["public.listen"] == ('""', "default")
    assert rows["delivery.timeouts.dot"] == ('"10m"', "default")
    assert rows["submission.require_auth"] == ("true", "default")


def test_what_is_described_can_be_loaded_again(tmp_path):
    loaded = load(tmp_path, '[[delivery.routes]]\ndomain = "a.example"\nto = "10.0.0.5:25"\n')
    lines = [f"{row.key} = {row.value}" for row in describe(loaded)]
    again = load(tmp_path, "\n".join(lines))
    assert again.settings == loaded.settings
