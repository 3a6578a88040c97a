"""Whatever a peer says, classification answers, agrees with itself and never wipes an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.bounces.classes import BounceClass
from mta.bounces.classifier import CACHE_ENTRIES, Classifier
from mta.bounces.patterns import MAX_TEXT_CHARS, normalise
from mta.model.outcome import Phase
from mta.model.reply import Reply

WORDS = [
    "user",
    "unknown",
    "mailbox",
    "full",
    "inactive",
    "disabled",
    "account",
    "spam",
    "blocked",
    "your",
    "ip",
    "listed",
    "spf",
    "dmarc",
    "recipient",
    "address",
    "rejected",
    "no",
    "existe",
    "usuario",
    "casilla",
    "llena",
    "greylisted",
    "too",
    "many",
    "connections",
    "domain",
    "not",
    "found",
    "sender",
    "5.7.1",
    "[192.0.2.1]",
    "<a@example.org>",
    "relay",
    "denied",
]
ABOUT_US = (
    "spamhaus",
    "blacklisted",
    "dmarc policy",
    "spf fail",
    "detected as spam",
    "poor reputation",
)

texts = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
statuses = st.one_of(
    st.just(""),
    st.builds("{}.{}.{}".format, st.sampled_from((4, 5)), st.integers(0, 7), st.integers(0, 999)),
)
replies = st.builds(
    Reply, st.integers(400, 599), statuses, st.lists(texts, min_size=1, max_size=3).map(tuple)
)
phases = st.sampled_from(Phase)


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load()


@given(reply=replies, phase=phases, provider=st.sampled_from(("", "google", "outlook", "yahoo")))
def test_any_reply_has_a_class_and_only_final_words_on_a_recipient_suppress(
    classifier, reply, phase, provider
):
    verdict = classifier.examine(reply, phase, provider)
    assert isinstance(verdict.bounce_class, BounceClass)
    assert verdict == classifier.examine(reply, phase, provider)
    if verdict.bounce_class.is_hard:
        assert reply.is_permanent
        assert phase in {Phase.RCPT, Phase.DATA, Phase.DOT, Phase.DNS, Phase.LOCAL}


@given(
    words=st.lists(st.sampled_from(WORDS), max_size=12),
    word=st.sampled_from(ABOUT_US),
    at=st.integers(0, 12),
    status=statuses,
)
def test_a_reply_that_names_a_block_on_us_never_suppresses(classifier, words, word, at, status):
    words = [w for w in words if w not in ("full", "llena")]
    words.insert(at, word)
    reply = Reply.of(550, status, " ".join(words))
    assert not classifier.classify(reply, Phase.RCPT).is_hard


@given(text=st.text())
def test_normalised_text_is_short_and_stays_as_it_is(text):
    seen = normalise(text)
    assert len(seen) <= 20 * MAX_TEXT_CHARS
    assert "  " not in seen


def test_the_cache_is_bounded(classifier):
    for number in range(CACHE_ENTRIES + 50):
        text = "".join(chr(97 + int(digit)) for digit in str(number))
        classifier.classify(Reply.of(550, "", text), Phase.RCPT)
    assert len(classifier._cache) == CACHE_ENTRIES
