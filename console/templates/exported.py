"""What is exported of an account: templates, brand, images and files (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "template",
        "id:id account:id name version state created_at:time changed_at:time",
    ),
    table(
        "template_version",
        "template:id number kind design subject source slots:json files:json text note author at:time",
        start=(0, -(1 << 63)),  # drafts have numbers below 1
        page=50,
    ),
    table("brand", "account:id fields:json changed_at:time"),
    table(
        "media",
        "id:id account:id kind name media_type octets width height parts state author at:time",
    ),
    table("media_part", "media:id number base64", start=(0, -1), page=8),
)
