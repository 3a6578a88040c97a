"""Which column is what: headers are guessed in Spanish and English, names made unique."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

EMAIL = "email"
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+\Z")
# Header, without accents and signs → the field of a contact.
KNOWN: Mapping[str, str] = MappingProxyType(
    {
        name: field
        for field, names in {
            EMAIL: "email correo mail e_mail correo_electronico email_address correo_e direccion_de_correo",
            "first_name": "nombre nombres first_name name primer_nombre given_name",
            "last_name": "apellido apellidos last_name surname apellidos_completos family_name",
            "paternal": "apellido_paterno ap_paterno paterno",
            "maternal": "apellido_materno ap_materno materno",
            "full_name": "nombre_completo nombres_y_apellidos apellidos_y_nombres full_name contacto",
            "position": "cargo puesto position job_title",
            "company": "empresa razon_social company entidad organizacion institucion proveedor",
            "ruc": "ruc nro_ruc numero_ruc",
            "dni": "dni nro_dni documento numero_documento",
            "phone": "telefono celular phone movil",
        }.items()
        for name in names.split()
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file."""

    place: int
    header: str  # as it stands in the file; "" where there is none
    field: str  # what mails call it
    is_email: bool


def plain(text: str) -> str:
    """Lower case without accents, words joined by `_`: `Razón Social` is `razon_social`."""
    flat = unicodedata.normalize("NFD", text.casefold())
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "_", flat).strip("_")


def has_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it has no address, and others do or it is known."""
    if any(_EMAIL.match(cell) for cell in first):
        return False
    return any(plain(cell) in KNOWN for cell in first) or any(
        _EMAIL.match(cell) for row in others for cell in row
    )


def guess(first: Sequence[str], others: Sequence[Sequence[str]], *, header: bool) -> list[Column]:
    """The columns; the address is the one with a known name, else the one with most addresses."""
    width = max(len(first), *(len(row) for row in others), 0) if others else len(first)
    headers = [*first, *[""] * (width - len(first))] if header else [""] * width
    email = _email_place(headers, others if header else [first, *others])
    taken: set[str] = set()
    columns = []
    for place, text in enumerate(headers):
        name = EMAIL if place == email else plain(text) or f"columna_{place + 1}"
        if name == EMAIL and place != email:
            name = f"{EMAIL}_2"
        field, number = name, 2
        while field in taken:
            field, number = f"{name}_{number}", number + 1
        taken.add(field)
        columns.append(Column(place, text, field, place == email))
    return columns


def _email_place(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """-1: there is none."""
    hits = [
        sum(1 for row in rows if place < len(row) and _EMAIL.match(row[place]))
        for place in range(len(headers))
    ]
    named = [n for n, text in enumerate(headers) if KNOWN.get(plain(text)) == EMAIL]
    for place in sorted(named, key=lambda n: -hits[n]):
        return place
    best = max(range(len(headers)), key=lambda n: hits[n], default=-1)
    return best if best >= 0 and hits[best] else -1
