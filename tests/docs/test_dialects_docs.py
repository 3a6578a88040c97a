"""The reference of the dialects has every field of their schemas, and says what is done with it."""

import re
import types
import typing
from pathlib import Path

from pydantic import BaseModel

from console.api.dialects import postmark_schema as postmark
from console.api.dialects import sendgrid_schema as sendgrid
from console.api.dialects.postmark import Postmark
from console.api.dialects.sendgrid import SendGrid
from console.api.dialects.sendgrid_batches import SendGridBatches
from console.api.dialects.sendgrid_suppressions import SendGridSuppressions

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "dialects.md").read_text()
_FIELD = re.compile(r"^\| `([\w.]+)` \| (used|refused|no effect) \|", re.MULTILINE)
_ROUTE = re.compile(r"^\| (GET|POST|PATCH|DELETE) \| `([^`]+)` \|", re.MULTILINE)
MAILBOX = (sendgrid.Mailbox,)  # email and name, everywhere the same


def part(title):
    """The text below one heading."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def models(annotation):
    """The schemas inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (list, typing.Union, types.UnionType, typing.Annotated):
        return [one for inner in typing.get_args(annotation) for one in models(inner)]
    return []


def fields(model, prefix=""):
    """Every field of a schema by its name in JSON, with those inside of it."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        yield path
        for inner in models(field.annotation):
            if inner not in MAILBOX:
                yield from fields(inner, f"{path}.")


def test_every_field_of_sendgrid_s_request_is_used_refused_or_without_effect():
    assert {name for name, _ in _FIELD.findall(part("SendGrid"))} == set(fields(sendgrid.Mail))


def test_every_field_of_postmark_s_requests_is_used_refused_or_without_effect():
    known = {
        name
        for model in (postmark.Email, postmark.TemplatedEmail, postmark.TemplatedBatch)
        for name in fields(model)
    }
    assert {name for name, _ in _FIELD.findall(part("Postmark"))} == known


def test_every_path_of_a_dialect_is_in_the_reference():
    nothing: typing.Any = None
    for title, dialect in (
        (
            "SendGrid",
            SendGrid(
                nothing,
                SendGridSuppressions(nothing, nothing, nothing),
                SendGridBatches(nothing, nothing, nothing, nothing),
            ),
        ),
        ("Postmark", Postmark(nothing, nothing)),
    ):
        told = set(_ROUTE.findall(part(title)))
        assert told == {(m, path.rstrip("/")) for m, path, _ in dialect.routes()}, title
