"""Settings: schema, loading, hazards and the documents generated from the schema.

`load_settings` reads `config/relevo.toml` and the environment; `warnings` tells what works but is
dangerous; `describe`, `sample` and `reference_markdown` show the settings to people.
"""

from mta.settings.display import Row, describe
from mta.settings.documents import reference_markdown, sample
from mta.settings.files import FileProblem, unusable_files
from mta.settings.hazards import Hazard, Severity, warnings
from mta.settings.loading import DEFAULT_ORIGIN, Loaded, base_directory, load_settings
from mta.settings.schema import Settings
from mta.settings.values import HostPort

__all__ = [
    "DEFAULT_ORIGIN",
    "FileProblem",
    "Hazard",
    "HostPort",
    "Loaded",
    "Row",
    "Settings",
    "Severity",
    "base_directory",
    "describe",
    "load_settings",
    "reference_markdown",
    "sample",
    "unusable_files",
    "warnings",
]
