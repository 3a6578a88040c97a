"""Transactions of the sans-IO client: what is said when, and what each reply comes to."""

import pytest

from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.smtp.client import ClientSession
from mta.smtp.client_options import ClientOptions, TlsMode
from mta.smtp.client_states import State, Step
from mta.smtp.client_transaction import OutgoingRecipient, Transaction

BODY = b"Subject: x\r\n\r\n.dotted\r\n"
STUFFED = b"Subject: x\r\n\r\n..dotted\r\n.\r\n"
COMMANDS = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
ALL_OK = b"250 ok\r\n250 ok\r\n354 go\r\n"

DELIVERED, DEFERRED, BOUNCED, UNCERTAIN, RETURNED = (
    OutcomeKind.DELIVERED,
    OutcomeKind.DEFERRED,
    OutcomeKind.BOUNCED,
    OutcomeKind.UNCERTAIN,
    OutcomeKind.RETURNED,
)


def ready(*extensions: str) -> ClientSession:
    client = ClientSession(ClientOptions("out.example.com", TlsMode.OFF), "mx.test[192.0.2.1]")
    client.receive(b"220 mx.test\r\n")
    lines = ["mx.test", *extensions]
    reply = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
    client.receive(reply.encode())
    client.output.clear()
    assert client.state is State.READY
    return client


def mail(*recipients: str, content: bytes = BODY) -> Transaction:
    addresses = recipients or ("b@example.org",)
    return Transaction(
        "a@example.com", tuple(OutgoingRecipient(address) for address in addresses), content
    )


def output(client: ClientSession) -> bytes:
    data = b"".join(client.output)
    client.output.clear()
    return data


def say(client: ClientSession, data: bytes) -> bytes:
    client.receive(data)
    return output(client)


def ended(client: ClientSession) -> list[list[Outcome]]:
    outcomes = [outcomes for _, outcomes in client.finished]
    client.finished.clear()
    return outcomes


def kinds(client: ClientSession) -> list[list[OutcomeKind]]:
    return [[outcome.kind for outcome in outcomes] for outcomes in ended(client)]


# Order of what is said


def test_commands_of_a_transaction_leave_together_when_pipelining_is_offered():
    client = ready("PIPELINING")
    client.submit(mail())
    assert output(client) == COMMANDS


def test_body_dot_and_the_next_commands_leave_together():
    client = ready("PIPELINING")
    client.submit(mail())
    client.submit(mail())
    assert output(client) == COMMANDS
    assert say(client, ALL_OK) == STUFFED + COMMANDS
    assert client.slots_free == 0
    assert say(client, b"250 2.0.0 ok\r\n" + ALL_OK) == STUFFED
    assert kinds(client) == [[DELIVERED]]
    assert client.slots_free == 1


def test_transaction_handed_over_while_the_body_is_judged_leaves_at_once():
    client = ready("PIPELINING")
    client.submit(mail())
    output(client)
    say(client, ALL_OK)
    client.submit(mail())
    assert output(client) == COMMANDS


def test_without_pipelining_each_command_waits_for_its_reply():
    client = ready()
    client.submit(mail("b@example.org", "c@example.org"))
    client.submit(mail())
    assert output(client) == b"MAIL FROM:<a@example.com>\r\n"
    assert say(client, b"250 ok\r\n") == b"RCPT TO:<b@example.org>\r\n"
    assert say(client, b"250 ok\r\n") == b"RCPT TO:<c@example.org>\r\n"
    assert say(client, b"250 ok\r\n") == b"DATA\r\n"
    assert say(client, b"354 go\r\n") == STUFFED
    assert say(client, b"250 ok\r\n") == b"MAIL FROM:<a@example.com>\r\n"
    assert kinds(client) == [[DELIVERED, DELIVERED]]


def test_content_without_a_line_end_gets_one_before_the_dot():
    client = ready("PIPELINING")
    client.submit(mail(content=b"Subject: x"))
    output(client)
    assert say(client, ALL_OK) == b"Subject: x\r\n.\r\n"


def test_quit_follows_the_last_body_in_the_same_write():
    client = ready("PIPELINING")
    client.submit(mail())
    client.quit()
    assert client.slots_free == 0
    assert output(client) == COMMANDS
    assert say(client, ALL_OK) == STUFFED + b"QUIT\r\n"
    say(client, b"250 ok\r\n221 bye\r\n")
    assert client.state is State.CLOSED
    assert client.ended_politely
    assert kinds(client) == [[DELIVERED]]


def test_lost_reply_to_quit_changes_nothing():
    client = ready("PIPELINING")
    client.submit(mail())
    client.quit()
    output(client)
    say(client, ALL_OK)
    say(client, b"250 ok\r\n")
    client.connection_lost()
    assert kinds(client) == [[DELIVERED]]


