-- An account's messages, newest first: the API's list and the message log.
CREATE INDEX message_account ON message (account, id);
