"""What is exported of an account: contacts, lists, consent, and what files brought (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "contact",
        "contact AS c",
        "id:id account:id email attributes=attrs:json status language source "
        "created_at=created_ms:time changed_at=changed_ms:time",
    ),
    table(
        "contact_list",
        "contact_list AS l",
        "id:id account:id name kind optin description state members created_at=created_ms:time "
        "changed_at=changed_ms:time",
    ),
    table(
        "list_member",
        "list_member AS m CROSS JOIN contact_list AS l ON l.id = m.list",
        "list:id contact:id status changed_at=changed_ms:time",
        key=("list", "contact"),
        start=(0, 0),
    ),
    table(
        "contact_segment",
        "contact_segment AS s",
        "id:id account:id name filter:json created_at=created_ms:time changed_at=changed_ms:time",
    ),
    table(
        "optin_list",
        "optin_list AS o CROSS JOIN contact_list AS l ON l.id = o.list",
        "list:id is_open:flag wording",
        key=("list",),
    ),
    table(
        "optin_ask",
        "optin_ask AS a",
        "list:id contact:id account:id asked_at=asked_ms:time asks since=since_ms:time",
        key=("list", "contact"),
        start=(0, 0),
    ),
    table(
        "optin_wording",
        "optin_wording AS w CROSS JOIN contact_list AS l ON l.id = w.list",
        "list:id n text since=since_ms:time",
        key=("list", "n"),
        start=(0, 0),
    ),
    table(
        "consent",
        "consent AS c",
        "id:id account:id contact:id list:id what text_version address agent at=at_ms:time",
    ),
    table(
        "upload",
        "upload AS u",
        "id:id account:id name size sha256 state problem counts:json columns:json audience:id stored "
        "created_by created_at=created_ms:time changed_at=changed_ms:time",
    ),
    table(
        "upload_reject",
        "upload_reject AS j CROSS JOIN upload AS u ON u.id = j.upload",
        "upload:id row column=col value reason hint",
        key=("upload", "row"),
        start=(0, 0),
    ),
    table(
        "audience",
        "audience AS a",
        "id:id account:id name state columns:json counts:json total source:json "
        "created_at=created_ms:time",
    ),
    table(
        "audience_row",
        "audience_row AS r CROSS JOIN audience AS a ON a.id = r.audience",
        "audience:id n address values=merge:json contact:id",
        key=("audience", "n"),
        start=(0, -1),
    ),
)
