-- Who came by a form and never confirmed is found and forgotten.
CREATE INDEX contact_pending ON contact (created_ms) WHERE status = 'pending';