def test_peer_that_limits_transactions_gets_quit_after_the_last():
    client = ready("PIPELINING", "LIMITS MAILMAX=1")
    client.submit(mail())
    assert client.slots_free == 0
    output(client)
    assert say(client, ALL_OK).endswith(b"QUIT\r\n")


# Verdicts


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"250 2.0.0 ok\r\n", DELIVERED),
        (b"299 odd\r\n", DELIVERED),
        (b"451 4.3.0 later\r\n", DEFERRED),
        (b"499 odd\r\n", DEFERRED),
        (b"550 5.7.1 no\r\n", BOUNCED),
        (b"599 odd\r\n", BOUNCED),
    ],
)
def test_reply_to_the_final_dot_counts_by_its_first_digit(reply: bytes, kind: OutcomeKind):
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    say(client, reply)
    ((outcome,),) = ended(client)
    assert outcome.kind is kind
    assert outcome.phase is Phase.DOT
    assert outcome.host == "mx.test[192.0.2.1]"
    assert not outcome.host_fault
    assert outcome.reply.code == int(reply[:3])


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_each_recipient_gets_its_own_verdict(extensions: tuple[str, ...]):
    client = ready(*extensions)
    client.submit(mail("b@x.test", "c@x.test", "d@x.test", "e@x.test"))
    rcpts = b"250 ok\r\n", b"550 5.1.1 no\r\n", b"450 4.2.1 busy\r\n", b"251 forwarded\r\n"
    for reply in (b"250 ok\r\n", *rcpts, b"354 go\r\n", b"250 ok\r\n"):
        say(client, reply)
    ((first, second, third, fourth),) = ended(client)
    assert [first.kind, second.kind, third.kind, fourth.kind] == [
        DELIVERED,
        BOUNCED,
        DEFERRED,
        DELIVERED,
    ]
    assert (second.phase, second.reply.enhanced) == (Phase.RCPT, "5.1.1")


@pytest.mark.parametrize(
    "refusal",
    [
        b"452 4.5.3 too many\r\n",
        b"452 Too many recipients\r\n",
        b"552 5.5.3 too many\r\n",
        b"451 4.5.3 x\r\n",
    ],
)
def test_too_many_recipients_returns_the_rest(refusal: bytes):
    client = ready("PIPELINING")
    client.submit(mail("b@x.test", "c@x.test", "d@x.test"))
    say(client, b"250 ok\r\n250 ok\r\n" + refusal + refusal + b"354 go\r\n")
    say(client, b"250 ok\r\n")
    assert kinds(client) == [[DELIVERED, RETURNED, RETURNED]]


def test_too_many_recipients_at_the_first_is_a_deferral():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, b"250 ok\r\n452 4.5.3 too many\r\n503 no\r\n")
    assert kinds(client) == [[DEFERRED]]


def test_full_mailbox_is_not_too_many_recipients():
    client = ready("PIPELINING")
    client.submit(mail("b@x.test", "c@x.test"))
    say(client, b"250 ok\r\n250 ok\r\n452 4.2.2 Mailbox full\r\n354 go\r\n")
    say(client, b"250 ok\r\n")
    assert kinds(client) == [[DELIVERED, DEFERRED]]


def test_recipient_limit_told_beforehand_returns_the_rest_unsaid():
    client = ready("PIPELINING", "LIMITS RCPTMAX=1")
    client.submit(mail("b@example.org", "c@example.org"))
    assert output(client) == COMMANDS
    say(client, ALL_OK)
    say(client, b"250 ok\r\n")
    assert kinds(client) == [[DELIVERED, RETURNED]]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("refusal", "kind"), [(b"550 5.7.1 who\r\n", BOUNCED), (b"451 4.7.1 later\r\n", DEFERRED)]
)
def test_refused_sender_decides_for_every_recipient(
    extensions: tuple[str, ...], refusal: bytes, kind: OutcomeKind
):
    client = ready(*extensions)
    client.submit(mail("b@x.test", "c@x.test"))
    say(client, refusal)
    if extensions:
        say(client, b"503 no\r\n503 no\r\n503 no\r\n")
    ((first, second),) = ended(client)
    assert first.kind is second.kind is kind
    assert first.phase is Phase.MAIL
    client.submit(mail())
    assert b"RSET" not in output(client)


def test_all_recipients_refused_and_data_refused_needs_rset_before_the_next():
    client = ready("PIPELINING")
    client.submit(mail())
    client.submit(mail())
    output(client)
    said = say(client, b"250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n")
    assert said == b"RSET\r\n" + COMMANDS
    assert kinds(client) == [[BOUNCED]]
    say(client, b"250 reset\r\n" + ALL_OK)
    say(client, b"250 ok\r\n")
    assert kinds(client) == [[DELIVERED]]


