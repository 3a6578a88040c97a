"""How many connections the HTTP listeners may take of the process's descriptors."""

import resource

import pytest

from console.web.limits import affordable, http_limits
from mta.settings.loading import load_settings


@pytest.mark.parametrize(
    ("descriptors", "most"), [(65_536, 26_736), (4096, 224), (1024, 32), (256, 16), (64, 16)]
)
def test_mail_has_its_descriptors_first(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, most: int
):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert affordable(10_000, 2000) == most


def test_the_settings_hold_when_there_are_enough(monkeypatch: pytest.MonkeyPatch):
    settings = load_settings(None, {"RELEVO_CONSOLE__MAX_CONNECTIONS": "321"}).settings
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    assert http_limits(settings, settings.console).max_connections == 321
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert http_limits(settings, settings.console).max_connections == 32
