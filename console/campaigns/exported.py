"""What is exported of an account: campaigns (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "campaign",
        "id:id account:id name status reason note content:json audience:json plan:json "
        "parent:id frozen:json figures:json created_by created_at:time changed_at:time",
    ),
    table(
        "campaign_history",
        "id:id campaign:id was became reason note actor_kind actor at:time",
    ),
)
