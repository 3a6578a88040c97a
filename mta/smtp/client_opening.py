"""From the greeting to the first MAIL: EHLO or HELO, STARTTLS, AUTH, as a table of steps."""

import base64
from collections.abc import Callable, Mapping

from mta.model.outcome import Outcome
from mta.model.reply import Reply
from mta.smtp.client_extensions import Extensions, parse_extensions
from mta.smtp.client_options import ClientOptions, Credentials, TlsMode
from mta.smtp.client_states import STEP_PHASE, State, Step
from mta.smtp.client_verdicts import Verdicts

# RFC 5321 §3.2: a server that does not know EHLO; 501, 503 and 504 are seen for it too.
_EHLO_UNKNOWN = frozenset({500, 501, 502, 503, 504})


class Opening:
    """Decides the next command of a connection that is not yet ready for mail.

    `output` is what has to be sent, `step` whose reply is awaited, `state` where that leads;
    `failure` is the outcome that ended it (state CLOSED).
    """

    __slots__ = (
        "_credentials",
        "_handlers",
        "_may_starttls",
        "_options",
        "_verdicts",
        "extensions",
        "failure",
        "output",
        "says_quit",
        "state",
        "step",
    )

    def __init__(
        self, options: ClientOptions, verdicts: Verdicts, *, skip_starttls: bool = False
    ) -> None:
        """`skip_starttls`: this peer's TLS is known to be broken (opportunistic mode only)."""
        self._options = options
        self._verdicts = verdicts
        self._credentials = options.credentials
        self._may_starttls = options.tls is not TlsMode.OFF and not (
            skip_starttls and not options.tls.is_mandatory
        )
        self.state = State.OPENING
        self.step = Step.GREETING
        self.output = b""
        self.extensions = Extensions()
        self.failure: Outcome | None = None
        self.says_quit = False  # the end was a refusal: the peer still listens
        self._handlers: Mapping[Step, Callable[[Reply], None]] = {
            Step.GREETING: self._on_greeting,
            Step.EHLO: self._on_ehlo,
            Step.HELO: self._on_helo,
            Step.STARTTLS: self._on_starttls,
            Step.AUTH_PLAIN: self._on_auth_end,
            Step.AUTH_LOGIN: self._on_auth_login,
            Step.AUTH_USER: self._on_auth_user,
            Step.AUTH_PASSWORD: self._on_auth_end,
        }

    def receive(self, reply: Reply) -> None:
        """Take the reply to the current step; 421 ends the connection whatever the step."""
        if reply.code == 421:
            self.fail(reply)
        else:
            self._handlers[self.step](reply)

    def resume_in_tls(self) -> None:
        """The handshake is done: everything known is forgotten (RFC 3207 §4.2), EHLO again."""
        self._may_starttls = False
        self.state = State.OPENING
        self.extensions = Extensions()
        self._send(Step.EHLO, f"EHLO {self._options.ehlo}")

    def fail(self, reply: Reply) -> None:
        """End it; whatever the reply's class, the mail is deferred and the host blamed.

        A refusal before MAIL is about us or the host, never about a recipient: bouncing on it
        would lose a whole list to one block (a 554 greeting is how blocks are told).
        """
        self.state = State.CLOSED
        self.says_quit = reply.code != 421
        self.failure = self._verdicts.host_failed(reply, STEP_PHASE[self.step])

    def _send(self, step: Step, line: str) -> None:
        self.step = step
        self.output += line.encode("utf-8") + b"\r\n"

    def _on_greeting(self, reply: Reply) -> None:
        if 200 <= reply.code < 300:
            self._send(Step.EHLO, f"EHLO {self._options.ehlo}")
        else:
            self.fail(reply)

    def _on_ehlo(self, reply: Reply) -> None:
        if 200 <= reply.code < 300:
            self.extensions = parse_extensions(reply.lines)
            self._after_hello()
        elif reply.code in _EHLO_UNKNOWN or reply.enhanced.startswith("5.5."):
            self._send(Step.HELO, f"HELO {self._options.ehlo}")
        else:
            self.fail(reply)

    def _on_helo(self, reply: Reply) -> None:
        if 200 <= reply.code < 300:
            self._after_hello()
        else:
            self.fail(reply)

    def _after_hello(self) -> None:
        if self._may_starttls and self.extensions.starttls:
            self._may_starttls = False
            self._send(Step.STARTTLS, "STARTTLS")
        elif self._options.tls.is_mandatory and not self._verdicts.tls:
            self.step = Step.STARTTLS
            self.fail(
                Reply.of(454, "4.7.4", "encryption is required and the server does not offer it")
            )
        elif self._credentials is not None:
            self._authenticate(self._credentials)
        else:
            self.state = State.READY

    def _on_starttls(self, reply: Reply) -> None:
        if 200 <= reply.code < 300:
            self.state = State.HANDSHAKE
        elif self._options.tls.is_mandatory or 300 <= reply.code < 400:
            self.fail(reply)
        else:  # 454 and the like: the session is as before, it goes on in clear
            self._after_hello()

    def _authenticate(self, credentials: Credentials) -> None:
        self.step = Step.AUTH_PLAIN
        if not self._verdicts.tls and self._options.tls is not TlsMode.OFF:
            self.fail(
                Reply.of(454, "4.7.0", "the password is not sent without TLS (unless tls = off)")
            )
        elif "PLAIN" in self.extensions.auth:
            response = f"\0{credentials.username}\0{credentials.password}"
            self._send(Step.AUTH_PLAIN, f"AUTH PLAIN {_base64(response)}")
        elif "LOGIN" in self.extensions.auth:
            self._send(Step.AUTH_LOGIN, "AUTH LOGIN")
        else:
            self.fail(Reply.of(454, "4.7.0", "the server offers neither AUTH PLAIN nor LOGIN"))

    def _on_auth_login(self, reply: Reply) -> None:
        self._answer(reply, Step.AUTH_USER, "username")

    def _on_auth_user(self, reply: Reply) -> None:
        self._answer(reply, Step.AUTH_PASSWORD, "password")

    def _answer(self, reply: Reply, step: Step, field: str) -> None:
        if reply.code == 334:
            self._send(step, _base64(getattr(self._credentials, field)))
        else:
            self.fail(reply)

    def _on_auth_end(self, reply: Reply) -> None:
        if 200 <= reply.code < 300:
            self._credentials = None
            self.state = State.READY
        else:
            self.fail(reply)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")
