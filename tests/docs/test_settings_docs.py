"""The shipped sample and the reference are what the schema generates."""

import re
import tomllib
from pathlib import Path

import pytest

from mta.settings import Settings, reference_markdown, sample
from mta.settings.keys import all_keys

ROOT = Path(__file__).parents[2]


def test_the_shipped_settings_file_is_the_generated_sample():
    shipped = (ROOT / "config" / "relevo.toml").read_text(encoding="utf-8")
    assert shipped == sample(), "run: python -m mta.settings sample > config/relevo.toml"


def test_the_reference_is_the_generated_one():
    shipped = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    renew = "run: python -m mta.settings reference > docs/reference/settings.md"
    assert shipped == reference_markdown(), renew


def test_the_sample_as_shipped_changes_nothing():
    assert Settings.model_validate(tomllib.loads(sample())) == Settings()


def test_the_sample_with_every_line_switched_on_is_the_defaults():
    text = re.sub(r"^#(?=\[\[|[a-z_.]+ = )", "", sample(), flags=re.MULTILINE)
    raw = tomllib.loads(text)
    (route,) = raw["delivery"].pop("routes")
    (source,) = raw["delivery"].pop("sources")
    assert route == {"domain": "intranet.example", "to": "10.0.0.5:25"}
    assert source == {"address": "0.0.0.0", "ehlo": "", "pool": "default"}
    assert Settings.model_validate(raw) == Settings()


def test_every_key_is_described_in_both():
    reference = reference_markdown()
    for key in all_keys():
        assert key.description.endswith("."), key.name
        assert f"`{key.variable}`" in reference
        assert key.name_in_section in sample()


def test_values_can_be_set_in_a_sample():
    text = sample({"server.hostname": "mail.example.com", "submission.listen": ["127.0.0.1:2587"]})
    assert '\nhostname = "mail.example.com"\n' in text
    assert '\nlisten = ["127.0.0.1:2587"]\n' in text
    assert "\n#data_dir" in text
    with pytest.raises(KeyError, match="no_such"):
        sample({"no_such": 1})


def test_no_line_of_the_sample_is_longer_than_100_characters():
    assert max(map(len, sample().splitlines())) <= 100
