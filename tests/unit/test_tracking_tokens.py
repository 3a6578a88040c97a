"""Tokens of tracked links: nobody else makes one, and one is good for one thing."""

import pytest

from console.tracking.tokens import LENGTH, Purpose, Target, TrackingTokens
from mta.model.errors import ConfigurationError

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
TARGET = Target(1_790_000_000_123_456_789, 1_790_000_000_123_456_788, 7)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def tokens(**keys: bytes) -> TrackingTokens:
    return TrackingTokens({int(name[1:]): key for name, key in keys.items()} or {1: KEY})


def test_a_token_names_what_it_was_made_for():
    made = tokens().token(Purpose.CLICK, TARGET)
    assert len(made) == LENGTH
    assert set(made) <= set(ALPHABET)
    assert tokens().target(Purpose.CLICK, made) == TARGET


def test_every_other_token_is_refused_whichever_bit_is_changed():
    made = tokens().token(Purpose.CLICK, TARGET)
    for place, letter in enumerate(made):
        number = ALPHABET.index(letter)
        for bit in range(6):
            changed = made[:place] + ALPHABET[number ^ (1 << bit)] + made[place + 1 :]
            assert tokens().target(Purpose.CLICK, changed) is None, (place, bit)


@pytest.mark.parametrize("made_for", Purpose)
@pytest.mark.parametrize("used_for", Purpose)
def test_a_token_is_good_for_its_purpose_only(made_for, used_for):
    found = tokens().target(used_for, tokens().token(made_for, TARGET))
    assert (found is not None) is (made_for is used_for)


def test_a_token_of_another_installation_is_refused():
    made = tokens(n1=OTHER).token(Purpose.OPEN, TARGET)
    assert tokens().target(Purpose.OPEN, made) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made[:-1],
        lambda made: made + "A",
        lambda made: made + "=",
        lambda made: made[:-1] + "=",
        lambda made: "",
        lambda made: "A" * LENGTH,
        lambda made: made.replace(made[3], "+", 1),
        lambda made: "é" * LENGTH,
        lambda made: made.lower(),
        lambda made: made[:20] + "\n" + made[21:],
    ],
)
def test_what_is_cut_off_or_spelled_otherwise_is_refused(change):
    assert tokens().target(Purpose.CLICK, change(tokens().token(Purpose.CLICK, TARGET))) is None


def test_tokens_of_an_older_key_still_work_after_a_new_one_was_added():
    old = tokens(n1=KEY).token(Purpose.CLICK, TARGET)
    ring = tokens(n1=KEY, n2=OTHER)
    assert ring.target(Purpose.CLICK, old) == TARGET
    new = ring.token(Purpose.CLICK, TARGET)
    assert tokens(n1=KEY).target(Purpose.CLICK, new) is None
    assert tokens(n2=OTHER).target(Purpose.CLICK, new) == TARGET


@pytest.mark.parametrize("keys", [{}, {0: KEY}, {256: KEY}])
def test_key_numbers_are_checked(keys):
    with pytest.raises(ConfigurationError, match="1 to 255"):
        TrackingTokens(keys)
