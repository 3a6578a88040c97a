"""The shipped bounce rules: each can match, and replies of the world get the right class."""

import tomllib

import pytest

from mta.bounces.classes import MEANINGS, BounceClass
from mta.bounces.classifier import Classifier, shipped_rules
from mta.bounces.rules import parse_reply
from mta.model.outcome import Phase
from mta.model.reply import Reply

B = BounceClass


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load()


def test_every_shipped_rule_catches_its_own_samples(classifier):
    assert classifier.check_samples() == []


def test_the_rules_cover_all_classes_a_peer_can_cause(classifier):
    assert {rule.bounce_class for rule in classifier.rules} == set(BounceClass)


def test_rules_name_only_providers_that_shaping_recognises(classifier):
    shaping = tomllib.loads(shipped_rules().with_name("shaping.toml").read_text())
    known = {provider["name"] for provider in shaping["provider"]}
    assert set().union(*(rule.providers for rule in classifier.rules)) <= known


def test_there_are_seventeen_classes_and_each_is_explained():
    assert len(BounceClass) == 17
    assert set(MEANINGS) == set(BounceClass)


def test_only_three_classes_suppress():
    assert {c for c in BounceClass if c.is_hard} == {B.BAD_MAILBOX, B.BAD_DOMAIN, B.INACTIVE}


def test_properties_name_the_class_they_ask_for():
    assert B.GREYLIST.is_greylist
    assert {c for c in BounceClass if c.is_host_level} == {B.RATE_LIMIT, B.SPAM_REPUTATION}
    assert not B.POLICY.is_greylist


# Examples of the classification order that went wrong in other systems.
REPLIES = [
    # one status, two meanings
    ("550 5.2.1 The email account that you tried to reach is disabled", B.INACTIVE),
    (
        "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
        B.RATE_LIMIT,
    ),
    ("552 5.2.2 The recipient's inbox is out of storage space and inactive.", B.INACTIVE),
    ("552 5.2.2 The recipient's inbox is out of storage space.", B.QUOTA),
    # 5.7.1 means anything
    ("550 5.7.1 Message rejected: low reputation", B.SPAM_REPUTATION),
    ("550 5.7.1 <a@example.org>: Relay access denied", B.ROUTING),
    ("554 5.7.1 <a@example.org>: Recipient address rejected: user unknown", B.BAD_MAILBOX),
    ("550 5.7.1 Email rejected per DMARC policy", B.AUTH_FAILURE),
    ("550 5.7.1 Command rejected", B.POLICY),
    ("550 5.7.1 Message considered spam by the content filter", B.SPAM_CONTENT),
    # blocks that carry the status of an unknown user
    ("550 5.1.1 Mail refused: 192.0.2.1 is listed at zen.spamhaus.org", B.SPAM_REPUTATION),
    ("550 5.1.1 Rejected, your IP address is blocked", B.SPAM_REPUTATION),
    ("550 5.1.1 SPF check failed for the sender", B.AUTH_FAILURE),
    ("550 5.1.1 Message looks like spam", B.SPAM_CONTENT),
    ("550 5.1.1 Too many invalid recipients", B.SPAM_REPUTATION),
    ("550 5.1.1 Sender address rejected: Domain not found", B.POLICY),
    ("553 5.1.8 <x@example.org>... Domain of sender address does not exist", B.POLICY),
    # unknown users in many words
    ("550 5.1.1 <a@example.org>: Recipient address rejected: example.org", B.BAD_MAILBOX),
    ("550 <a@example.org>: Recipient address rejected: User unknown in local recipient table", B.BAD_MAILBOX),
    ("550 5.1.1 <a@example.org>... User unknown", B.BAD_MAILBOX),
    ("550 unknown user account", B.BAD_MAILBOX),
    ("550 Invalid recipient <a@example.org> (Mode: normal)", B.BAD_MAILBOX),
    ("550 #5.1.0 Address rejected.", B.BAD_MAILBOX),
    ("550 5.1.1 sorry, no mailbox here by that name", B.BAD_MAILBOX),
    ("550 The recipient cannot be verified; no such user - psmtp", B.BAD_MAILBOX),
    ("550 a@example.org: user does not exist", B.BAD_MAILBOX),
    ("550 5.1.1 unknown or illegal alias: a@example.org", B.BAD_MAILBOX),
    ("550 mailbox not found", B.BAD_MAILBOX),
    ("550 Dirección de correo inexistente", B.BAD_MAILBOX),
    ("550 5.1.1 El buzón no existe", B.BAD_MAILBOX),
    ("550 Destinatario desconocido", B.BAD_MAILBOX),
    ("550 El usuario a@example.org no existe", B.BAD_MAILBOX),
    ("550 Usuario no encontrado", B.BAD_MAILBOX),
    ("550 Destinatário inexistente", B.BAD_MAILBOX),
    ("550 5.1.1 Conta inexistente", B.BAD_MAILBOX),
    # full, in many words
    ("452 4.2.2 The email account that you tried to reach is over quota", B.QUOTA),
    ("552 5.2.2 Over quota", B.QUOTA),
    ("550 Mailbox is full", B.QUOTA),
    ("552 Casilla llena", B.QUOTA),
    ("550 5.2.2 Buzón lleno", B.QUOTA),
    ("552 La cuenta excedió su cuota", B.QUOTA),
    ("452 4.2.2 Usuário com caixa cheia", B.QUOTA),
    # the moment
    ("450 4.7.1 <a@example.org>: Recipient address rejected: Greylisted for 5 minutes", B.GREYLIST),
    ("451 4.7.1 Please try again later", B.TRANSIENT_OTHER),
    ("450 4.7.1 Come back", B.GREYLIST),
    ("451 4.3.2 Please try again later", B.TRANSIENT_OTHER),
    ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", B.RATE_LIMIT),
    ("451 4.7.500 Server busy", B.TRANSIENT_OTHER),
    ("421 Too many concurrent SMTP connections", B.RATE_LIMIT),
    ("452 4.5.3 Too many recipients", B.RATE_LIMIT),
    ("421 4.4.2 example.org Error: timeout exceeded", B.TRANSIENT_OTHER),
    # size, form, TLS, routing
    ("552 5.3.4 Message size exceeds fixed maximum message size (10485760)", B.MESSAGE_TOO_BIG),
    ("550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds", B.PROTOCOL),
    ("530 5.7.0 Must issue a STARTTLS command first", B.TLS),
    ("554 5.4.6 Too many hops", B.ROUTING),
    ("556 5.1.10 Domain does not accept mail", B.BAD_DOMAIN),
    ("550 5.1.2 Host unknown", B.BAD_DOMAIN),
    ("550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission", B.POLICY),
    ("550", B.POLICY),
    ("450", B.TRANSIENT_OTHER),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "expected"), REPLIES, ids=[text for text, _ in REPLIES])
