"""What is exported of an account: its hand-overs and evidence, without their files (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table("filed_report", "filed_report AS r",
          "id:id account:id kind number first_day last_day language state asked_by "
          "created_at=created_ms:time done_at=done_ms:time digest lines"),
    table("filed_report_file", "filed_report_file AS f CROSS JOIN filed_report AS r ON "
          "r.id = f.report", "report:id format size sha256",
          key=("report", "format"), start=(0, "")),
)  # fmt: skip
