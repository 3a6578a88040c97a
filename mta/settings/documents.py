"""Writes the documents that come from the schema: the commented sample and the reference.

`config/relevo.toml` and `docs/reference/settings.md` are these texts; tests hold them together.
`python -m mta.settings sample|reference` prints them.
"""

import textwrap
from collections.abc import Iterator, Mapping

from mta.settings.display import to_toml
from mta.settings.keys import Key, all_keys, table_keys
from mta.settings.schema import Settings
from mta.settings.table import Table

_WIDTH = 100

_SAMPLE_HEAD = """\
# Settings of Relevo.
#
# Every line that is commented out shows the default: remove the "#" to change it. The same keys can
# be set in the environment, which wins over this file: RELEVO_SUBMISSION__MAX_RECIPIENTS=500.
# Durations: "30s", "5m", "1h30m", "2d". Sizes: 26214400 or "25MiB". Relative paths start at the
# directory of this file, or at the one above it when that directory is named "config".
# `relevo check` shows every effective value and where it came from.
"""

_REFERENCE_HEAD = """\
# Settings

<!-- Generated from the schema: `python -m mta.settings reference`. Do not edit. -->

Relevo reads one TOML file: `--config FILE`, else `$RELEVO_CONFIG`, else `config/relevo.toml`. Every
key has a default; `config/relevo.toml` as shipped is a commented sample of all of them. A key or
table that does not exist is an error, and all errors are shown together, each with its file, table,
key, value and what was expected. `relevo check` shows every effective value and where it came from,
and warns of what is dangerous.

- **Environment.** Each key can be set by a variable, `RELEVO_` + table + `__` + key, for example
  `RELEVO_SUBMISSION__LISTEN=0.0.0.0:587,[::]:587`; the environment wins over the file. Lists are
  comma separated or JSON, arrays of tables are JSON. A variable set to nothing means an empty value.
  `RELEVO_…__…` variables that name no setting are errors.
- **Durations** are texts such as `"30s"`, `"5m"`, `"1h30m"`, `"2d"` (units `ms s m h d w`), or
  numbers of seconds. **Sizes** are bytes, or texts such as `"512K"`, `"25MiB"`, `"1GiB"` (powers of
  1024).
- **HOST:PORT**: IPv6 addresses stand in brackets, `[2001:db8::1]:25`. Port 0 in a listening address
  lets the system choose one.
- **Relative paths** are taken from the directory of the settings file; if that directory is named
  `config`, from the directory above it. So `config/relevo.toml` and `queue` are neighbours. Without
  a settings file they are taken from the current directory.
- **Secrets** stand in files of their own (`smarthost_password_file`); a password in the URL of a
  database is never shown.
"""


def sample(values: Mapping[str, object] | None = None) -> str:
    """The commented sample; `values` (by dotted name) are set in it instead of commented out.

    Raises `KeyError` for a name that is not a setting.
    """
    left = dict(values or {})
    parts = [_SAMPLE_HEAD]
    section = ""
    arrays: list[Key] = []
    for key in all_keys():
        if key.section != section:
            parts += _arrays(arrays)
            arrays = []
            section = key.section
            parts.append(f"\n# {_sentence(section)}\n[{section}]\n")
        if key.entry is not None:
            arrays.append(key)
            continue
        mark, value = ("", left.pop(key.name)) if key.name in left else ("#", key.default)
        parts.append(f"{_comment(key.description)}{mark}{key.name_in_section} = {to_toml(value)}\n")
    parts += _arrays(arrays)
    if left:
        raise KeyError(*left)
    return "".join(parts)


def _sentence(section: str) -> str:
    return Settings.model_fields[section].description or ""


def _comment(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ") + "\n"


def _arrays(keys: list[Key]) -> Iterator[str]:
    """Arrays of tables follow the plain keys of their table, as TOML needs it."""
    for key in keys:
        assert key.entry is not None
        yield f"\n{_comment(key.description)}#[[{key.name}]]\n"
        for field in table_keys(key.entry):
            yield f"{_comment(field.description)}#{field.name} = {to_toml(_example(field))}\n"


def _example(key: Key) -> object:
    examples = key.field.examples
    return examples[0] if examples else key.default


def reference_markdown() -> str:
    """The reference of all settings, `docs/reference/settings.md`."""
    parts = [_REFERENCE_HEAD]
    section = ""
    for key in all_keys():
        if key.section != section:
            section = key.section
            parts.append(f"\n## `[{section}]`\n\n{_sentence(section)}\n\n{_TABLE_HEAD}")
        parts.append(_reference_row(key, key.name_in_section, f"<br>`{key.variable}`"))
        if key.entry is not None:
            parts += _entry_rows(key.entry, key.name_in_section)
    return "".join(parts)


_TABLE_HEAD = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"


def _entry_rows(entry: type[Table], above: str) -> Iterator[str]:
    for field in table_keys(entry):
        yield _reference_row(field, f"{above}[].{field.name}", "")


def _reference_row(key: Key, name: str, variable: str) -> str:
    default = "required" if key.field.is_required() else f"`{to_toml(key.default)}`"
    kind = key.kind_name.replace("|", "\\|")
    meaning = key.description.replace("|", "\\|").replace("<", "&lt;")
    return f"| `{name}` | {kind} | {default} | {meaning}{variable} |\n"
