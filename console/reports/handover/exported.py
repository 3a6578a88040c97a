"""What is exported of an account: what was entered for the hand-over (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table("handover_fact", "handover_fact AS f", "account:id name value",
          key=("account", "name"), start=(0, "")),
    table("handover_training", "handover_training AS t",
          "id:id account:id held_on place teacher topics:json minutes people:json added_by "
          "added_at=added_ms:time"),
    table("handover_certificate", "handover_certificate AS c",
          "account:id number name email minutes last_day issued_by issued_at=issued_ms:time",
          key=("account", "number"), start=(0, 0)),
    table("handover_manual", "handover_manual AS m",
          "id:id account:id kind language version sha256 recipient delivered_on added_by "
          "added_at=added_ms:time"),
)  # fmt: skip
