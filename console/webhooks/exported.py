"""What is exported of an account: webhooks (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    # Never a secret.
    table(
        "webhook",
        "webhook AS w",
        "id:id account:id url description types:json state reason created_at=created_ms:time",
    ),
    table(
        "webhook_delivery",
        "webhook_delivery AS d CROSS JOIN webhook AS w ON w.id = d.webhook",
        "id:id webhook:id kind first:id last:id events attempt at=at_ms:time took_ms status answer",
    ),
)
