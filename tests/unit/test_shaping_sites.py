"""From MX names to sites, and the rules of shaping.toml."""

from pathlib import Path

import pytest

from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort
from mta.shaping.documents import load_document, shipped_text
from mta.shaping.rules import Shaping
from mta.shaping.sites import HostPatterns, SiteKey, pattern_matches, site_pattern

SHIPPED = load_document(None)


def load(tmp_path: Path, text: str) -> Shaping:
    path = tmp_path / "shaping.toml"
    path.write_text(text, encoding="utf-8")
    return Shaping.load(path)


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(str(tmp_path / "shaping.toml"), "shaping.toml")


PROVIDER = '[[provider]]\nname = "big"\nmx = ["*.big.example"]\nsamples = ["mx.big.example"]\n'


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["mx.example.net"], "mx.example.net"),
        (["mx2.example.net", "mx1.example.net"], "(mx1|mx2).example.net"),
        (["mta7.am0.yahoodns.net", "mta5.am0.yahoodns.net"], "(mta5|mta7).am0.yahoodns.net"),
        (["a.mx.example.net", "mx.example.net"], "(a)?.mx.example.net"),
        (["mx1.a.example.net", "mx2.b.example.net"], "(mx1|mx2).(a|b).example.net"),
        (["mx.b.example", "mx.a.example"], "mx.a.example,mx.b.example"),
        (["[192.0.2.1]"], "[192.0.2.1]"),
        ([], ""),
    ],
)
def test_mx_names_are_factored_to_their_common_pattern(names: list[str], pattern: str):
    assert site_pattern(names) == pattern


def test_a_long_pattern_is_cut_and_stays_distinct():
    one = site_pattern([f"mail-server-number-{i}.example.net" for i in range(30)])
    two = site_pattern([f"mail-server-number-{i}.example.net" for i in range(31)])
    assert one.startswith("example.net#")
    assert len(one) < 100
    assert one != two


@pytest.mark.parametrize(
    ("wanted", "site", "expected"),
    [
        ("*.example.net", "(mx1|mx2).example.net", True),
        ("mx2.example.net", "(mx1|mx2).example.net", True),
        ("mx3.example.net", "(mx1|mx2).example.net", False),
        ("mx.example.net", "(a)?.mx.example.net", True),
        ("*.example.net", "example.net", False),
        ("example.net", "mx.example.net", False),
        ("*.b.example", "mx.a.example,mx.b.example", True),
        ("*.ample.net", "mx.example.net", False),
    ],
)
def test_rules_match_the_hosts_a_pattern_stands_for(wanted: str, site: str, expected: bool):
    assert pattern_matches(wanted, site) is expected


def test_the_most_specific_pattern_owns_a_name():
    owners = HostPatterns({"*.net": "net", "*.example.net": "below", "mx.example.net": "exact"})
    assert owners.owner("mx.example.net") == "exact"
    assert owners.owner("a.b.example.net") == "below"
    assert owners.owner("example.net") == "net"
    assert owners.owner("example.org") is None


@pytest.mark.parametrize(
    ("provider", "sample"),
    [(p.name, sample) for p in SHIPPED.provider if p.mx for sample in p.samples],
)
def test_every_shipped_provider_recognises_its_samples(provider: str, sample: str):
    shaping = Shaping(SHIPPED)
    assert shaping.site_of("customer.example", (sample,)).name == provider


def test_every_shipped_provider_has_samples_for_each_of_its_patterns():
    for provider in SHIPPED.provider:
        for pattern in provider.mx:
            assert any(pattern_matches(pattern, sample) for sample in provider.samples), pattern


def test_domains_hosted_at_one_provider_share_a_site():
    shaping = Shaping.load()
    gmail = shaping.site_of(
        "gmail.com", ("gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com")
    )
    hosted = shaping.site_of("example.org", ("aspmx.l.google.com", "aspmx2.googlemail.com"))
    assert gmail == hosted == SiteKey("google", "google")


