"""What takes a second person: somebody asks, another one decides, once."""

from console.accounts.approvals.service import ApprovalService
from console.accounts.approvals.values import Approval, ApprovalKind, ApprovalState, KindRules

__all__ = ["Approval", "ApprovalKind", "ApprovalService", "ApprovalState", "KindRules"]
