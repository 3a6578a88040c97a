"""What the endpoints about files of people take and give."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged

_Place = Annotated[int, Field(ge=0, le=16_383, description="Of a column, from 0.")]
_Field = Annotated[str, Field(min_length=1, max_length=100)]


class NewImport(BaseModel):
    """What goes along with a file that is the body itself."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str, Field(max_length=500, description="What the file is called.", examples=["lista.xlsx"])
    ] = ""


class ImportColumn(BaseModel):
    """A value that rows have."""

    name: str
    filled: int = Field(description="Rows in which it is not empty.")
    sample: str


class ImportShown(BaseModel):
    """A file with recipients."""

    id: Id
    name: str
    size: int = Field(description="Octets.")
    sha256: str
    state: Literal["received", "reading", "storing", "ready", "failed"]
    problem: str = Field(description="Why it failed; empty otherwise.")
    stored: int = Field(description="Rows that are stored so far.")
    counts: dict[str, int] = Field(
        description="`rows`, `accepted`, and what was left out by reason, once it was read."
    )
    columns: list[ImportColumn]
    audience: Id | None = Field(description="What a campaign is sent to; null until it is ready.")
    created: Time | None
    changed: Time | None


class ImportFilter(Paged):
    """All of the account, the newest first."""


class ImportPage(BaseModel):
    """Some files, the newest first."""

    items: list[ImportShown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class PreviewFilter(BaseModel):
    """What is looked at."""

    model_config = ConfigDict(extra="forbid")

    sheet: Annotated[
        str, Field(max_length=100, description="Of a workbook; empty: the first that is shown.")
    ] = ""
    header: Annotated[
        bool | None, Field(description="Whether the first row names the columns; null: guessed.")
    ] = None


class SheetShown(BaseModel):
    """A sheet of a workbook."""

    name: str
    hidden: bool


class ColumnShown(BaseModel):
    """A column as it was guessed."""

    place: int
    header: str
    field: str = Field(description="What mails call its values.")
    email: bool = Field(description="It has the addresses.")
    hidden: bool = Field(description="The workbook does not show it.")


class PreviewShown(BaseModel):
    """The beginning of a file."""

    sheets: list[SheetShown]
    sheet: str
    header: bool
    columns: list[ColumnShown]
    rows: list[list[str]]
    hidden_rows: int = Field(description="Rows of the sheet that the workbook does not show.")


class ImportStart(BaseModel):
    """Which column is what; what is left out is as the preview guesses it."""

    model_config = ConfigDict(extra="forbid")

    email: _Place | None = None
    fields: Annotated[
        dict[_Field, _Place] | None,
        Field(max_length=200, description="Further values: what mails call them → their column."),
    ] = None
    header: bool | None = None
    sheet: Annotated[str, Field(max_length=100)] = ""
    keep: Annotated[
        Literal["first", "last"], Field(description="Of rows with the same address.")
    ] = "first"
    skip_roles: Annotated[bool, Field(description="Leave out mailboxes of functions.")] = False
    skip_typos: Annotated[bool, Field(description="Leave out misspelt domains.")] = True
    skip_hidden: Annotated[
        bool, Field(description="Leave out rows that the workbook hides, as by a filter.")
    ] = True
    corrects: Annotated[
        Id | None,
        Field(description="An import whose rows come first; what it has is not taken twice."),
    ] = None
    list: Annotated[Id | None, Field(description="A list that they go onto as well.")] = None


class RejectShown(BaseModel):
    """A row that was left out."""

    row: int
    column: int = Field(description="From 1.")
    value: str
    reason: str
    hint: str = Field(description="What was probably meant.")


class RejectPage(BaseModel):
    """Some rows that were left out, in the order of the file."""

    items: list[RejectShown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")
