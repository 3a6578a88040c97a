"""What is exported of an account: webhooks (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "webhook",
        "id:id account:id url description types:json state reason created_at:time",
    ),
    table(
        "webhook_delivery",
        "id:id webhook:id kind first:id last:id events attempt at:time took_ms status answer",
    ),
)
