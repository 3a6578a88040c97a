"""Reads `shaping.toml`, the operator's or the shipped one."""

import importlib.resources
import tomllib
from pathlib import Path

from pydantic import ValidationError

from mta.model.errors import ConfigurationError
from mta.shaping.problems import sentences
from mta.shaping.schema import Document, Limits


def load_document(path: Path | None) -> Document:
    """Parse and check a file (`None`: the shipped one); raises `ConfigurationError`.

    A file that says `extends_shipped = true` comes on top of the shipped tables; a provider of a shipped
    name replaces that one.
    """
    if path is None:
        return parse_document(shipped_text(), "shaping.toml")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from None
    own = parse_document(text, str(path))
    return _on_top_of(load_document(None), own) if own.extends_shipped else own


def parse_document(text: str, file: str) -> Document:
    """Check tables and keys; `file` is what errors call it."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None
    try:
        return Document.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError("\n".join(sentences(error.errors(), file, raw))) from None


def shipped_text() -> str:
    """The shipped `shaping.toml`: inside an installed package, or in `config/` of a source tree."""
    packaged = importlib.resources.files("mta.shaping").joinpath("shaping.toml")
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    tree = Path(__file__).resolve().parents[2] / "config" / "shaping.toml"
    return tree.read_text(encoding="utf-8")


def _on_top_of(shipped: Document, own: Document) -> Document:
    names = {provider.name for provider in own.provider}
    kept = tuple(provider for provider in shipped.provider if provider.name not in names)
    return own.model_copy(
        update={
            "default": _over(shipped.default, own.default),
            "routes": _over(shipped.routes, own.routes),
            "provider": (*kept, *own.provider),
            "site": (*shipped.site, *own.site),
            "warm_up": own.warm_up or shipped.warm_up,
        }
    )


def _over(shipped: Limits, own: Limits) -> Limits:
    """Both were checked, and together they still fit: there is nothing left to refuse."""
    return shipped.model_copy(update=own.over(shipped.chosen))
