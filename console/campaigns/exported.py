"""What is exported of an account: campaigns (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "campaign",
        "campaign AS c",
        "id:id account:id name status reason note content:json audience:json plan:json "
        "parent:id frozen:json figures:json created_by=created_by_name "
        "created_at=created_ms:time changed_at=changed_ms:time",
    ),
    table(
        "campaign_history",
        "campaign_history AS h CROSS JOIN campaign AS c ON c.id = h.campaign",
        "id:id campaign:id was became reason note actor_kind actor=actor_name at=at_ms:time",
    ),
)