def test_all_recipients_refused_and_data_accepted_sends_a_lone_dot():
    client = ready("PIPELINING")
    client.submit(mail())
    client.submit(mail())
    output(client)
    said = say(client, b"250 ok\r\n550 5.1.1 no\r\n354 go\r\n")
    assert said == b".\r\n" + COMMANDS
    assert kinds(client) == []
    say(client, b"250 2.0.0 taken\r\n" + ALL_OK)
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.phase) == (BOUNCED, Phase.RCPT)
    assert client.transfer.messages_sent == 0


def test_all_recipients_refused_step_by_step_needs_no_data():
    client = ready()
    client.submit(mail())
    client.submit(mail())
    say(client, b"250 ok\r\n")
    assert say(client, b"550 5.1.1 no\r\n") == b"RSET\r\n"
    assert say(client, b"250 ok\r\n") == b"MAIL FROM:<a@example.com>\r\n"


def test_refused_data_is_the_verdict_of_the_accepted_recipients():
    client = ready("PIPELINING")
    client.submit(mail("b@x.test", "c@x.test"))
    say(client, b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n451 4.3.0 no\r\n")
    ((first, second),) = ended(client)
    assert (first.kind, first.phase) == (DEFERRED, Phase.DATA)
    assert (second.kind, second.phase) == (BOUNCED, Phase.RCPT)


def test_message_too_large_for_the_peer_bounces_without_a_word():
    client = ready("PIPELINING", "SIZE 5")
    client.submit(mail())
    assert output(client) == b""
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.phase) == (BOUNCED, Phase.LOCAL)
    assert outcome.reply.enhanced == "5.3.4"
    assert client.slots_free == 2


def test_unsafe_recipient_bounces_and_the_others_go():
    client = ready("PIPELINING")
    client.submit(mail("b@example.org", "x@y.test>\r\nRSET", "c@example.org"))
    assert output(client) == (
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
        b"RCPT TO:<c@example.org>\r\nDATA\r\n"
    )
    say(client, b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n")
    say(client, b"250 ok\r\n")
    assert kinds(client) == [[DELIVERED, BOUNCED, BOUNCED]]


def test_transaction_of_unsafe_recipients_only_says_nothing():
    client = ready("PIPELINING")
    client.submit(mail("x@y.test>\r\nRSET", ""))
    assert output(client) == b""
    assert kinds(client) == [[BOUNCED, BOUNCED]]


# The end of the connection


def test_connection_lost_after_the_final_dot_is_uncertain():
    client = ready("PIPELINING")
    client.submit(mail("b@x.test", "c@x.test"))
    client.submit(mail())
    say(client, b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n")
    client.connection_lost()
    (first, second), (third,) = ended(client)
    assert [first.kind, second.kind, third.kind] == [UNCERTAIN, BOUNCED, RETURNED]


def test_connection_lost_before_the_dot_was_out_is_a_deferral():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    client.connection_lost(dot_is_out=False)
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, Phase.DATA, True)


def test_connection_lost_at_the_first_mail_blames_the_host():
    client = ready("PIPELINING")
    client.submit(mail())
    client.connection_lost()
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.host_fault) == (DEFERRED, True)


def test_kept_connection_closed_at_mail_is_no_attempt():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    say(client, b"250 ok\r\n")
    ended(client)
    client.submit(mail())
    client.connection_lost()
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.host_fault) == (RETURNED, False)


def test_kept_connection_lost_at_rcpt_is_an_attempt():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    client.submit(mail())
    say(client, b"250 ok\r\n250 ok\r\n")
    ended(client)
    client.connection_lost()
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.phase) == (DEFERRED, Phase.RCPT)


def test_transaction_of_which_nothing_was_said_is_unsent():
    client = ready("PIPELINING")
    first, second = mail(), mail()
    client.submit(first)
    client.submit(second)
    client.connection_lost()
    assert [transaction for transaction, _ in client.finished] == [first]
    assert client.take_unsent() == [second]
    assert client.take_unsent() == []


def test_421_to_mail_on_a_new_connection_defers_and_blames_the_host():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, b"421 4.7.0 slow down\r\n")
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.host_fault) == (DEFERRED, True)
    assert outcome.reply.enhanced == "4.7.0"
    assert client.state is State.CLOSED


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"421 Max message per connection reached\r\n", RETURNED),
        (b"421 4.4.2 idle\r\n", RETURNED),
        (b"421 4.7.28 rate\r\n", DEFERRED),
    ],
)
def test_421_to_mail_on_a_kept_connection_counts_only_when_it_is_policy(
    reply: bytes, kind: OutcomeKind
):
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    say(client, b"250 ok\r\n")
    client.submit(mail())
    ended(client)
    say(client, reply)
    ((outcome,),) = ended(client)
    assert outcome.kind is kind
    assert outcome.host_fault == (kind is DEFERRED)


