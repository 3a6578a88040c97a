"""What is exported of an account: contacts, lists and consent (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "contact",
        "id:id account:id email attributes:json status language source created_at:time "
        "changed_at:time",
    ),
    table(
        "contact_list",
        "id:id account:id name kind optin description state members created_at:time "
        "changed_at:time",
    ),
    table(
        "list_member",
        "list:id contact:id status changed_at:time",
        start=(0, 0),
    ),
    table(
        "consent",
        "id:id account:id contact:id list:id what text_version address agent at:time",
    ),
)
