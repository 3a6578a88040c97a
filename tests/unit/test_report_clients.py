"""What opens are told to be made with."""

import pytest

from console.reports.clients.counting import ClientCounting
from console.reports.clients.naming import Client, Device, named
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.mark.parametrize(
    ("agent", "client", "device"),
    [
        (PROXY, Client.GMAIL, Device.UNKNOWN),
        ("Mozilla/5.0", Client.APPLE_PRIVACY, Device.UNKNOWN),
        (f"{IPHONE} Mobile/15E148", Client.APPLE_MAIL, Device.PHONE),
        (f"{IPHONE} Version/18.0 Mobile/15E148 Safari/604.1", Client.SAFARI, Device.PHONE),
        (f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {CHROME} Mobile Safari/537.36",
         Client.CHROME, Device.PHONE),
        (f"Mozilla/5.0 (Linux; Android 15; SM-X910) {CHROME} Safari/537.36",
         Client.CHROME, Device.TABLET),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/140.0.0.0",
         Client.EDGE, Device.DESKTOP),
        ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5000)",
         Client.OUTLOOK, Device.DESKTOP),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0",
         Client.THUNDERBIRD, Device.DESKTOP),
        ("", Client.OTHER, Device.UNKNOWN),
        ("curl/8.0", Client.OTHER, Device.UNKNOWN),
    ],
)  # fmt: skip
def test_T_b_a_program_is_known_by_its_name_and_a_proxy_hides_the_device(
    agent: str, client: Client, device: Device
):
    assert named(agent) == (client, device)


def opened(number: int, flow: int, agent: str, said: str) -> FollowedEvent:
    data = f'{{"class":"{said}","agent":"{agent}"}}'
    return FollowedEvent(number, EventType.OPENED, 0, 7, flow, 1, number, data)


async def test_T_b_opens_are_counted_by_program_and_device_machines_apart():
    events = [
        opened(1, 5, PROXY, "proxy_gmail"),
        opened(2, 5, PROXY, "proxy_gmail"),
        opened(3, 5, "Mozilla/5.0", "mpp_apple"),
        opened(4, 6, "curl/8.0", "unknown"),
    ]
    (rows,) = await ClientCounting().handle(events)
    assert sorted(rows.rows) == [
        (5, "apple_privacy", "unknown", 1, 1),
        (5, "gmail", "unknown", 0, 2),
        (6, "other", "unknown", 0, 1),
    ]
    assert await ClientCounting().handle([]) == []
