"""The bag of mails: contracts, shares of sub-accounts, the ledger, and what accepting mail costs.

The ledger is a table of entries that are only ever added; balances move by a trigger of the
database when an entry is added, in the same transaction. So a balance is the sum of its entries,
and none falls below zero whatever runs at the same time (docs/explanation/quota.md).
"""
