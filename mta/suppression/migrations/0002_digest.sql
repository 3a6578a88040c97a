-- An address over all accounts: for requests of persons, and for looking one up.
CREATE INDEX suppression_digest ON suppression (digest);