def test_consumer_and_business_mail_of_microsoft_are_two_sites_and_one_provider():
    shaping = Shaping.load()
    consumer = shaping.site_of("hotmail.com", ("hotmail-com.olc.protection.outlook.com",))
    business = shaping.site_of("example.org", ("example-org.mail.protection.outlook.com",))
    assert consumer == SiteKey("outlook", "microsoft")
    assert business == SiteKey("microsoft365", "microsoft")


def test_domains_with_the_same_mx_share_a_site_in_any_order():
    shaping = Shaping.load()
    one = shaping.site_of("a.example", ("mx1.example.net", "mx2.example.net"))
    two = shaping.site_of("b.example", ("mx2.example.net", "mx1.example.net"))
    assert one == two == SiteKey("(mx1|mx2).example.net", "other")


def test_the_best_mx_decides_if_half_of_the_hosts_agree():
    shaping = Shaping.load()
    google = ("aspmx.l.google.com", "alt1.aspmx.l.google.com")
    assert shaping.provider_of((*google, "backup.example.org")) == "google"
    assert shaping.provider_of(("filter.example.org", *google)) == ""
    assert shaping.provider_of(("aspmx.l.google.com", "a.example.org", "b.example.org")) == ""


def test_reports_count_a_gob_pe_domain_as_such_whoever_hosts_it():
    shaping = Shaping.load()
    hosted = shaping.site_of("minedu.gob.pe", ("minedu-gob-pe.mail.protection.outlook.com",))
    assert hosted == SiteKey("microsoft365", "gob.pe")
    assert shaping.site_of("mef.gob.pe", ("mx.mef.gob.pe",)) == SiteKey("mx.mef.gob.pe", "gob.pe")
    assert shaping.site_of("example.pe", ("mx.example.pe",)).provider == "other"


def test_a_domain_without_mx_names_is_its_own_site():
    assert Shaping.load().site_of("example.org", ()) == SiteKey("example.org", "other")


def test_a_domain_that_moved_gets_its_new_site():
    shaping = Shaping.load()
    assert shaping.site_of("example.org", ("mx.example.org",)).name == "mx.example.org"
    assert shaping.site_of("example.org", ("aspmx.l.google.com",)).name == "google"


def test_roll_up_can_be_switched_off(tmp_path: Path):
    shaping = load(tmp_path, "roll_up = false\n" + PROVIDER)
    assert shaping.site_of("a.example", ("mx.example.net",)).name == "a.example"
    assert shaping.site_of("b.example", ("mx.big.example",)).name == "big/b.example"
    assert shaping.policy("big/b.example").provider == "big"


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("google", (5, 20, 50, 20, "required")),
        ("outlook", (5, 20, 50, 15, None)),
        ("microsoft365", (5, 20, 50, 15, None)),
        ("yahoo", (3, 10, 20, 10, None)),
        ("apple", (2, 10, 5, 5, None)),
        ("comcast", (5, 25, 1000, 20, "required")),
        ("orange", (1, 2, 100, 2, "required")),
        ("mimecast", (3, 10, 100, 10, None)),
        ("(mx1|mx2).example.net", (4, 10, 100, 20, None)),
    ],
)
def test_the_shipped_limits_are_those_of_the_reference(site: str, expected: tuple[object, ...]):
    policy = Shaping.load().policy(site)
    rate = policy.messages[0]
    assert rate.name == "messages_per_second"
    found = (
        policy.connections_start,
        policy.connections_max,
        policy.messages_per_connection,
        rate.count,
        policy.tls,
    )
    assert found == expected


