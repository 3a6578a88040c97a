-- Whether something is left of accounts (a JSON array) in each table that is emptied of them.

-- name: closing_left_list_member
SELECT EXISTS (SELECT 1 FROM list_member WHERE list IN (
    SELECT id FROM contact_list WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_optin_ask
SELECT EXISTS (SELECT 1 FROM optin_ask WHERE list IN (
    SELECT id FROM contact_list WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_optin_wording
SELECT EXISTS (SELECT 1 FROM optin_wording WHERE list IN (
    SELECT id FROM contact_list WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_optin_list
SELECT EXISTS (SELECT 1 FROM optin_list WHERE list IN (
    SELECT id FROM contact_list WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_consent
SELECT EXISTS (SELECT 1 FROM consent WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_contact
SELECT EXISTS (SELECT 1 FROM contact WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_contact_list
SELECT EXISTS (SELECT 1 FROM contact_list WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_contact_segment
SELECT EXISTS (SELECT 1 FROM contact_segment WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_upload_reject
SELECT EXISTS (SELECT 1 FROM upload_reject WHERE upload IN (
    SELECT id FROM upload WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_audience_row
SELECT EXISTS (SELECT 1 FROM audience_row WHERE audience IN (
    SELECT id FROM audience WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_audience
SELECT EXISTS (SELECT 1 FROM audience WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_upload
SELECT EXISTS (SELECT 1 FROM upload WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_enrolment
SELECT EXISTS (SELECT 1 FROM enrolment WHERE automation IN (
    SELECT id FROM automation WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_automation_version
SELECT EXISTS (SELECT 1 FROM automation_version WHERE automation IN (
    SELECT id FROM automation WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_automation_count
SELECT EXISTS (SELECT 1 FROM automation_count WHERE automation IN (
    SELECT id FROM automation WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_automation
SELECT EXISTS (SELECT 1 FROM automation WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_template_version
SELECT EXISTS (SELECT 1 FROM template_version WHERE template IN (
    SELECT id FROM template WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_template
SELECT EXISTS (SELECT 1 FROM template WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_media_part
SELECT EXISTS (SELECT 1 FROM media_part WHERE media IN (
    SELECT id FROM media WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_media
SELECT EXISTS (SELECT 1 FROM media WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_export_job
SELECT EXISTS (SELECT 1 FROM export_job WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_brand
SELECT EXISTS (SELECT 1 FROM brand WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_webhook_delivery
SELECT EXISTS (SELECT 1 FROM webhook_delivery WHERE webhook IN (
    SELECT id FROM webhook WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_webhook
SELECT EXISTS (SELECT 1 FROM webhook WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_tracking_account
SELECT EXISTS (SELECT 1 FROM tracking_account WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_campaign_link
SELECT EXISTS (SELECT 1 FROM campaign_link WHERE flow IN (
    SELECT id FROM flow WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_campaign_history
SELECT EXISTS (SELECT 1 FROM campaign_history WHERE campaign IN (
    SELECT id FROM campaign WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_campaign
SELECT EXISTS (SELECT 1 FROM campaign WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_figure_person
SELECT EXISTS (SELECT 1 FROM figure_person WHERE flow IN (
    SELECT id FROM flow WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_suppression_held
SELECT EXISTS (SELECT 1 FROM suppression_held WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_training_recipient
SELECT EXISTS (SELECT 1 FROM training_recipient WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_training_certificate
SELECT EXISTS (SELECT 1 FROM training_certificate WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_guide_sent
SELECT EXISTS (SELECT 1 FROM guide_sent WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_membership
SELECT EXISTS (SELECT 1 FROM membership WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_domain_status
SELECT EXISTS (SELECT 1 FROM domain_status WHERE domain IN (
    SELECT domain FROM sending_domain WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_sending_domain
SELECT EXISTS (SELECT 1 FROM sending_domain WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_usage_report_part
SELECT EXISTS (SELECT 1 FROM usage_report_part WHERE report IN (
    SELECT id FROM usage_report WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_usage_report_file
SELECT EXISTS (SELECT 1 FROM usage_report_file WHERE report IN (
    SELECT id FROM usage_report WHERE account IN (SELECT value FROM json_each(:accounts))));

-- name: closing_left_usage_report
SELECT EXISTS (SELECT 1 FROM usage_report WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: closing_left_usage_schedule
SELECT EXISTS (SELECT 1 FROM usage_schedule WHERE account IN (SELECT value FROM json_each(:accounts)));
