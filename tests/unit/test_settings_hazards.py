"""What `relevo check` warns of: no open relay and no password in clear passes quietly."""

import pytest

from mta.settings import Settings, Severity, warnings

SAFE = {
    "server": {"hostname": "mail.example.com", "public_url": "https://correo.example.com"},
    "submission": {"tls_certificate": "c.pem", "tls_key": "k.pem"},
}


def found(**tables):
    raw = {name: dict(table) for name, table in SAFE.items()}
    for name, table in tables.items():
        raw.setdefault(name, {}).update(table)
    return {(h.severity.value, h.key) for h in warnings(Settings.model_validate(raw))}


def test_a_complete_installation_has_no_warnings():
    assert found() == set()


def test_the_defaults_are_not_dangerous():
    assert not [h for h in warnings(Settings()) if h.severity is Severity.DANGER]


def test_mail_without_auth_on_a_public_address_is_an_open_relay():
    hazards = found(submission={"require_auth": False, "trusted_account": "a"})
    assert hazards == {("danger", "submission.require_auth")}


def test_mail_without_auth_on_loopback_is_a_warning():
    table = {"require_auth": False, "trusted_account": "a", "listen": ["127.0.0.1:587"]}
    assert found(submission=table) == {("warning", "submission.require_auth")}


def test_implicit_tls_does_not_hide_an_open_relay():
    table = {
        "require_auth": False,
        "trusted_account": "a",
        "listen": ["127.0.0.1:587"],
        "implicit_tls_listen": ["0.0.0.0:465"],
    }
    assert ("danger", "submission.require_auth") in found(submission=table)


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/2", "2000::/3", "::ffff:0:0/96"]
)
def test_trusting_the_world_is_an_open_relay(network):
    table = {"trusted_networks": [network], "trusted_account": "a"}
    assert found(submission=table) == {("danger", "submission.trusted_networks")}


@pytest.mark.parametrize(
    "network", ["10.0.0.0/8", "192.168.1.0/24", "127.0.0.0/8", "fd00::/8", "::1"]
)
def test_trusting_ones_own_network_is_quiet(network):
    hazards = found(submission={"trusted_networks": [network], "trusted_account": "a"})
    assert hazards == set()


def test_trusting_public_addresses_is_a_warning():
    table = {"trusted_networks": ["8.8.8.0/24"], "trusted_account": "a"}
    assert found(submission=table) == {("warning", "submission.trusted_networks")}


def test_auth_without_tls_on_a_public_address_is_dangerous():
    table = {"allow_plaintext_auth": True, "tls_certificate": "", "tls_key": ""}
    assert found(submission=table) == {("danger", "submission.allow_plaintext_auth")}


def test_auth_without_tls_on_loopback_is_for_tests():
    table = {"allow_plaintext_auth": True, "listen": ["127.0.0.1:2587", "[::1]:2587"]}
    assert found(submission=table) == set()


def test_without_certificate_nobody_can_submit():
    table = {"tls_certificate": "", "tls_key": ""}
    assert found(submission=table) == {("warning", "submission.tls_certificate")}


def test_a_console_in_clear_is_dangerous():
    assert found(console={"listen": "0.0.0.0:8080"}) == {("danger", "console.listen")}
    proxied = {"listen": "0.0.0.0:8080", "trusted_proxies": ["10.0.0.1"]}
    assert found(console=proxied) == {("warning", "console.listen")}
    secured = {"listen": "0.0.0.0:443", "tls_certificate": "c", "tls_key": "k"}
    assert found(console=secured) == set()


def test_believing_everyones_headers_is_dangerous():
    assert found(console={"trusted_proxies": ["0.0.0.0/0"]}) == {
        ("danger", "console.trusted_proxies")
    }


def test_the_smarthosts_password_needs_tls():
    table = {
        "mode": "smarthost",
        "smarthost": "relay.example.com:587",
        "smarthost_user": "u",
        "smarthost_password_file": "p",
    }
    assert found(delivery=table) == {("warning", "delivery.smarthost_user")}
    assert found(delivery={**table, "tls": "required"}) == set()
    assert ("danger", "delivery.smarthost_user") in found(delivery={**table, "tls": "off"})


def test_return_paths_without_a_listener_are_told():
    senders = {("warning", "inbound.return_path_domain")}
    assert found(inbound={"return_path_domain": "b.example.com"}) == senders
    both = {"listen": ["0.0.0.0:25"], "return_path_domain": "b.example.com"}
    assert found(inbound=both) == set()


def test_alerts_that_need_a_relevo_that_sends_are_told():
    mail = {"mail": ["a@example.com"]}
    assert found(alerts=mail) == {("warning", "alerts.mail")}
    assert found(alerts={**mail, "smarthost": "other.example:25"}) == set()
    assert found(alerts={**mail, "webhook": "https://example.com/x"}) == set()
    assert found(alerts={"smarthost": "a.example:25"}) == {("warning", "alerts.smarthost")}


def test_what_the_public_reaches_is_behind_tls():
    assert found(public={"listen": "127.0.0.1:8081"}) == set()
    assert found(public={"listen": "0.0.0.0:80"}) == {("warning", "public.listen")}
    behind = {"listen": "0.0.0.0:80", "trusted_proxies": ["10.0.0.7/32"]}
    assert found(public=behind) == set()
    anyone = {"listen": "0.0.0.0:80", "trusted_proxies": ["0.0.0.0/0"]}
    assert found(public=anyone) == {("warning", "public.trusted_proxies")}


def test_a_store_that_the_server_does_not_start_with_is_an_error():
    assert found(server={"store": "postgresql://u:p@db/relevo"}) == {("error", "server.store")}


def test_example_names_are_told():
    hazards = found(
        server={"hostname": "relevo.example.org", "public_url": "https://correo.example.org"}
    )
    assert hazards == {("warning", "server.hostname"), ("note", "server.public_url")}
    assert found(server={"hostname": "localhost"}, delivery={"mode": "sandbox"}) == set()


def test_the_worst_comes_first_and_shouts():
    raw = {"submission": {"require_auth": False, "trusted_account": "a"}}
    first = str(warnings(Settings.model_validate(raw))[0])
    assert first.startswith("DANGER: submission.require_auth: OPEN RELAY: ")


def test_doubtful_times_are_noted():
    assert found(delivery={"timeouts": {"dot": "60s"}}) == {("note", "delivery.timeouts.dot")}
    assert found(queue={"expire": {"urgent": "20s"}}) == {("note", "queue.expire.urgent")}
    assert found(queue={"retry": ["25h"]}) == {("note", "queue.expire")}


def test_other_doubtful_settings_are_told():
    assert found(delivery={"allow_private_addresses": True}) == {
        ("warning", "delivery.allow_private_addresses")
    }
    assert found(delivery={"tls": "off"}) == {("warning", "delivery.tls")}
    assert found(metrics={"listen": "0.0.0.0:9090"}) == {("note", "metrics.listen")}
    sandbox = {"delivery": {"mode": "sandbox"}, "sandbox": {"listen": "0.0.0.0:2525"}}
    assert found(**sandbox) == {("warning", "sandbox.listen")}
    assert found(server={"public_url": "http://a.example.com"}) == {
        ("warning", "server.public_url")
    }
