"""What is exported of an account: templates, brand, images and files (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "template",
        "template AS t",
        "id:id account:id name version state created_at=created_ms:time changed_at=changed_ms:time",
    ),
    table(
        "template_version",
        "template_version AS v CROSS JOIN template AS t ON t.id = v.template",
        "template:id number kind design subject source slots:json files:json text note author "
        "at=at_ms:time",
        key=("template", "number"),
        start=(0, -9223372036854775808),
        page=50,
    ),
    table(
        "brand",
        "brand AS b",
        "account:id fields:json changed_at=changed_ms:time",
        key=("account",),
    ),
    table(
        "media",
        "media AS m",
        "id:id account:id kind name media_type octets=size width height parts state author "
        "at=at_ms:time",
    ),
    # The images and files themselves, in base64.
    table(
        "media_part",
        "media_part AS p CROSS JOIN media AS m ON m.id = p.media",
        "media:id number base64=data",
        key=("media", "number"),
        start=(0, -1),
        page=8,
    ),
)
