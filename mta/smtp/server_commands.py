"""What each SMTP command does to the dialogue; order has been checked by the state table before.

A command returns an event when somebody has to decide or act, else None.
"""

from collections.abc import Callable, Mapping

from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.commands import parse_bdat, parse_hello, parse_mail, parse_rcpt
from mta.smtp.sasl import Challenge, Step
from mta.smtp.server_auth import encode_challenge
from mta.smtp.server_dialogue import Dialogue, Reading, Result
from mta.smtp.server_events import RecipientGiven, SenderGiven, TlsRequested
from mta.smtp.server_states import State
from mta.smtp.server_transaction import Chunk


def ehlo(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §4.1.1.1; within a session it acts as RSET."""
    return _greet(dialogue, argument, is_extended=True)


def helo(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §4.1.1.1, without extensions."""
    return _greet(dialogue, argument, is_extended=False)


def _greet(dialogue: Dialogue, argument: str, *, is_extended: bool) -> Result:
    name = parse_hello(argument)
    if isinstance(name, Reply):
        return dialogue.error(name)
    dialogue.transaction = None
    dialogue.helo = name
    dialogue.is_extended = is_extended
    dialogue.enter(State.READY)
    options = dialogue.options
    if is_extended:
        now_ms = dialogue.clock.now_ms()
        greeting = options.capabilities(is_secure=dialogue.is_secure, now_ms=now_ms)
    else:
        greeting = options.hello()
    dialogue.output.append(greeting)
    return None


def mail(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §4.1.1.2; only after a login or from a trusted network (RFC 6409 §4.3)."""
    options = dialogue.options
    if not (dialogue.is_authenticated or dialogue.is_trusted):
        has_auth = options.offers_auth(is_secure=dialogue.is_secure)
        needs_tls = options.offer_tls and not has_auth
        return dialogue.error(replies.NEED_TLS_AND_AUTH if needs_tls else replies.NEED_AUTH)
    command = parse_mail(argument, options.max_message_bytes, dialogue.clock)
    if isinstance(command, Reply):
        return dialogue.error(command)
    dialogue.asked = command
    dialogue.parked = SenderGiven
    return SenderGiven(command.sender, command.size_bytes)


def rcpt(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §4.1.1.3.

    A bad or superfluous recipient is no error of the session: a list with bad addresses is no
    attack, its good ones must get their mail, and clients learn the limit by 452.
    """
    transaction = dialogue.transaction
    assert transaction is not None
    accepted = len(transaction.recipients)
    options = dialogue.options
    if accepted >= options.max_recipients:
        dialogue.say(replies.TOO_MANY_RECIPIENTS)
        return None
    recipient = parse_rcpt(argument, options.hostname, smtputf8=transaction.mail.smtputf8)
    if isinstance(recipient, Reply):
        dialogue.say(recipient)
        return None
    dialogue.asked = recipient
    dialogue.parked = RecipientGiven
    return RecipientGiven(recipient, accepted)


def data(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §4.1.1.4."""
    if argument.strip():
        return dialogue.error(replies.NO_PARAMETER)
    options = dialogue.options
    assert dialogue.transaction is not None
    dialogue.transaction.begin_data(
        options.max_message_bytes, normalize=options.normalize_line_endings
    )
    dialogue.reading = Reading.DATA
    dialogue.output.append(replies.START_DATA)
    return None


def bdat(dialogue: Dialogue, argument: str) -> Result:
    """RFC 3030 §2."""
    command = parse_bdat(argument)
    if isinstance(command, Reply):
        return refuse_chunk(dialogue, argument, command)
    options = dialogue.options
    assert dialogue.transaction is not None
    content = dialogue.transaction.begin_chunks(
        options.max_message_bytes, normalize=options.normalize_line_endings
    )
    if content.size_bytes + command.size_bytes > options.max_message_bytes:
        dialogue.reset()
        return refuse_chunk(dialogue, argument, replies.TOO_BIG)
    dialogue.enter(State.CHUNKS)
    dialogue.chunk = Chunk(command, None)
    dialogue.reading = Reading.CHUNK
    return None


def refuse_chunk(dialogue: Dialogue, argument: str, refusal: Reply) -> Result:
    """The octets of a refused chunk come all the same (RFC 3030 §2): drop them, then say no."""
    command = parse_bdat(argument)
    if isinstance(command, Reply):
        # How much follows is unknown, and content must never be read as commands.
        return dialogue.close(command, "protocol")
    dialogue.chunk = Chunk(command, refusal)
    dialogue.reading = Reading.CHUNK
    return None


def rset(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §4.1.1.5."""
    if argument.strip():
        return dialogue.error(replies.NO_PARAMETER)
    dialogue.reset()
    return dialogue.idle(replies.RESET)


def noop(dialogue: Dialogue, _: str) -> Result:
    """RFC 5321 §4.1.1.9."""
    return dialogue.idle(replies.NOOP)


def help_(dialogue: Dialogue, _: str) -> Result:
    """RFC 5321 §4.1.1.8."""
    return dialogue.idle(replies.HELP)


def vrfy(dialogue: Dialogue, argument: str) -> Result:
    """RFC 5321 §7.3: discloses nothing."""
    if not argument.strip():
        return dialogue.error(replies.VRFY_SYNTAX)
    return dialogue.idle(replies.VRFY)


def expn(dialogue: Dialogue, _: str) -> Result:
    """Never offered (RFC 5321 §7.3)."""
    return dialogue.error(replies.EXPN)


def quit_(dialogue: Dialogue, _: str) -> Result:
    """RFC 5321 §4.1.1.10."""
    return dialogue.close(replies.BYE, "quit")


def http(dialogue: Dialogue, _: str) -> Result:
    """A browser was talked into sending us mail (ALPACA): do not read what it posts."""
    return dialogue.close(replies.NOT_HTTP, "http")


def unknown(dialogue: Dialogue, _: str) -> Result:
    """Any other verb."""
    return dialogue.error(replies.UNKNOWN_COMMAND)


def starttls(dialogue: Dialogue, argument: str) -> Result:
    """RFC 3207 §4; what came in clear behind the command is dropped here."""
    if argument.strip():
        return dialogue.error(replies.NO_PARAMETER)
    if dialogue.is_secure:
        return dialogue.error(replies.TLS_ACTIVE)
    if not dialogue.options.offer_tls:
        return dialogue.error(replies.NO_TLS)
    dialogue.say(replies.READY_FOR_TLS)
    dialogue.parked = TlsRequested
    return TlsRequested(dialogue.input.clear())


def auth(dialogue: Dialogue, argument: str) -> Result:
    """RFC 4954 §4."""
    refusal = None
    if not dialogue.is_extended:
        refusal = replies.NEED_HELLO
    elif dialogue.is_authenticated:
        refusal = replies.AUTH_TWICE
    elif not dialogue.options.mechanisms:
        refusal = replies.AUTH_NOT_OFFERED
    elif not dialogue.options.offers_auth(is_secure=dialogue.is_secure):
        refusal = replies.AUTH_NEEDS_TLS
    return take_step(dialogue, refusal or dialogue.auth.begin(argument))


def take_step(dialogue: Dialogue, step: Step) -> Result:
    """Go on with an AUTH exchange."""
    if isinstance(step, Challenge):
        dialogue.output.append(encode_challenge(step))
        return None
    if isinstance(step, Reply):
        return dialogue.error(step)
    dialogue.parked = type(step)
    return step


Handler = Callable[[Dialogue, str], Result]
HANDLERS: Mapping[str, Handler] = {
    "EHLO": ehlo,
    "HELO": helo,
    "MAIL": mail,
    "RCPT": rcpt,
    "DATA": data,
    "BDAT": bdat,
    "RSET": rset,
    "NOOP": noop,
    "QUIT": quit_,
    "HELP": help_,
    "VRFY": vrfy,
    "EXPN": expn,
    "AUTH": auth,
    "STARTTLS": starttls,
    **dict.fromkeys(
        ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"), http
    ),
}
