"""Manuals and guides from one source: the Markdown of `docs/manuals` (T-k, T-p).

`sources` finds the files and parts them into chapters, `markdown` turns a chapter into HTML. Import
the module you need; this package re-exports nothing.
"""
