"""What is exported of an account: its reports with their files (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "usage_report",
        "usage_report AS r",
        "id:id account:id contract=series:id number first=first_day last=last_day language state "
        "is_scheduled:flag addressees:json error asked_by digest created_at=created_ms:time "
        "done_at=done_ms:time mailed_at=mailed_ms:time",
    ),
    table(
        "usage_report_file",
        "usage_report_part AS p CROSS JOIN usage_report_file AS f "
        "ON f.report = p.report AND f.format = p.format "
        "CROSS JOIN usage_report AS r ON r.id = p.report",
        "report:id format part=number size=f.size sha256=f.sha256 base64=data",
        key=("report", "place"),
        start=(0, ""),
        page=20,
        place="p.format || printf('%06d', p.number)",
    ),
)
