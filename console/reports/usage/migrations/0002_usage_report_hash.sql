-- A file that somebody has is found by its hash.
CREATE INDEX usage_report_file_hash ON usage_report_file (sha256);