def test_421_to_the_final_dot_is_a_refusal_not_a_doubt():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    say(client, b"421 4.3.0 no\r\n")
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, Phase.DOT, True)


def test_421_at_a_recipient_defers_those_without_a_verdict():
    client = ready("PIPELINING")
    client.submit(mail("b@x.test", "c@x.test", "d@x.test"))
    say(client, b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n421 4.3.2 bye\r\n")
    assert kinds(client) == [[DEFERRED, BOUNCED, DEFERRED]]


def test_421_while_idle_closes_and_nobody_suffers():
    client = ready("PIPELINING")
    say(client, b"421 4.4.2 idle too long\r\n")
    assert client.state is State.CLOSED
    assert client.finished == []
    assert client.slots_free == 0


@pytest.mark.parametrize(
    ("step", "waiting"),
    [
        (b"", "MAIL"),
        (b"250 ok\r\n", "RCPT"),
        (b"250 ok\r\n250 ok\r\n", "DATA"),
    ],
)
def test_timeout_before_the_body_defers_and_blames_the_host(step: bytes, waiting: str):
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, step)
    client.timed_out(300)
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.host_fault) == (DEFERRED, True)
    assert f"timed out after 300 s waiting for the reply to {waiting}" in outcome.reply.text


def test_timeout_after_the_body_is_uncertain():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    client.timed_out(600)
    assert kinds(client) == [[UNCERTAIN]]


def test_stalled_body_is_a_deferral():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    client.timed_out(180, dot_is_out=False)
    ((outcome,),) = ended(client)
    assert outcome.kind is DEFERRED
    assert "sending the message" in outcome.reply.text


# Peers that break the protocol


@pytest.mark.parametrize(
    ("replies", "phase"),
    [
        (b"354 go\r\n", Phase.MAIL),
        (b"250 ok\r\n354 go\r\n", Phase.RCPT),
        (b"250 ok\r\n250 ok\r\n250 ok\r\n", Phase.DATA),
        (b"250 ok\r\n250 ok\r\n354 go\r\n250 taken before it came\r\n", Phase.DATA),
        (b"250 ok\r\n250 ok\r\n354 go\r\n2", Phase.DATA),
        (b"no code\r\n", Phase.MAIL),
        (b"250 ok\r\nno code\r\n", Phase.RCPT),
    ],
)
def test_reply_out_of_place_defers_and_sends_no_body(replies: bytes, phase: Phase):
    client = ready("PIPELINING")
    client.submit(mail())
    output(client)
    assert say(client, replies) == b""
    ((outcome,),) = ended(client)
    assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, phase, True)
    assert outcome.reply.enhanced == "4.5.0"
    assert client.state is State.CLOSED


def test_354_to_the_final_dot_leaves_the_message_uncertain():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    say(client, b"354 more\r\n")
    assert kinds(client) == [[UNCERTAIN]]


def test_reply_that_nobody_waits_for_closes_the_connection():
    client = ready("PIPELINING")
    say(client, b"250 for nothing\r\n")
    assert client.state is State.CLOSED


@pytest.mark.parametrize(
    ("early", "kind"), [(b"552 5.3.4 too big\r\n", BOUNCED), (b"250 2.0.0 taken\r\n", DEFERRED)]
)
def test_verdict_before_the_whole_body_was_sent_ends_the_connection(
    early: bytes, kind: OutcomeKind
):
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, ALL_OK)
    client.receive(early, dot_is_out=False)
    assert kinds(client) == [[kind]]
    assert client.state is State.CLOSED


def test_refused_rset_ends_the_connection():
    client = ready("PIPELINING")
    client.submit(mail())
    say(client, b"250 ok\r\n550 no\r\n554 no\r\n")
    client.submit(mail())
    ended(client)
    say(client, b"500 what\r\n")
    assert client.state is State.CLOSED
    assert kinds(client) == [[DEFERRED]]


def test_awaited_step_follows_the_replies():
    client = ready("PIPELINING")
    assert client.awaiting is None
    client.submit(mail())
    steps = [client.awaiting]
    for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 ok\r\n"):
        say(client, reply)
        steps.append(client.awaiting)
    assert steps == [Step.MAIL, Step.RCPT, Step.DATA, Step.DOT, None]
