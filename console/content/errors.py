"""What is wrong with a template: for logs in English, for people by code, line and what stands there."""

from mta.model.errors import PermanentError

MAX_SHOWN = 60


class TemplateError(PermanentError):
    """The template cannot be used; the text says where, why and what is expected.

    `code` names the problem for a page that says it in the reader's language, `line` counts from 1
    (0: unknown), `shown` is the piece of the template that it is about.
    """

    def __init__(self, text: str, *, code: str = "", line: int = 0, shown: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.line = line
        self.shown = shown[:MAX_SHOWN]
