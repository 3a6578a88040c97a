-- What is removed of accounts that are erased: pieces of a bounded size, called until nothing changes.
-- rows: account. Who calls keeps the order: what belongs to something goes before it.

-- name: closing_drop_list_member
-- order: 88
DELETE FROM list_member WHERE (list, contact) IN (
    SELECT list, contact FROM list_member WHERE list IN (
        SELECT id FROM contact_list WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_optin_ask
-- order: 88
DELETE FROM optin_ask WHERE (list, contact) IN (
    SELECT list, contact FROM optin_ask WHERE list IN (
        SELECT id FROM contact_list WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_optin_wording
-- order: 88
DELETE FROM optin_wording WHERE (list, n) IN (
    SELECT list, n FROM optin_wording WHERE list IN (
        SELECT id FROM contact_list WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_optin_list
-- order: 88
DELETE FROM optin_list WHERE list IN (
    SELECT list FROM optin_list WHERE list IN (
        SELECT id FROM contact_list WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_consent
-- order: 88
DELETE FROM consent WHERE id IN (
    SELECT id FROM consent WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_contact
-- order: 88
DELETE FROM contact WHERE id IN (
    SELECT id FROM contact WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_contact_list
-- order: 88
DELETE FROM contact_list WHERE id IN (
    SELECT id FROM contact_list WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_contact_segment
-- order: 88
DELETE FROM contact_segment WHERE id IN (
    SELECT id FROM contact_segment WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_upload_reject
-- order: 88
DELETE FROM upload_reject WHERE (upload, row) IN (
    SELECT upload, row FROM upload_reject WHERE upload IN (
        SELECT id FROM upload WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_audience_row
-- order: 88
DELETE FROM audience_row WHERE (audience, n) IN (
    SELECT audience, n FROM audience_row WHERE audience IN (
        SELECT id FROM audience WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_audience
-- order: 88
DELETE FROM audience WHERE id IN (
    SELECT id FROM audience WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_upload
-- order: 88
DELETE FROM upload WHERE id IN (
    SELECT id FROM upload WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_enrolment
-- order: 88
DELETE FROM enrolment WHERE id IN (
    SELECT id FROM enrolment WHERE automation IN (
        SELECT id FROM automation WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_automation_version
-- order: 88
DELETE FROM automation_version WHERE (automation, version) IN (
    SELECT automation, version FROM automation_version WHERE automation IN (
        SELECT id FROM automation WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_automation_count
-- order: 88
DELETE FROM automation_count WHERE (automation, step, what) IN (
    SELECT automation, step, what FROM automation_count WHERE automation IN (
        SELECT id FROM automation WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_automation
-- order: 88
DELETE FROM automation WHERE id IN (
    SELECT id FROM automation WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_template_version
-- order: 88
DELETE FROM template_version WHERE (template, number) IN (
    SELECT template, number FROM template_version WHERE template IN (
        SELECT id FROM template WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_template
-- order: 88
DELETE FROM template WHERE id IN (
    SELECT id FROM template WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_media_part
-- order: 88
DELETE FROM media_part WHERE (media, number) IN (
    SELECT media, number FROM media_part WHERE media IN (
        SELECT id FROM media WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 20);

-- name: closing_drop_media
-- order: 88
DELETE FROM media WHERE id IN (
    SELECT id FROM media WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_export_job
-- order: 88
DELETE FROM export_job WHERE id IN (
    SELECT id FROM export_job WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_brand
-- order: 88
DELETE FROM brand WHERE account IN (
    SELECT account FROM brand WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_webhook_delivery
-- order: 88
DELETE FROM webhook_delivery WHERE id IN (
    SELECT id FROM webhook_delivery WHERE webhook IN (
        SELECT id FROM webhook WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_webhook
-- order: 88
DELETE FROM webhook WHERE id IN (
    SELECT id FROM webhook WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_tracking_account
-- order: 88
DELETE FROM tracking_account WHERE account IN (
    SELECT account FROM tracking_account WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_campaign_link
-- order: 88
DELETE FROM campaign_link WHERE (message, n) IN (
    SELECT message, n FROM campaign_link WHERE flow IN (
        SELECT id FROM flow WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_campaign_history
-- order: 88
DELETE FROM campaign_history WHERE id IN (
    SELECT id FROM campaign_history WHERE campaign IN (
        SELECT id FROM campaign WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_campaign
-- order: 88
DELETE FROM campaign WHERE id IN (
    SELECT id FROM campaign WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_figure_person
-- order: 88
DELETE FROM figure_person WHERE (flow, type, delivery) IN (
    SELECT flow, type, delivery FROM figure_person WHERE flow IN (
        SELECT id FROM flow WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_suppression_held
-- order: 88
DELETE FROM suppression_held WHERE id IN (
    SELECT id FROM suppression_held WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_training_recipient
-- order: 88
DELETE FROM training_recipient WHERE (account, address) IN (
    SELECT account, address FROM training_recipient WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_training_certificate
-- order: 88
DELETE FROM training_certificate WHERE number IN (
    SELECT number FROM training_certificate WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_guide_sent
-- order: 88
DELETE FROM guide_sent WHERE message IN (
    SELECT message FROM guide_sent WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_membership
-- order: 88
DELETE FROM membership WHERE rowid IN (
    SELECT rowid FROM membership WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_domain_status
-- order: 88
DELETE FROM domain_status WHERE domain IN (
    SELECT domain FROM sending_domain WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_sending_domain
-- order: 88
DELETE FROM sending_domain WHERE rowid IN (
    SELECT rowid FROM sending_domain WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_blank_suppression
-- order: 89
-- The decision stays, by its keyed hash; the address does not.
UPDATE suppression SET address = '', folded = '', note = ''
WHERE account IN (SELECT value->>0 FROM json_each(:rows)) AND (address <> '' OR note <> '');

-- name: closing_blank_credential
-- order: 89
UPDATE credential
SET name = '', networks = '[]', sender_domains = '[]', state = 'revoked', secret_sha256 = '',
    scram_salt = '', scram_stored_key = '', scram_server_key = ''
WHERE account IN (SELECT value->>0 FROM json_each(:rows)) AND name <> '';

-- name: closing_blank_flow
-- order: 89
-- The ledger names flows, so they stay, without what people called them.
UPDATE flow SET name = 'erased ' || id, gate_reason = ''
WHERE account IN (SELECT value->>0 FROM json_each(:rows)) AND name NOT LIKE 'erased %';

-- name: closing_blank_refund_item
-- order: 89
UPDATE quota_refund_item SET address = 'erased@erased.invalid'
WHERE account IN (SELECT value->>0 FROM json_each(:rows)) AND address <> 'erased@erased.invalid';

-- name: closing_blank_incident
-- order: 89
-- The register stays, without how to reach who reported.
UPDATE incident SET contact = '–', opened_by_name = '–'
WHERE account IN (SELECT value->>0 FROM json_each(:rows)) AND contact <> '–';

-- name: closing_orphans
-- People who have no role anywhere, after theirs went.
SELECT u.id FROM console_user AS u
WHERE u.id IN (SELECT value FROM json_each(:users))
  AND NOT EXISTS (SELECT 1 FROM membership AS m WHERE m."user" = u.id);

-- name: closing_people
SELECT DISTINCT "user" FROM membership WHERE account IN (SELECT value FROM json_each(:accounts));

-- name: closing_forget_console_session
-- order: 89
-- rows: user
DELETE FROM console_session WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_forget_second_factor
-- order: 89
-- rows: user
DELETE FROM second_factor WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_forget_recovery_code
-- order: 89
-- rows: user
DELETE FROM recovery_code WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_forget_one_time_link
-- order: 89
-- rows: user
DELETE FROM one_time_link WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_forget_user_profile
-- order: 89
-- rows: user
DELETE FROM user_profile WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_forget_user
-- order: 90
-- rows: user
UPDATE console_user
SET email = 'erased-' || id || '@erased.invalid', password = '', state = 'disabled'
WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_drop_usage_report_part
-- order: 88
DELETE FROM usage_report_part WHERE (report, format, number) IN (
    SELECT report, format, number FROM usage_report_part WHERE report IN (
        SELECT id FROM usage_report WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_usage_report_file
-- order: 88
DELETE FROM usage_report_file WHERE (report, format) IN (
    SELECT report, format FROM usage_report_file WHERE report IN (
        SELECT id FROM usage_report WHERE account IN (SELECT value->>0 FROM json_each(:rows)))
    LIMIT 500);

-- name: closing_drop_usage_report
-- order: 88
DELETE FROM usage_report WHERE id IN (
    SELECT id FROM usage_report WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);

-- name: closing_drop_usage_schedule
-- order: 88
DELETE FROM usage_schedule WHERE account IN (
    SELECT account FROM usage_schedule WHERE account IN (SELECT value->>0 FROM json_each(:rows)) LIMIT 500);
