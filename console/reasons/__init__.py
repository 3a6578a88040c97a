"""Why something is refused, in the language of who reads it: `said(text, language)`.

Services raise their reasons in English, for logs, commands and programs. Pages and API show them
to people, and ask here for their words.
"""

from console.reasons.catalogue import said, templates

__all__ = ["said", "templates"]
