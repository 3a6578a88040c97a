"""What is exported of an account: accounts, people, the bag, mail, suppressions, the audit trail (T-t)."""

from console.accounts.exporting.columns import table

TABLES = (
    table(
        "account",
        "id:id parent:id name kind state language timezone needs_approval:flag created_at:time",
    ),
    table(
        "person",
        "id:id email name language timezone state has_second_factor:flag created_at:time",
    ),
    table(
        "membership",
        "person:id account:id role created_at:time",
    ),
    table(
        "credential",
        "id:id account:id name key_id username scopes:json sender_domains:json networks:json "
        "default_class:class rate_per_minute per_hour per_day state created_at:time "
        "expires_at:time last_used_at:time replaced_by:id",
    ),
    table(
        "sending_domain",
        "domain account:id shared:flag state selector verified_at:time checked_at:time "
        "records:json created_at:time",
        start=("",),
    ),
    table(
        "contract",
        "id:id account:id name size days starts_on ended_at:time created_at:time",
    ),
    table(
        "share",
        "id:id contract:id account:id granted available reserved consumed refunded expired "
        "is_open:flag",
    ),
    table(
        "share_use",
        "share:id account:id cap reserved consumed refunded",
        start=(0, 0),
    ),
    table(
        "ledger",
        "id:id at:time share:id account:id kind available reserved consumed flow:id reference "
        "reason actor_kind actor_id:id actor number hash",
    ),
    table(
        "reservation",
        "id:id share:id account:id reference flow:id size rest created_at:time",
    ),
    table(
        "refund",
        "id:id account:id subject:json scope resend:flag reason evidence state deliveries "
        "put_back sent_again proposed_by decided_by decision created_at:time decided_at:time "
        "done_at:time",
    ),
    table(
        "refund_delivery",
        "refund:id delivery:id message:id flow:id account:id recipient state:state",
        start=(0, 0),
    ),
    table(
        "training_recipient",
        "account:id address created_at:time",
        start=(0, ""),
    ),
    table(
        "approval",
        "id:id kind account:id object data:json state asked_by_kind asked_by created_at:time "
        "expires_at:time decided_by_kind decided_by decided_at:time reason",
    ),
    table(
        "audit",
        "id:id at:time actor_kind actor_id:id actor address agent action account:id object "
        "before:json after:json result number hash",
    ),
    table(
        "incident",
        "id:id number account:id category subject text contact state reference opened_by "
        "created_at:time changed_at:time closed_at:time",
    ),
    table(
        "incident_note",
        "id:id incident author_kind author text state at:time",
    ),
    table(
        "door_usage",
        "day account:id credential:id door requests accepted rejected errors recipients refused",
        start=("",),
    ),
    table(
        "suppression",
        "id:id account:id address reason scope note message:id delivery:id created_by "
        "created_at:time expires_at:time",
    ),
    table(
        "suppression_held",
        "id:id account:id address message:id delivery:id reply at:time",
    ),
    table(
        "flow",
        "id:id account:id name kind class:class created_at:time",
    ),
    table(
        "message",
        "id:id accepted_at:time flow:id account:id credential:id sender message_id subject "
        "client tags:json metadata:json octets",
    ),
    table(
        "delivery",
        "id:id message:id flow:id recipient state:state class:class attempts reply host "
        "merge:json contact:id changed_at:time",
    ),
    table(
        "event",
        "id:id at:time type:event account:id flow:id message:id delivery:id data:json",
    ),
)
