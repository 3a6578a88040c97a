"""What is exported of an account: opens and clicks (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "link",
        "campaign_link AS k CROSS JOIN flow AS f ON f.id = k.flow",
        "message:id number=n flow:id url",
        key=("message", "n"),
        start=(0, 0),
    ),
    table(
        "engagement",
        "engagement AS g CROSS JOIN flow AS f ON f.id = g.flow",
        "delivery:id message:id flow:id opened_at=opened_ms:time is_inferred:flag "
        "last_opened_at=last_opened_ms:time opens automatic_opens=auto_opens "
        "clicked_at=clicked_ms:time last_clicked_at=last_clicked_ms:time clicks "
        "automatic_clicks=auto_clicks",
        key=("delivery",),
    ),
)
