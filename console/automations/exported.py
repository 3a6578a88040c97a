"""What is exported of an account: automations (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "automation",
        "automation AS a",
        "id:id account:id name state mode version sender sender_name created_at=created_ms:time "
        "changed_at=changed_ms:time",
    ),
    table(
        "automation_version",
        "automation_version AS v CROSS JOIN automation AS a ON a.id = v.automation",
        "automation:id version definition:json made_by created_at=created_ms:time",
        key=("automation", "version"),
        start=(0, 0),
    ),
    table(
        "enrolment",
        "enrolment AS e CROSS JOIN automation AS a ON a.id = e.automation",
        "id:id automation:id version contact:id occasion step state due_at=due_ms:time "
        "facts:json reason entered_at=entered_ms:time changed_at=changed_ms:time",
    ),
)
