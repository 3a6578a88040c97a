"""The transaction that a dispatcher hands to a connection; defined beside the protocol client."""

from mta.smtp.client_transaction import OutgoingRecipient, Transaction

__all__ = ["OutgoingRecipient", "Transaction"]
