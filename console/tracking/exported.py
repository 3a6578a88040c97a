"""What is exported of an account: opens and clicks (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "link",
        "message:id number flow:id url",
        start=(0, 0),
    ),
    table(
        "engagement",
        "delivery:id message:id flow:id opened_at:time is_inferred:flag last_opened_at:time "
        "opens automatic_opens clicked_at:time last_clicked_at:time clicks automatic_clicks",
    ),
)
