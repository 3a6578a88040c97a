"""What is exported of an account: guides that were mailed, certificates of the exercises (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "guide_sent",
        "guide_sent AS g",
        "message:id user:id account:id role language sent_at=sent_ms:time state "
        "changed_at=changed_ms:time reply",
        key=("message",),
    ),
    table(
        "training_certificate",
        "training_certificate AS c",
        "number account:id user:id person email institution code issued_at=issued_ms:time",
        key=("number",),
    ),
)
