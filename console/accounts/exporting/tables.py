"""What is exported of an account: accounts, people, the bag, mail, suppressions, the audit trail (T-t)."""

from console.accounts.exporting.columns import ACCOUNTS, table

TABLES = (
    # The account and those below it.
    table(
        "account",
        "account AS a",
        "id:id parent:id name kind state language timezone needs_approval:flag "
        "created_at=created_ms:time",
        owned=f"a.id IN {ACCOUNTS}",
    ),
    # Who has a role there; never a password.
    table(
        "person",
        'console_user AS u LEFT JOIN user_profile AS p ON p."user" = u.id',
        "id:id email name=p.name language=p.language timezone=p.timezone state "
        "has_second_factor:flag created_at=created_ms:time",
        owned='EXISTS (SELECT 1 FROM membership AS m WHERE m."user" = u.id '
        "AND m.account IN (SELECT value FROM json_each(:accounts)))",
        has_second_factor='EXISTS (SELECT 1 FROM second_factor AS f WHERE f."user" = u.id '
        "AND f.state = 'active')",
    ),
    table(
        "membership",
        "membership AS m",
        "person=user:id account:id role created_at=created_ms:time",
        key=("rowid",),
    ),
    # Never a secret or what is made of one.
    table(
        "credential",
        "credential AS c",
        "id:id account:id name key_id username scopes:json sender_domains:json networks:json "
        "default_class:class rate_per_minute per_hour per_day state created_at=created_ms:time "
        "expires_at=expires_ms:time last_used_at=last_used_ms:time replaced_by:id",
    ),
    # Never a DKIM key.
    table(
        "sending_domain",
        "sending_domain AS d LEFT JOIN domain_status AS s ON s.domain = d.domain",
        "domain account:id shared:flag state selector=s.selector verified_at=s.verified_ms:time "
        "checked_at=s.checked_ms:time records=s.records:json created_at=created_ms:time",
        key=("domain",),
        start=("",),
        owned=f"+d.account IN {ACCOUNTS}",
    ),
    # Its own, and those that it has a share of.
    table(
        "contract",
        "quota_contract AS c",
        "id:id account:id name size days starts_on ended_at=ended_ms:time "
        "created_at=created_ms:time",
        owned="(+c.account IN (SELECT value FROM json_each(:accounts)) OR c.id IN "
        "(SELECT contract FROM quota_bag WHERE account IN (SELECT value FROM json_each(:accounts))))",
    ),
    table(
        "share",
        "quota_bag AS b",
        "id:id contract:id account:id granted available reserved consumed refunded expired "
        "is_open:flag",
    ),
    table(
        "share_use",
        "quota_use AS u",
        "share=bag:id account:id cap reserved consumed refunded",
        key=("bag", "account"),
        start=(0, 0),
    ),
    table(
        "ledger",
        "quota_entry AS e",
        "id:id at=at_ms:time share=bag:id account:id kind available reserved consumed flow:id "
        "reference reason actor_kind actor_id:id actor=actor_name number=seq hash",
    ),
    table(
        "reservation",
        "quota_reservation AS r",
        "id:id share=bag:id account:id reference flow:id size rest created_at=created_ms:time",
    ),
    table(
        "refund",
        "quota_refund AS r",
        "id:id account:id subject:json scope resend:flag reason evidence state deliveries=n "
        "put_back=given sent_again proposed_by decided_by decision created_at=created_ms:time "
        "decided_at=decided_ms:time done_at=done_ms:time",
    ),
    table(
        "refund_delivery",
        "quota_refund_item AS i",
        "refund:id delivery:id message:id flow:id account:id recipient=address state:state",
        key=("refund", "delivery"),
        start=(0, 0),
    ),
    table(
        "training_recipient",
        "training_recipient AS t",
        "account:id address created_at=created_ms:time",
        key=("account", "address"),
        start=(0, ""),
    ),
    table(
        "approval",
        "approval AS a",
        "id:id kind account:id object data:json state asked_by_kind asked_by=asked_by_name "
        "created_at=created_ms:time expires_at=expires_ms:time decided_by_kind "
        "decided_by=decided_by_name decided_at=decided_ms:time reason",
    ),
    table(
        "audit",
        "audit_entry AS a",
        "id:id at=at_ms:time actor_kind actor_id:id actor=actor_name address agent action "
        "account:id object before:json after:json result number=seq hash",
    ),
    table(
        "incident",
        "incident AS i",
        "id:id number account:id category subject text contact state reference "
        "opened_by=opened_by_name created_at=created_ms:time changed_at=changed_ms:time "
        "closed_at=closed_ms:time",
    ),
    table(
        "incident_note",
        "incident_note AS n CROSS JOIN incident AS i ON i.id = n.incident",
        "id:id incident=i.number author_kind author=author_name text state at=at_ms:time",
    ),
    table(
        "incident_judgement",
        "incident_judgement AS j CROSS JOIN incident AS i ON i.id = j.incident",
        "id:id incident=i.number kind severity began_at=began_ms:time known_at=known_ms:time "
        "needs_notice:flag happened data people measures author_kind author=author_name "
        "at=at_ms:time",
    ),
    table(
        "incident_notice",
        "incident_notice AS n CROSS JOIN incident AS i ON i.id = n.incident",
        "id:id incident=i.number whom name way told_at=told_ms:time text author_kind "
        "author=author_name at=at_ms:time",
    ),
    table(
        "incident_refund",
        "incident_refund AS r CROSS JOIN incident AS i ON i.id = r.incident",
        "incident=i.number refund:id author=author_name at=at_ms:time",
        key=("incident", "refund"),
        start=(0, 0),
    ),
    table(
        "door_usage",
        "door_usage AS u",
        "day account:id credential:id door requests accepted rejected errors recipients refused",
        key=("place",),
        start=("",),
        place="u.day || ' ' || u.account || ' ' || u.credential || ' ' || u.door",
    ),
    table(
        "suppression",
        "suppression AS s",
        "id:id account:id address reason scope note message:id delivery:id created_by "
        "created_at=created_ms:time expires_at=expires_ms:time",
    ),
    table(
        "suppression_held",
        "suppression_held AS h",
        "id:id account:id address message:id delivery:id reply at=at_ms:time",
    ),
    # Campaigns and streams.
    table(
        "flow",
        "flow AS f",
        "id:id account:id name kind class:class created_at=created_ms:time",
    ),
    # Not their contents, which are gone a day after the last recipient is final.
    table(
        "message",
        "message AS m",
        "id:id accepted_at:time flow:id account:id credential:id sender message_id=header_id "
        "subject client=source tags:json metadata:json octets=length",
        accepted_at="m.id / 1000000",
    ),
    table(
        "delivery",
        "delivery AS d CROSS JOIN message AS m ON m.id = d.message",
        "id:id message:id flow:id recipient=address state:state class:class attempts "
        "reply=last_reply host=last_host merge:json contact:id changed_at=changed_ms:time",
    ),
    table(
        "event",
        "event AS e",
        "id:id at=at_ms:time type:event account:id flow:id message:id delivery:id data:json",
    ),
)
