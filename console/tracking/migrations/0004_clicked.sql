-- Who clicked, of a message: some of those who opened, who are some of those it went to.
CREATE INDEX engagement_clicked ON engagement (message, delivery) WHERE clicked_ms > 0;
