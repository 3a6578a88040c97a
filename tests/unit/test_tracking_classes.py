"""Who made a hit, by names as they come: mail programs, image proxies, filters, robots."""

import pytest

from console.tracking.classifying import Classifier, Signs
from console.tracking.hits import HitClass, HitKind

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
HOUR_MS = 3_600_000

FIXTURES = {
    HitClass.HUMAN: (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/131.0.0.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.1",
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/7.0; ms-office; MSOffice 16)",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17126; Pro)",
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Mobile/15E148"),
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        ("Mozilla/5.0 (Linux; Android 14; SM-A546E) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/131.0.0.0 Mobile Safari/537.36"),
    ),
    HitClass.PROXY_GMAIL: (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    ),
    HitClass.PROXY_YAHOO: (
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ),
    HitClass.MPP_APPLE: ("Mozilla/5.0",),
    HitClass.PREFETCH_GMAIL: (
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"),
    ),
    HitClass.SCANNER: (
        "", "curl/8.5.0", "Wget/1.21", "python-requests/2.31.0", "Go-http-client/1.1", "Java/17.0.1",
        "okhttp/4.9", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "facebookexternalhit/1.1",
        "WhatsApp/2.23.20.0", "TelegramBot (like TwitterBot)",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME.replace('Chrome', 'HeadlessChrome')}",
        "BarracudaCentral Link Protect", "Mimecast URL Scanner", "Proofpoint URL Defense",
        "Mozilla/5.0 (compatible; SafeLinks/1.0)", "Mozilla/5.0 (Symantec.cloud)",
        "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1) SkypeUriPreview Preview/0.5",
    ),
    HitClass.UNKNOWN: ("Microsoft-Outlook-iOS/3.0", "Mozilla/4.0", "x" * 300),
}  # fmt: skip


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


@pytest.mark.parametrize(
    ("agent", "expected"), [(agent, klass) for klass, some in FIXTURES.items() for agent in some]
)
def test_T_i_a_name_tells_programs_of_people_from_machines(classifier, agent, expected):
    signs = Signs(HitKind.OPEN, agent, is_head=False, since_ms=HOUR_MS)
    assert classifier.classify(signs) == (expected, False)


@pytest.mark.parametrize("agent", FIXTURES[HitClass.HUMAN])
def test_a_filter_with_a_name_of_people_is_found_by_its_haste_or_its_head(classifier, agent):
    """Safe Links, Mimecast and Proofpoint look at links as a browser of people, within seconds."""
    for kind in HitKind:
        soon = Signs(kind, agent, is_head=False, since_ms=400)
        assert classifier.classify(soon) == (HitClass.SCANNER, False)
        before = Signs(kind, agent, is_head=False, since_ms=-1)
        assert classifier.classify(before) == (HitClass.SCANNER, False)
        unclear = Signs(kind, agent, is_head=False, since_ms=9_000)
        assert classifier.classify(unclear) == (HitClass.UNKNOWN, True)
        head = Signs(kind, agent, is_head=True, since_ms=HOUR_MS)
        assert classifier.classify(head) == (HitClass.SCANNER, False)


def test_apples_fetching_is_no_open_of_a_person_and_no_click_either(classifier):
    click = Signs(HitKind.CLICK, "Mozilla/5.0", is_head=False, since_ms=HOUR_MS)
    assert classifier.classify(click) == (HitClass.SCANNER, False)
    late = Signs(HitKind.OPEN, "Mozilla/5.0", is_head=False, since_ms=100)
    assert classifier.classify(late) == (HitClass.MPP_APPLE, False)
