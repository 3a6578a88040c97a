"""Checks what a schema cannot say: addresses, header text, attachments; collects what is wrong."""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence

import orjson

from console.api.messages.request import Attachment, Mailbox, MessageRequest
from console.api.refusals import Violation, invalid
from console.content.fields import TemplateError
from console.content.headers import check_header
from console.content.structure import File
from mta.intake.steering import MAX_METADATA
from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError

MAX_MERGE = 16_384  # characters of one recipient's values as JSON
# What may end a line or hide in one, for some reader: C0, DEL, C1, line and paragraph separators.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Checks:
    """What is wrong with a request; `finish` raises when anything is."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, field: str, code: str, **values: str) -> None:
        """One more violation."""
        self._found.append(Violation(field, code, values))

    def finish(self) -> None:
        """Raises `ApiRefusal` with all that was found."""
        if self._found:
            raise invalid(*self._found)

    def one_line(self, field: str, text: str) -> str:
        """Text for a header: no control character, no line separator."""
        if _CONTROL.search(text):
            self.add(field, "control_character")
        return text

    def body(self, field: str, text: str) -> str:
        """Text of a part."""
        if _UNSTORABLE.search(text):
            self.add(field, "control_character")
        return text

    def address(self, field: str, text: str) -> Address | None:
        """The address, strictly one."""
        try:
            return parse_address(text)
        except AddressSyntaxError as error:
            self.add(field, "invalid_address", detail=str(error))
            return None

    def mailbox(self, field: str, box: Mailbox) -> tuple[Address | None, str]:
        """Address and name of a mailbox."""
        return self.address(f"{field}.email", box.email), self.one_line(f"{field}.name", box.name)

    def mailboxes(self, field: str, boxes: Sequence[Mailbox]) -> list[tuple[Address, str]]:
        """Those of several."""
        found = [self.mailbox(f"{field}.{n}", box) for n, box in enumerate(boxes)]
        return [(address, name) for address, name in found if address is not None]

    def headers(self, request: MessageRequest) -> tuple[tuple[str, str], ...]:
        """The header fields that were asked for."""
        for name, value in request.headers.items():
            field = f"headers.{name[:80]}"
            try:
                check_header(name)
            except TemplateError:
                self.add(field, "header_reserved")
            self.one_line(field, value)
        return tuple(request.headers.items())

    def tags(self, tags: Sequence[str]) -> tuple[str, ...]:
        """Tags, which appear in logs and lists."""
        for n, tag in enumerate(tags):
            if not tag.isprintable() or not tag.strip():
                self.add(f"tags.{n}", "control_character")
        return tuple(dict.fromkeys(tags))

    def metadata(self, value: dict[str, object]) -> str:
        """The JSON text that is kept with the message; empty for none."""
        return self.json("metadata", value, MAX_METADATA) if value else ""

    def json(self, field: str, value: dict[str, object], longest: int) -> str:
        """An object as text."""
        try:
            text = orjson.dumps(value).decode()
        except (TypeError, UnicodeDecodeError):  # more than 64 bits, surrogates, too deep
            self.add(field, "invalid_json")
            return ""
        if len(text) > longest:
            self.add(field, "too_long", limit=str(longest))
        if "\\u0000" in text:
            self.add(field, "control_character")
        return text

    def files(self, attachments: Sequence[Attachment]) -> tuple[File, ...]:
        """The attachments decoded."""
        files: list[File] = []
        for n, one in enumerate(attachments):
            try:
                data = b64decode(one.content, validate=True)
            except (binascii.Error, ValueError):
                self.add(f"attachments.{n}.content", "invalid_base64")
                continue
            files.append(File(one.filename, one.content_type, data, one.content_id))
        return tuple(files)
