"""The content of mail that is written once and says something of its own to each recipient.

`fields` reads `{{ nombre | default: "…" }}`, `compiling` turns a message template into segments that
are encoded for the wire already, `rendering` joins them with a recipient's values, `wire` encodes.
"""
