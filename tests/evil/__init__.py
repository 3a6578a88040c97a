"""A mail server that misbehaves on demand, for tests of the delivery side."""
