"""What the listener says by itself: overload, timeouts, the end."""

from mta.model.reply import Reply

SHUTTING_DOWN = Reply.of(421, "4.3.2", "Server is shutting down, try again later")
TIMED_OUT = Reply.of(421, "4.4.2", "Timeout, closing connection")
TOO_MANY_CONNECTIONS = Reply.of(421, "4.7.0", "Too many connections, try again later")
TOO_MANY_LOGINS = Reply.of(421, "4.7.0", "Too many failed logins, try again later")
NO_MEMORY = Reply.of(452, "4.3.1", "Too much mail is coming in, try again later")
NO_MEMORY_LEFT = Reply.of(421, "4.3.1", "Too much mail is coming in, try again later")
STORE_FAILED = Reply.of(451, "4.3.0", "Message was not stored, try again later")