def test_later_tables_win_key_by_key(tmp_path: Path):
    shaping = load(
        tmp_path,
        "[default]\nmessages_per_second = 30\nmessages_per_connection = 7\n"
        + PROVIDER
        + "messages_per_second = 20\n"
        + '[[site]]\nproviders = ["big"]\nmessages_per_second = 10\ntls = "off"\n'
        + '[[site]]\nproviders = ["big"]\nmessages_per_second = 5\n',
    )
    policy = shaping.policy("big")
    assert [rate.count for rate in policy.messages] == [5]
    assert policy.tls == "off"
    assert policy.messages_per_connection == 7
    assert [rate.count for rate in shaping.policy("mx.example.org").messages] == [30]


def test_a_named_domain_leaves_the_roll_up_and_keeps_its_providers_limits(tmp_path: Path):
    shaping = load(
        tmp_path,
        PROVIDER
        + "messages_per_connection = 20\n"
        + '[[site]]\ndomains = ["vip.example", "*.sub.example"]\nconnections_max = 2\n',
    )
    site = shaping.site_of("vip.example", ("mx.big.example",))
    assert site == SiteKey("big/vip.example", "big")
    policy = shaping.policy(site.name)
    assert (policy.connections_start, policy.connections_max) == (2, 2)
    assert policy.messages_per_connection == 20
    assert shaping.site_of("other.example", ("mx.big.example",)).name == "big"
    assert shaping.site_of("a.sub.example", ("mx.x.example",)).name == "a.sub.example"
    assert shaping.policy("a.sub.example").connections_max == 2


def test_a_site_can_be_matched_by_its_mx_names(tmp_path: Path):
    shaping = load(tmp_path, '[[site]]\nmx = ["*.hoster.example"]\nmessages_per_minute = 6\n')
    assert [r.count for r in shaping.policy("(mx1|mx2).hoster.example").messages] == [6]
    assert shaping.policy("mx.example.org").messages == ()


def test_a_limit_for_a_pool_holds_for_that_pool_only(tmp_path: Path):
    text = PROVIDER + '[[site]]\nproviders = ["big"]\npools = ["new"]\nmessages_per_day = 50\n'
    shaping = load(tmp_path, text)
    assert [r.count for r in shaping.policy("big", "new").messages] == [50]
    assert shaping.policy("big").messages == ()


def test_zero_takes_an_inherited_rate_away(tmp_path: Path):
    text = "[default]\nmessages_per_second = 5\n" + PROVIDER + "messages_per_second = 0\n"
    assert load(tmp_path, text).policy("big").messages == ()


def test_totals_are_kept_apart(tmp_path: Path):
    text = PROVIDER + "total_connections = 3\ntotal_messages_per_hour = 100\n"
    policy = load(tmp_path, text).policy("big")
    assert policy.total_connections == 3
    assert [rate.name for rate in policy.total_messages] == ["total_messages_per_hour"]
    assert policy.messages == ()


def test_routed_mail_has_limits_of_its_own(tmp_path: Path):
    text = "[default]\nmessages_per_second = 5\n[routes]\nconnections_max = 70\n"
    shaping = load(tmp_path, text)
    site = shaping.routed(HostPort("relay.example.org", 587), "example.org")
    assert site == SiteKey("route:relay.example.org:587", "other")
    policy = shaping.policy(site.name)
    assert (policy.connections_max, policy.messages) == (70, ())


def test_an_own_file_can_build_on_the_shipped_one(tmp_path: Path):
    text = (
        "extends_shipped = true\n[default]\nconnections_max = 33\n"
        '[[site]]\nproviders = ["google"]\nmessages_per_day = 500\n'
    )
    shaping = load(tmp_path, text)
    assert shaping.policy("mx.example.org").connections_max == 33
    assert [r.name for r in shaping.policy("google").messages] == [
        "messages_per_second",
        "messages_per_day",
    ]


