"""The audit trail: who changed what, from where, before and after; append-only, in a keyed chain."""

from console.accounts.audit.trail import AuditTrail

__all__ = ["AuditTrail"]