def test_reply_has_its_class(classifier, reply, expected):
    parsed = Reply.of(int(reply), "", "") if reply.isdigit() else parse_reply(reply)
    verdict = classifier.examine(parsed, Phase.RCPT)
    assert verdict.bounce_class == expected, f"by rule {verdict.rule!r}"


def test_a_reply_of_several_lines_is_read_as_one(classifier):
    reply = Reply(550, "5.1.1", ("The email account that you", "tried to reach does not exist."))
    assert classifier.examine(reply, Phase.RCPT).rule == "google-no-such-user"


def test_a_providers_rule_is_not_applied_to_another_provider(classifier):
    reply = parse_reply("550 5.4.1 Recipient address rejected: Access denied.")
    assert classifier.examine(reply, Phase.RCPT, "outlook").rule == "microsoft-no-such-mailbox"
    assert classifier.examine(reply, Phase.RCPT, "").rule == "microsoft-no-such-mailbox"
    assert classifier.examine(reply, Phase.RCPT, "google").rule != "microsoft-no-such-mailbox"


def test_a_busy_mailbox_does_not_slow_the_lane(classifier):
    busy = parse_reply(
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly."
    )
    assert not classifier.examine(busy, Phase.RCPT, "google").is_host_level
    limited = parse_reply("421 4.7.28 Gmail has detected an unusual rate of unsolicited mail")
    assert classifier.examine(limited, Phase.MAIL, "google").is_host_level


@pytest.mark.parametrize(
    "phase", [Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.TLS, Phase.MAIL]
)
def test_before_rcpt_nothing_is_said_about_a_recipient(classifier, phase):
    reply = parse_reply("550 5.1.1 User unknown")
    assert not classifier.classify(reply, phase).is_hard


def test_a_transient_reply_never_suppresses(classifier):
    reply = parse_reply(
        "450 4.1.1 <a@example.org>: Recipient address rejected: unverified address: User unknown"
    )
    assert classifier.classify(reply, Phase.RCPT) is B.TRANSIENT_OTHER


def test_a_failed_handshake_is_a_tls_fault_whatever_its_text(classifier):
    assert classifier.classify(Reply.of(454, "", "ouch"), Phase.TLS) is B.TLS


def test_the_shipped_file_is_found_in_the_source_tree():
    assert shipped_rules().name == "bounce_rules.toml"