@pytest.mark.parametrize("extends", ["", "extends_shipped = true\n"])
@pytest.mark.parametrize(
    ("limits", "start", "most"),
    [("connections_max = 2", 2, 2), ("connections_start = 70", 70, 70)],
)
def test_of_start_and_maximum_the_inherited_one_gives_way(
    tmp_path: Path, extends: str, limits: str, start: int, most: int
):
    shaping = load(tmp_path, f"{extends}[default]\n{limits}\n[routes]\n{limits}\n")
    for name in ("mx.example.org", "route:relay.example.org:587"):
        policy = shaping.policy(name)
        assert (policy.connections_start, policy.connections_max) == (start, most)


def test_the_shipped_file_is_the_one_in_config():
    tree = Path(__file__).resolve().parents[2] / "config" / "shaping.toml"
    assert shipped_text() == tree.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[default]\nconnections_max = 0\n", "[default] connections_max = 0: expected 1 or more"),
        (
            '[default]\nconnections_max = "5"\n',
            '[default] connections_max = "5": expected a whole number, without quotes',
        ),
        (
            "[default]\nmax_connections = 5\n",
            "[default] max_connections = 5: no such key; did you mean",
        ),
        (
            "[default]\nconnections_start = 9\nconnections_max = 3\n",
            "[default]: connections_start = 9 is above connections_max = 3",
        ),
        ("[default]\nmessages_per_second = -1\n", "[default] messages_per_second = -1: expected"),
        ('[default]\ntls = "maybe"\n', '[default] tls = "maybe": expected "opportunistic"'),
        ('[default]\nidle_timeout = "fast"\n', 'idle_timeout = "fast": expected a duration'),
        ("[defaults]\nx = 1\n", "[defaults]: no such table or key; did you mean default?"),
        ("roll_up = 1\n", "roll_up = 1: expected true or false"),
        (
            '[[provider]]\nname = "big"\nmx = ["*big"]\nsamples = ["mx.big"]\n',
            '[[provider]] "big" mx = "*big": expected a name such as',
        ),
        ('[[provider]]\nname = "big"\nmx = ["*.big"]\n', '[[provider]] "big": samples is missing'),
        (
            PROVIDER.replace("mx.big", "mx.small"),
            '[[provider]] "big" samples = "mx.small.example": matches no pattern',
        ),
        (PROVIDER + PROVIDER, '[[provider]] "big" name = "big": two providers have this name'),
        (
            PROVIDER + PROVIDER.replace('"big"', '"two"'),
            '[[provider]] "big" samples = "mx.big.example": is taken for "two"',
        ),
        (
            '[[provider]]\nname = "gob"\ndomains = ["gob.pe"]\nsamples = ["a.gob.pe"]\ntls = "off"\n',
            '[[provider]] "gob": a provider with domains is for reports only',
        ),
        (
            '[[provider]]\nname = "big"\nsamples = ["a.gob.pe"]\n',
            '[[provider]] "big": expected either mx',
        ),
        (
            "[[site]]\nmessages_per_day = 5\n",
            "[[site]] 1: expected one of domains, mx and providers",
        ),
        ('[[site]]\ndomains = ["a.example"]\n', "[[site]] 1: sets no limit"),
        (
            '[[site]]\nproviders = ["gogle"]\ntls = "off"\n',
            '[[site]] 1 providers = "gogle": no such provider; there are: none',
        ),
        (
            PROVIDER + '[[site]]\nmx = ["*.big.example"]\ntls = "off"\n',
            '[[site]] 1 mx = "*.big.example": these hosts belong to provider "big"',
        ),
        (
            PROVIDER + '[[site]]\nproviders = ["big"]\npools = ["a"]\ntotal_connections = 5\n',
            "[[site]] 1: total_connections holds for all sources",
        ),
        ("x = [\n", "not TOML"),
    ],
)
def test_errors_name_file_table_key_value_and_remedy(tmp_path: Path, text: str, message: str):
    found = problem(tmp_path, text)
    assert found.startswith("shaping.toml: ")
    assert message in found
    assert "\n" not in found


def test_an_unreadable_file_is_a_configuration_error(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Shaping.load(tmp_path / "missing.toml")
