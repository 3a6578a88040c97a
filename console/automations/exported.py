"""What is exported of an account: automations (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "automation",
        "id:id account:id name state mode version sender sender_name created_at:time "
        "changed_at:time",
    ),
    table(
        "automation_version",
        "automation:id version definition:json made_by created_at:time",
        start=(0, 0),
    ),
    table(
        "enrolment",
        "id:id automation:id version contact:id occasion step state due_at:time facts:json reason "
        "entered_at:time changed_at:time",
    ),
)
